//! The curve of a training run.

use std::{fmt::Write as _, path::Path};

use deepface_files::write_atomically;
use deepface_report::svg::{Panel, panels};

use super::learner::Terms;

/// The losses of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Epoch {
    /// Number, from 1.
    pub number: usize,
    /// Means over the steps of the epoch, whose weights change all the time. The perceptual loss is 0 in steps that do not
    /// use it.
    pub train: Terms,
    /// Of the validation faces with the averaged weights.
    pub validation: Terms,
}

/// The curve as a table with a header, separated by tabs.
pub fn table(curve: &[Epoch]) -> String {
    let mut text = String::from(
        "epoch\ttrain_pixels\ttrain_perceptual\ttrain_divergence\ttrain_critic\t\
         validation_pixels\tvalidation_perceptual\tvalidation_divergence\n",
    );
    for epoch in curve {
        let _ = write!(text, "{}", epoch.number);
        let both = [epoch.train, epoch.validation];
        let [train, validation] = both.map(|t| [t.pixels, t.perceptual, t.divergence]);
        for value in train.iter().chain(&[epoch.train.critic]).chain(&validation) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\t{value:.5}");
        }
        text.push('\n');
    }
    text
}

/// Writes the curve as a table and a picture beside an output.
pub(super) fn write(output: &Path, curve: &[Epoch]) -> anyhow::Result<()> {
    let column = |value: fn(&Epoch) -> f64| curve.iter().map(value).collect::<Vec<f64>>();
    let columns = [
        ("validation pixels", column(|e| e.validation.pixels)),
        ("validation perceptual", column(|e| e.validation.perceptual)),
        ("validation divergence", column(|e| e.validation.divergence)),
    ];
    let all = columns
        .each_ref()
        .map(|(title, values)| Panel { title, values });
    write_atomically(&output.with_extension("curve.tsv"), table(curve).as_bytes())?;
    write_atomically(&output.with_extension("curve.svg"), panels(&all).as_bytes())?;
    Ok(())
}
