//! Section 7: what the classifier tells well and badly, how attributes go together, and whether more photographs would help.

use deepface_dataset::{Photograph, Split};
use deepface_statistics::regress;
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::activations::{layer, look, probabilities};
use crate::bench::Bench;
use crate::error::PaperError;
use crate::metrics::Judged;

/// Attributes of the photograph and not of the face: the paper's worst.
pub const PHOTOGRAPHS: [&str; 6] = [
    "Soft Lighting",
    "Harsh Lighting",
    "Flash",
    "Outdoor",
    "Color Photo",
    "Posed Photo",
];
/// Shapes of nose and forehead: among the paper's best.
pub const SHAPES: [&str; 5] = [
    "Big Nose",
    "Pointy Nose",
    "Fully Visible Forehead",
    "Partially Visible Forehead",
    "Obstructed Forehead",
];
/// Layer whose regression is fitted to more and more photographs.
const LAYER: &str = "fc6";
/// Shares of the training photographs.
const SHARES: [f64; 5] = [0.0625, 0.125, 0.25, 0.5, 1.0];
/// Ridge of the regression, a share of a coin's variance: as `generator-svc fit` has it.
const RIDGE: f64 = 3e-3;

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Discussion {
    /// Every attribute as the served network tells it on test people, the best first.
    pub told: Vec<Told>,
    /// All attributes, in the order of the correlations.
    pub names: Vec<String>,
    /// Correlation of every pair of attributes in the training photographs, row by row.
    pub correlations: Vec<f64>,
    /// Number of photographs, and the share of the variance of test people's activations that a regression on their
    /// attributes then explains.
    pub learning: Vec<(usize, f64)>,
}

/// How well an attribute is told: one photograph a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The attribute.
    pub name: String,
    /// Share of right decisions at one half.
    pub accuracy: f64,
    /// The same if what most people have is always said.
    pub majority: f64,
    /// Area under the ROC curve.
    pub auc: f64,
}

/// Measures all.
///
/// # Errors
/// A photograph cannot be read.
pub(crate) fn make(bench: &Bench<'_>) -> Result<Discussion, PaperError> {
    Ok(Discussion {
        told: told(bench)?,
        names: bench.schema().names().map(str::to_owned).collect(),
        correlations: correlations(&bench.photographs(Split::Train), bench.schema().len()),
        learning: learning(bench)?,
    })
}

fn told(bench: &Bench<'_>) -> Result<Vec<Told>, PaperError> {
    let mut model = bench.served()?;
    let people = bench.people(Split::Test);
    let labels: Vec<&[bool]> = people.iter().map(|p| &p.labels[..]).collect();
    let judged = Judged {
        probabilities: &probabilities(&mut model, &people, bench.watch)?,
        labels: &labels,
        frequencies: &bench.frequencies(),
    };
    let attribute = |(j, name): (usize, &str)| {
        let figures = judged.attribute(j)?;
        Some(Told {
            name: name.to_owned(),
            accuracy: figures.accuracy,
            majority: figures.majority,
            auc: figures.auc,
        })
    };
    let named = bench.schema().names().enumerate();
    let mut told: Vec<Told> = named.filter_map(attribute).collect();
    told.sort_by(|a, b| b.auc.total_cmp(&a.auc));
    Ok(told)
}

/// Phi coefficients; 0 where an attribute is the same in all photographs.
fn correlations(photographs: &[&Photograph], count: usize) -> Vec<f64> {
    let n = photographs.len().max(1) as f64;
    let together = |i: usize, j: usize| {
        let both = photographs.iter().filter(|p| p.labels[i] && p.labels[j]);
        both.count() as f64 / n
    };
    let share: Vec<f64> = (0..count).map(|j| together(j, j)).collect();
    let deviation = |j: usize| (share[j] * (1.0 - share[j])).sqrt();
    let pair = |i: usize, j: usize| {
        let scale = deviation(i) * deviation(j);
        match scale > 0.0 {
            true => (together(i, j) - share[i] * share[j]) / scale,
            false => 0.0,
        }
    };
    let pairs = (0..count).flat_map(|i| (0..count).map(move |j| (i, j)));
    pairs.map(|(i, j)| pair(i, j)).collect()
}

/// What regressions on more and more photographs explain.
fn learning(bench: &Bench<'_>) -> Result<Vec<(usize, f64)>, PaperError> {
    let mut model = bench.served()?;
    let layer = layer(&model, LAYER)?;
    let mut rows = |photographs: &[&Photograph]| {
        let mut all = Vec::new();
        look(
            &mut model,
            photographs,
            &[layer],
            bench.watch,
            |_, mut of| {
                all.extend(of.remove(0));
            },
        )?;
        let size = all.len() / photographs.len().max(1);
        Ok::<_, PaperError>(DMatrix::from_row_iterator(
            photographs.len(),
            size,
            all.into_iter().map(f64::from),
        ))
    };
    let (train, test) = (bench.photographs(Split::Train), bench.people(Split::Test));
    let activations = [rows(&train)?, rows(&test)?];
    let inputs = [&train, &test].map(|photographs| {
        DMatrix::from_fn(
            photographs.len(),
            bench.schema().len() + 1,
            |i, j| match j {
                0 => 1.0,
                j => f64::from(u8::from(photographs[i].labels[j - 1])),
            },
        )
    });
    let share = |share: f64| {
        let n = ((train.len() as f64 * share) as usize).max(2);
        // Spread over all people, who are in the order of their names.
        let some = (0..n).map(|k| k * train.len() / n).collect::<Vec<_>>();
        let x = inputs[0].select_rows(&some);
        let y = activations[0].select_rows(&some);
        let slopes = regress(&(x.tr_mul(&x) / n as f64), x.tr_mul(&y) / n as f64, RIDGE);
        let left = &activations[1] - &inputs[1] * slopes;
        let mean = y.row_mean();
        let mut spread = activations[1].clone();
        spread.row_iter_mut().for_each(|mut row| row -= &mean);
        (n, 1.0 - left.norm_squared() / spread.norm_squared())
    };
    Ok(SHARES.into_iter().map(share).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_those_of_the_labels() {
        let labels = [
            [true, true, false],
            [true, true, false],
            [false, false, false],
            [false, true, false],
        ];
        let person = |l: &[bool; 3]| Photograph::new("none".into(), "Somebody", l.to_vec());
        let photographs: Vec<_> = labels.iter().map(person).collect();
        let all: Vec<_> = photographs.iter().collect();
        let found = correlations(&all, 3);
        let expected = 0.125 / (0.25_f64 * 0.1875).sqrt();
        for (found, expected) in found
            .iter()
            .zip([1.0, expected, 0.0, expected, 1.0, 0.0, 0.0, 0.0, 0.0])
        {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }
}
