//! Section 3.3.2, eqs. 2 to 4, and section 5.2: the weights w by the paper's stochastic gradient descent and exactly, what
//! targets explain of real activations, and how large they are for short lists.

use deepface_dataset::{Photograph, Split};
use deepface_network::Model;
use generator_svc::gaussian::{Example, Moments, Problem};
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::rectifier::{LAYERS, Rectified};
use super::sets::{Sets, sets};
use crate::bench::Bench;
use crate::error::PaperError;
use crate::normal::{cumulative, density};

/// Where the paper begins its search, and what it ends with.
pub(crate) const PAPER_START: [f64; 2] = [1e-6, 1e-5];
pub(crate) const PAPER_END: [f64; 2] = [1e-11, 1e-5];
/// Powers of ten that are tried as rates: from one that diverges down to the paper's last one.
const RATES: std::ops::RangeInclusive<i32> = -11..=0;
/// Weights of the regulariser that are tried.
const LAMBDAS: [f64; 6] = [0.0, 1e-5, 1e-3, 1e-1, 1e1, 1e3];

/// What was found in each layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mixture {
    /// The layers.
    pub layers: Vec<MixtureLayer>,
}

/// The paper's mixture on one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixtureLayer {
    /// The layer.
    pub layer: String,
    /// Rates from one that diverges down to the paper's, and eq. 3 (less its constant) after each pass; `None` where it diverged.
    pub search: Vec<(f64, Vec<Option<f64>>)>,
    /// The largest rate at which the loss falls.
    pub rate: Option<f64>,
    /// Eq. 3 less its constant: for w = 1, after descent at that rate, and at its exact minimum.
    pub losses: [f64; 3],
    /// Largest difference of a weight between descent and the exact minimum, and the largest exact weight.
    pub difference: [f64; 2],
    /// Share of the variance of the test people's activations that each kind of target explains.
    pub explained: Vec<(String, f64)>,
    /// The same of eq. 4, for each weight of the regulariser, on validation people.
    pub lambdas: Vec<(f64, f64)>,
    /// `|T| / |mean|` of eq. 4 for every attribute alone, the smallest first.
    pub alone: Vec<(String, f64)>,
}

/// Fits the mixture behind the rectifier, as the paper does, and before it.
///
/// # Errors
/// A photograph cannot be read, or the network lacks a layer.
pub(crate) fn make(bench: &Bench<'_>) -> Result<Mixture, PaperError> {
    let sets = sets(bench);
    let mut model = bench.served()?;
    let each = LAYERS
        .iter()
        .map(|name| layer(bench, &mut model, &sets, name));
    Ok(Mixture {
        layers: each.collect::<Result<_, PaperError>>()?,
    })
}

fn layer(
    bench: &Bench<'_>,
    model: &mut Model,
    sets: &Sets<'_>,
    name: &str,
) -> Result<MixtureLayer, PaperError> {
    let rectified = Rectified::of(bench, model, name)?;
    let [before, behind] = fit(bench, model, &rectified, sets)?;
    let problem = &behind.problem;
    let exact = problem.solve();
    let search = search(problem, bench.effort.weight_epochs, bench.settings.seed);
    let rate = search
        .iter()
        .find(|trial| falls(&trial.1))
        .map(|trial| trial.0);
    let mut descended = DVector::from_element(exact.len(), 1.0);
    for pass in 0..bench.effort.weight_epochs {
        problem.pass(
            &mut descended,
            rate.unwrap_or(0.0),
            bench.settings.seed + pass as u64,
        );
    }
    let ones = DVector::from_element(exact.len(), 1.0);
    Ok(MixtureLayer {
        layer: name.to_owned(),
        search,
        rate,
        losses: [&ones, &descended, &exact].map(|w| problem.excess(w)),
        difference: [(&exact - &descended).amax(), exact.amax()],
        explained: explained(bench, model, &rectified, [&before, &behind], name)?,
        lambdas: lambdas(bench, model, &rectified, &behind)?,
        alone: alone(bench, &behind, &exact),
    })
}

/// The mixture of one kind of values of a layer.
#[derive(Debug)]
struct Fitted {
    /// Means mu_j, a row per attribute.
    means: DMatrix<f32>,
    /// Mean and variance of all training photographs.
    all: Moments,
    problem: Problem,
}

/// Means, and inner products of every training photograph with them: before the rectifier, and behind it.
fn fit(
    bench: &Bench<'_>,
    model: &mut Model,
    rectified: &Rectified,
    sets: &Sets<'_>,
) -> Result<[Fitted; 2], PaperError> {
    let (size, count) = (rectified.size(), sets.sets.len());
    let mut member = vec![Vec::new(); sets.photographs.len()];
    for (j, set) in sets.sets.iter().enumerate() {
        set.iter().for_each(|&i| member[i].push(j));
    }
    let moments = || (vec![Moments::new(size); count], Moments::new(size));
    let mut kinds = [moments(), moments()];
    rectified.look(bench, model, &sets.photographs, |i, before, behind| {
        for ((of, all), values) in kinds.iter_mut().zip([before, behind]) {
            all.add(values);
            member[i].iter().for_each(|&j| of[j].add(values));
        }
    })?;
    let mut fitted = kinds.map(|(of, all)| {
        let means = DMatrix::from_fn(count, size, |j, k| of[j].mean()[k] as f32);
        let double = means.map(f64::from);
        Fitted {
            problem: Problem {
                examples: Vec::new(),
                means: &double * double.transpose(),
                lambda: PAPER_END[1],
            },
            means,
            all,
        }
    });
    rectified.look(bench, model, &sets.photographs, |i, before, behind| {
        for (fitted, values) in fitted.iter_mut().zip([before, behind]) {
            let example = fitted.example(sets.photographs[i], values);
            fitted.problem.examples.push(example);
        }
    })?;
    Ok(fitted)
}

