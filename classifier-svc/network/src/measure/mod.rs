//! Measuring: how well a network recognises attributes, and the thresholds of its decisions. Each person counts once,
//! however many photographs there are.

pub(crate) mod again;
mod bootstrap;
mod calibrate;
mod figure;
pub(crate) mod metrics;
pub(crate) mod scaling;
mod scores;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use anyhow::ensure;
use deepface_dataset::{Photograph, Split, Vocabulary};
use deepface_files::note;

use crate::Heads;
pub use again::AgainArgs;
use again::{Again, activations};
pub(crate) use calibrate::calibrate;
pub(crate) use figure::{Figure, said};
pub(crate) use scores::{Scores, Truth};

/// Measures a model's attributes again, and writes thresholds and figures into its weights file.
///
/// The thresholds are chosen on the validation people, and everything else is measured on the test people: accuracy,
/// balanced accuracy and AUC of each attribute, and their means with intervals of 95 %, by bootstrap over people. Each
/// person counts once: a photograph has a weight of one over the number of its person's. `train` measures its network
/// in the same way, so measure again only for other photographs or labels, or a file that an older version of this
/// program made.
///
/// Without --calibrate nothing else changes in the file, but its digest does: fit the statistics of a generator anew. A table of the
/// attributes is written beside the file, as OUTPUT.metrics.md.
#[derive(clap::Args, Clone, Debug)]
pub struct MeasureArgs {
    #[command(flatten)]
    again: AgainArgs,
    /// Calibrate the heads first, as `train` does: scale and shift their logits so that probabilities are as often right
    /// on the validation people as they say. This changes the weights of the heads.
    #[arg(long)]
    calibrate: bool,
}

/// Measures and writes.
///
/// # Errors
/// A file cannot be read or written, its heads are untrained, the label file has none of the attributes, or a split has no
/// photographs.
pub fn run(args: &MeasureArgs) -> anyhow::Result<()> {
    let MeasureArgs {
        again: args,
        calibrate: scaled,
    } = args;
    let mut again = Again::open(args)?;
    ensure!(
        !again.model.info().heads_untrained,
        "{}: the attribute heads are untrained, so there is nothing to measure; `train --init` trains them",
        args.model.display()
    );
    let schema = again.description.schema.clone();
    let heads = Heads::of(&schema);
    let dataset = again::dataset(args, Vocabulary::Of(schema))?;
    ensure!(
        dataset.known.contains(&true),
        "expected labels of the model's attributes, such as {:?}; the label file has none of them",
        dataset.schema.names().next().unwrap_or_default()
    );
    let [validation, test] = again::photographs(args, &dataset)?;
    ensure!(
        !validation.is_empty() && !test.is_empty(),
        "expected photographs in the validation and test splits, got {} and {}",
        validation.len(),
        test.len()
    );
    let train: Vec<&Photograph> = dataset.split(Split::Train).collect();
    let train = Truth::of(&train, &dataset.known);
    let truths = [&validation, &test].map(|part| Truth::of(part, &dataset.known));
    if *scaled {
        let logits = activations(&mut again.model, "heads", &validation)?;
        again.rescale(&scaling::fit(&heads, &logits, &truths[0]))?;
    }
    let mut said = Vec::new();
    for photographs in [&validation, &test] {
        let mut logits = activations(&mut again.model, "heads", photographs)?;
        heads.softmaxes(&mut logits);
        said.push(logits);
    }
    let scores = |i: usize| Scores::new(&heads, &said[i], &truths[i]);
    calibrate(
        &mut again.description,
        &scores(0),
        &scores(1),
        |attribute| train.positives(attribute),
    );
    let written = again.write()?;
    table::write(again.beside(), &again.description)?;
    note!("wrote {}", written.display());
    Ok(())
}
