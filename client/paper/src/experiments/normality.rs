//! Figure 6 and section 5.2: whether single activations of the photographs with an attribute are normally distributed, as
//! the paper's Gaussians assume, behind the rectifier, where the paper looks, and before it.

use deepface_statistics::median;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::rectifier::{LAYERS, Rectified};
use super::sets::{Sets, sets};
use crate::bench::Bench;
use crate::error::PaperError;
use crate::normal::{Shape, shape};

/// Level of the test.
pub(crate) const LEVEL: f64 = 0.001;
/// Attributes of the paper's figure.
const SHOWN: [&str; 2] = ["Black", "Male"];

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normality {
    /// Every layer behind its rectifier, and before it.
    pub layers: Vec<NormalityLayer>,
}

/// Single activations of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormalityLayer {
    /// The layer.
    pub layer: String,
    /// Whether the values are those before the rectifier.
    pub before: bool,
    /// Number of pairs of an attribute and an activation.
    pub pairs: usize,
    /// Share of the values that are exactly 0.
    pub zeros: f64,
    /// Share of the pairs for which the test refuses normality at the level of 0.001.
    pub refused: f64,
    /// Median of the skewness, 0 for a normal distribution.
    pub skewness: f64,
    /// Median of the excess kurtosis, 0 for a normal distribution.
    pub kurtosis: f64,
    /// Share of the values that samples of the pair's Gaussian have below 0, which no activation behind a rectifier has.
    pub impossible: f64,
    /// For the plots: an attribute, and the values of one activation of the photographs that have it.
    pub shown: Vec<(String, Vec<f32>)>,
}

/// Looks at some activations of every attribute's set.
///
/// # Errors
/// A photograph cannot be read, or the network lacks a layer.
pub(crate) fn make(bench: &Bench<'_>) -> Result<Normality, PaperError> {
    let sets = sets(bench);
    let mut model = bench.served()?;
    let mut layers = Vec::new();
    for name in LAYERS {
        let rectified = Rectified::of(bench, &model, name)?;
        let mut chosen = Chosen::draw(bench, &sets, rectified.size());
        let used: Vec<usize> = chosen.used();
        let photographs: Vec<_> = used.iter().map(|&i| sets.photographs[i]).collect();
        rectified.look(bench, &mut model, &photographs, |i, before, behind| {
            chosen.add(used[i], before, behind);
        })?;
        layers.extend([false, true].map(|before| chosen.judge(bench, name, before)));
    }
    Ok(Normality { layers })
}

/// The activations that are looked at.
struct Chosen<'a> {
    sets: &'a Sets<'a>,
    pairs: Vec<Pair>,
}

/// An activation of an attribute's photographs.
struct Pair {
    attribute: usize,
    neuron: usize,
    /// Behind the rectifier, and before it.
    values: [Vec<f32>; 2],
}

impl<'a> Chosen<'a> {
    fn draw(bench: &Bench<'_>, sets: &'a Sets<'a>, neurons: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(bench.settings.seed);
        let enough = |j: &usize| sets.sets[*j].len() >= bench.effort.set;
        let attributes = (0..sets.sets.len()).filter(enough);
        let pairs = attributes.flat_map(|attribute| {
            let some = (0..bench.effort.neurons).map(|_| rng.random_range(0..neurons));
            let pairs = some.map(|neuron| Pair {
                attribute,
                neuron,
                values: Default::default(),
            });
            pairs.collect::<Vec<_>>()
        });
        Self {
            pairs: pairs.collect(),
            sets,
        }
    }

    /// The photographs that are in a set.
    fn used(&self) -> Vec<usize> {
        let mut used = self.sets.sets.concat();
        used.sort_unstable();
        used.dedup();
        used
    }

    fn add(&mut self, photograph: usize, before: &[f32], behind: &[f32]) {
        for pair in &mut self.pairs {
            if self.sets.sets[pair.attribute].contains(&photograph) {
                pair.values[0].push(behind[pair.neuron]);
                pair.values[1].push(before[pair.neuron]);
            }
        }
    }

    fn judge(&self, bench: &Bench<'_>, layer: &str, before: bool) -> NormalityLayer {
        let side = usize::from(before);
        let all = || self.pairs.iter().flat_map(|pair| &pair.values[side]);
        let shapes: Vec<Shape> = self.pairs.iter().map(|p| shape(&p.values[side])).collect();
        let mean = |of: &dyn Fn(&Shape) -> f64| {
            shapes.iter().map(of).sum::<f64>() / shapes.len().max(1) as f64
        };
        // An activation that is 0 for all photographs of a set has no shape.
        let alive = || shapes.iter().filter(|shape| shape.deviation > 0.0);
        let middle = |of: fn(&Shape) -> f64| median(alive().map(of).collect()).unwrap_or_default();
        let zeros = all().filter(|&&value| value == 0.0).count();
        NormalityLayer {
            layer: layer.to_owned(),
            before,
            pairs: shapes.len(),
            zeros: zeros as f64 / all().count().max(1) as f64,
            refused: mean(&|shape| f64::from(u8::from(shape.p < LEVEL))),
            skewness: middle(|shape| shape.skewness),
            kurtosis: middle(|shape| shape.kurtosis),
            impossible: mean(&Shape::below_zero),
            shown: SHOWN
                .iter()
                .filter_map(|name| self.shown(bench, name, side))
                .collect(),
        }
    }

    /// The values of one activation of an attribute's photographs: that with the fewest zeros looks most like the paper's.
    fn shown(&self, bench: &Bench<'_>, name: &str, side: usize) -> Option<(String, Vec<f32>)> {
        let j = bench.attribute(name)?;
        let own = self.pairs.iter().filter(|pair| pair.attribute == j);
        let zeros = |pair: &&Pair| pair.values[0].iter().filter(|&&v| v == 0.0).count();
        let pair = own.min_by_key(zeros)?;
        Some((name.to_owned(), pair.values[side].clone()))
    }
}