impl Fitted {
    fn example(&self, photograph: &Photograph, values: &[f32]) -> Example {
        let values = DVector::from_column_slice(values);
        let products = &self.means * values;
        Example {
            attributes: present(photograph),
            products: products.iter().map(|&p| f64::from(p)).collect(),
        }
    }

    /// Eq. 4 for the attributes of a photograph.
    fn target(&self, attributes: &[usize], w: &DVector<f64>) -> DVector<f32> {
        let mut target = DVector::zeros(self.means.ncols());
        for &j in attributes {
            let share = w[j] / attributes.len() as f64;
            target.axpy(share as f32, &self.means.row(j).transpose(), 1.0);
        }
        target
    }
}

/// Targets by eq. 4 that was fitted before the rectifier: what the rectifier makes of them, in the mean.
#[derive(Debug)]
pub(crate) struct BeforeTargets {
    pub(crate) layer: String,
    pub(crate) shape: Vec<usize>,
    fitted: Fitted,
    weights: DVector<f64>,
    spread: Vec<f64>,
}

impl BeforeTargets {
    /// Fits them on a layer of the served network.
    ///
    /// # Errors
    /// A photograph cannot be read, or the network has no such layer.
    pub(crate) fn fit(bench: &Bench<'_>, name: &str) -> Result<Self, PaperError> {
        let mut model = bench.served()?;
        let rectified = Rectified::of(bench, &model, name)?;
        let [fitted, _] = fit(bench, &mut model, &rectified, &sets(bench))?;
        let layer = &model.info().layers[rectified.number()];
        Ok(Self {
            layer: name.to_owned(),
            shape: layer.shape.clone(),
            weights: fitted.problem.solve(),
            spread: fitted.all.deviation(),
            fitted,
        })
    }

    /// The target for the attributes that should be present.
    pub(crate) fn target(&self, present: &[bool]) -> Vec<f32> {
        let attributes = (0..present.len()).filter(|&j| present[j]);
        let before = self
            .fitted
            .target(&attributes.collect::<Vec<_>>(), &self.weights);
        expected(&before, &self.spread).data.into()
    }
}

fn present(photograph: &Photograph) -> Vec<usize> {
    let labels = photograph.labels.iter().enumerate();
    labels
        .filter(|(_, present)| **present)
        .map(|(j, _)| j)
        .collect()
}

/// Tries rates as the paper does: "incrementally reduce the learning rate until the loss starts to decrease instead of
/// diverging to infinity".
fn search(problem: &Problem, passes: usize, seed: u64) -> Vec<(f64, Vec<Option<f64>>)> {
    let mut tried = Vec::new();
    for k in RATES.rev() {
        let rate = 10_f64.powi(k);
        let mut w = DVector::from_element(problem.means.nrows(), 1.0);
        let mut losses = vec![Some(problem.excess(&w))];
        for pass in 0..passes {
            problem.pass(&mut w, rate, seed + pass as u64);
            let loss = problem.excess(&w);
            losses.push(loss.is_finite().then_some(loss));
        }
        tried.push((rate, losses));
    }
    tried
}

/// Whether the loss ends below where it begins.
pub(crate) fn falls(losses: &[Option<f64>]) -> bool {
    match (losses.first(), losses.last()) {
        (Some(Some(first)), Some(Some(last))) => last < first,
        _ => false,
    }
}

/// What a kind of target says of a photograph's activation behind the rectifier.
type Kind<'a> = (&'a str, Box<dyn Fn(&[usize]) -> DVector<f32> + 'a>);

