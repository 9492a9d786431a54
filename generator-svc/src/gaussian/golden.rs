//! The golden output of statistics: targets and an image of a fixed request. It is kept in the file and compared on loading.
//!
//! A file may be whole and still yield something else: because the statistics were damaged before it was written, their
//! layout changed, or an operation is wrong on this processor. A face of such statistics looks like a face all the same.

use deepface_attributes::AttributeId;
use deepface_statistics::Sample;

use super::{
    Asked, Cgmm, Coordinates, Description, LayerId, Prior, Regression, Residual, Statistics, Wish,
};

/// The largest difference, as a share of the largest value: between processors, sums differ in the last bits.
const TOLERANCE: f32 = 1e-4;
/// The request names one attribute in so many.
const APART: usize = 8;
const SEED: u64 = 0x601D;

/// What these statistics yield: a target of every kind for each layer, an image, and what becomes of it as a gradient.
pub(super) fn of(statistics: &Statistics) -> Vec<Sample> {
    let how = regression(LayerId(0), Residual::LowRank);
    // Neither it nor the variation depends on the layer or on the residual.
    let description = statistics.describe(&wish(statistics, APART), &how, SEED);
    let variation = statistics.variation(&how, &description, SEED);
    let layers = statistics.layers.iter().enumerate();
    let targets = layers.flat_map(|(at, layer)| {
        let targets = targets(statistics, LayerId(at), &description, &variation).into_iter();
        targets.map(move |(kind, values)| Sample::of(format!("{} {kind}", layer.name), &values))
    });
    let mut all: Vec<_> = targets.collect();
    let centre = statistics.centre(&how, &description, &variation);
    let image = statistics.prior.image(&centre);
    let back = statistics.prior.pull_back(&centre, &image);
    let arrays = [("centre", centre), ("image", image), ("gradient", back)];
    all.extend(arrays.map(|(name, values)| Sample::of(name.to_owned(), &values)));
    if let Some(decoder) = &statistics.decoder {
        all.extend(decoded(statistics, decoder, how, &description));
    }
    all
}

/// A face of the decoder, what becomes of it as a gradient and of itself in the encoder, and the target beside it.
fn decoded(
    statistics: &Statistics,
    decoder: &Prior,
    how: Regression,
    description: &Description,
) -> Vec<Sample> {
    let how = Regression {
        coordinates: Coordinates::Latents,
        ..how
    };
    let variation = statistics.variation(&how, description, SEED);
    let centre = statistics.centre(&how, description, &variation);
    let image = decoder.image(&centre);
    let back = decoder.pull_back(&centre, &image);
    let again = decoder.coordinates(&image);
    let target = statistics.regression_target(&how, description, &variation, SEED);
    let arrays = [
        ("decoder centre", centre),
        ("decoder image", image),
        ("decoder gradient", back),
        ("decoder coordinates", again),
        ("decoder target", target.values),
    ];
    let samples = arrays.map(|(name, values)| Sample::of(name.to_owned(), &values));
    samples.into()
}

/// Checks that these statistics yield what they did when they were written.
///
/// # Errors
/// They do not.
pub(super) fn check(expected: &[Sample], statistics: &Statistics) -> Result<(), String> {
    let compared = Sample::compare_all(expected, &of(statistics), TOLERANCE);
    compared.map_err(|problem| {
        format!(
            "golden output: {problem}; the statistics are damaged, or this program computes wrong values on this machine"
        )
    })
}

fn targets(
    statistics: &Statistics,
    layer: LayerId,
    description: &Description,
    variation: &[f32],
) -> [(&'static str, Vec<f32>); 4] {
    let regressed = |residual| {
        let how = regression(layer, residual);
        let target = statistics.regression_target(&how, description, variation, SEED);
        target.values
    };
    let cgmm = |sampled, apart| {
        let how = Cgmm {
            layer,
            exaggeration: 0.5,
            sampled,
            likelihood: 0.0,
        };
        statistics
            .cgmm_target(&how, &wish(statistics, apart), SEED)
            .values
    };
    [
        ("regression", regressed(Residual::LowRank)),
        ("diagonal", regressed(Residual::Diagonal)),
        ("mean", cgmm(false, APART)),
        // Samples take long to draw.
        ("sample", cgmm(true, statistics.schema.len())),
    ]
}

/// A wish for the first attribute of so many.
fn wish(statistics: &Statistics, apart: usize) -> Wish {
    let ask = |attribute: AttributeId| Asked {
        attribute,
        absent: false,
        strength: 1.5,
    };
    Wish {
        asked: statistics.schema.all().step_by(apart).map(ask).collect(),
        ..Wish::default()
    }
}

fn regression(layer: LayerId, residual: Residual) -> Regression {
    Regression {
        layer,
        exaggeration: 0.5,
        variety: 1.0,
        completeness: 0.5,
        emphasis: 0.0,
        residual,
        likelihood: 0.0,
        coordinates: Coordinates::Components,
        margin: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::fixture::statistics;
    use crate::gaussian::images::Images;

    #[test]
    fn statistics_yield_their_own_output_and_no_other() {
        let golden = of(&statistics());
        assert!(golden.iter().all(Sample::is_finite));
        check(&golden, &statistics()).unwrap();
        type Damage = fn(&mut Statistics);
        let damages: [(&str, Damage); 7] = [
            ("mean", |s| s.layers[0].mean *= 1.05),
            ("means", |s| s.layers[0].means *= 1.05),
            ("deviations", |s| s.layers[0].deviations *= 1.5),
            ("slopes", |s| s.layers[0].slopes *= 1.05),
            ("response", |s| s.layers[0].response *= 1.5),
            ("residual", |s| {
                s.layers[0].residual.iter_mut().for_each(|x| *x *= 1.5)
            }),
            ("mean image", |s| {
                let Images::Components(linear) = &mut s.prior.images else {
                    return;
                };
                linear.mean.iter_mut().for_each(|x| *x *= 1.05)
            }),
        ];
        for (what, damage) in damages {
            let mut damaged = statistics();
            damage(&mut damaged);
            let problem = check(&golden, &damaged).expect_err(what);
            assert!(problem.starts_with("golden output: "), "{what}: {problem}");
        }
    }
}