/// Share of the variance of test people's activations, about the training mean, that each kind of target explains.
fn explained(
    bench: &Bench<'_>,
    model: &mut Model,
    rectified: &Rectified,
    [before, behind]: [&Fitted; 2],
    name: &str,
) -> Result<Vec<(String, f64)>, PaperError> {
    let w = [before, behind].map(|fitted| fitted.problem.solve());
    let ones = DVector::from_element(w[0].len(), 1.0);
    let spread: Vec<f64> = before.all.deviation();
    let statistics = bench.statistics.find_layer(name);
    let statistics = statistics.map(|id| bench.statistics.layer(id));
    let mut kinds: Vec<Kind<'_>> = vec![
        ("eq. 4 with w = 1", Box::new(|c| behind.target(c, &ones))),
        (
            "eq. 4, the paper's target",
            Box::new(|c| behind.target(c, &w[1])),
        ),
        (
            "eq. 4 before the rectifier, then rectified",
            Box::new(|c| before.target(c, &w[0]).map(|x| x.max(0.0))),
        ),
        (
            "eq. 4 before the rectifier, expectation behind it",
            Box::new(|c| expected(&before.target(c, &w[0]), &spread)),
        ),
    ];
    if let Some(layer) = statistics {
        let frequencies = &bench.statistics.frequencies;
        kinds.push((
            "regression on all attributes",
            Box::new(move |c| {
                let offset = |j: usize| f64::from(u8::from(c.contains(&j))) - frequencies[j];
                layer.regression(&(0..frequencies.len()).map(offset).collect::<Vec<_>>())
            }),
        ));
    }
    let people = bench.people(Split::Test);
    let mean: Vec<f32> = behind.all.mean().iter().map(|&m| m as f32).collect();
    let mut total = 0.0;
    let mut left = vec![0.0; kinds.len()];
    rectified.look(bench, model, &people, |i, _, activation| {
        let attributes = present(people[i]);
        total += squared(activation, &mean);
        for (left, (_, target)) in left.iter_mut().zip(&kinds) {
            *left += squared(activation, target(&attributes).as_slice());
        }
    })?;
    let share = |(kind, left): (&Kind<'_>, f64)| (kind.0.to_owned(), 1.0 - left / total);
    Ok(kinds.iter().zip(left).map(share).collect())
}

fn squared(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
    squares.sum()
}

/// Expectation of `max(0, x)` where x is normal: of a rectified Gaussian.
fn expected(mean: &DVector<f32>, deviations: &[f64]) -> DVector<f32> {
    let each = mean.iter().zip(deviations).map(|(&m, &d)| {
        let m = f64::from(m);
        match d > 0.0 {
            true => (m * cumulative(m / d) + d * d * density(m, 0.0, d)) as f32,
            false => m.max(0.0) as f32,
        }
    });
    DVector::from_iterator(mean.len(), each)
}

/// What eq. 4 explains of validation people's activations for each weight of the regulariser.
fn lambdas(
    bench: &Bench<'_>,
    model: &mut Model,
    rectified: &Rectified,
    behind: &Fitted,
) -> Result<Vec<(f64, f64)>, PaperError> {
    let people = bench.people(Split::Validation);
    let mean: Vec<f32> = behind.all.mean().iter().map(|&m| m as f32).collect();
    let zero = vec![0.0; mean.len()];
    let (mut total, mut squares) = (0.0, 0.0);
    let mut held_out = Problem {
        examples: Vec::new(),
        lambda: 0.0,
        ..behind.problem.clone()
    };
    rectified.look(bench, model, &people, |i, _, activation| {
        let example = behind.example(people[i], activation);
        if !example.attributes.is_empty() {
            total += squared(activation, &mean);
            squares += squared(activation, &zero);
            held_out.examples.push(example);
        }
    })?;
    let count = held_out.examples.len().max(1) as f64;
    let share = |lambda: f64| {
        let mut problem = behind.problem.clone();
        problem.lambda = lambda;
        let left = squares / count + held_out.excess(&problem.solve());
        (lambda, 1.0 - left * count / total)
    };
    Ok(LAMBDAS.into_iter().map(share).collect())
}

/// Size of the target for every attribute alone, as a share of the mean activation's.
fn alone(bench: &Bench<'_>, behind: &Fitted, w: &DVector<f64>) -> Vec<(String, f64)> {
    let length = behind.all.mean().iter().map(|m| m * m).sum::<f64>().sqrt();
    let size = |(j, name): (usize, &str)| {
        let target = behind.target(&[j], w);
        (name.to_owned(), f64::from(target.norm()) / length)
    };
    let mut sizes: Vec<_> = bench.schema().names().enumerate().map(size).collect();
    sizes.sort_by(|a, b| a.1.total_cmp(&b.1));
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expectation_of_a_rectified_gaussian_is_that_of_its_samples() {
        use deepface_statistics::standard_normal;
        use rand::SeedableRng;
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let n = 200_000;
        for (mean, deviation) in [(-1.0_f32, 0.5), (0.3, 2.0), (2.0, 0.0)] {
            let draws =
                (0..n).map(|_| (mean + deviation as f32 * standard_normal(&mut rng)).max(0.0));
            let sampled = draws.map(f64::from).sum::<f64>() / f64::from(n);
            let exact = expected(&DVector::from_element(1, mean), &[deviation])[0];
            assert!(
                (f64::from(exact) - sampled).abs() < 0.01,
                "{exact} {sampled}"
            );
        }
    }

    #[test]
    fn the_search_ends_at_the_first_rate_that_does_not_diverge() {
        let losses = |of: &[f64]| {
            of.iter()
                .map(|&l| l.is_finite().then_some(l))
                .collect::<Vec<_>>()
        };
        assert!(!falls(&losses(&[1.0, f64::INFINITY])));
        assert!(!falls(&losses(&[1.0, 1.5])));
        assert!(falls(&losses(&[1.0, 0.5])));
    }
}
