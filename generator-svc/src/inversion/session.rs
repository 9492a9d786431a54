//! One inversion: a loop of steps, each a round trip to the oracle.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Optimizer, Oracle, Parametrization, Settings, regularizers as r};
use crate::{Purpose, random};

/// The loss of a step, term by term, each weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// What the oracle measures.
    pub objective: f64,
    /// Squared Mahalanobis distance in the prior.
    pub prior: f64,
    /// Total variation.
    pub total_variation: f64,
    /// Distance from mid-grey.
    pub l2: f64,
}

impl Losses {
    /// The sum.
    pub fn total(&self) -> f64 {
        self.objective + self.prior + self.total_variation + self.l2
    }
}

/// One step of the descent.
#[derive(Clone, Debug, PartialEq)]
pub struct Iterate {
    /// Steps done, from 1.
    pub step: usize,
    /// The loss before the step's update.
    pub losses: Losses,
}

/// An inversion under way.
pub struct Session<O> {
    oracle: O,
    parametrization: Parametrization,
    settings: Settings,
    side: usize,
    optimizer: Optimizer,
    coordinates: Vec<f32>,
    jitter: ChaCha8Rng,
    done: usize,
}

impl<O: Oracle> Session<O> {
    /// Starts an inversion of images of `side` pixels. The seed decides everything random.
    pub fn new(
        oracle: O,
        parametrization: Parametrization,
        settings: Settings,
        side: usize,
        seed: u64,
    ) -> Self {
        let coordinates = parametrization.start(settings.start, &mut random(seed, Purpose::Start));
        Self {
            optimizer: Optimizer::new(
                settings.rule,
                settings.learning_rate,
                settings.steps,
                coordinates.len(),
            ),
            oracle,
            parametrization,
            settings,
            side,
            coordinates,
            jitter: random(seed, Purpose::Jitter),
            done: 0,
        }
    }

    /// Whether all steps are done.
    pub fn finished(&self) -> bool {
        self.done >= self.settings.steps
    }

    /// The image as it is now, `[3, S, S]`, within 0 to 1.
    pub fn image(&self) -> Vec<f32> {
        let mut image = self.parametrization.image(&self.coordinates);
        image.iter_mut().for_each(|x| *x = x.clamp(0.0, 1.0));
        image
    }

    /// Takes one step: one image goes out, one gradient comes back.
    ///
    /// # Errors
    /// The oracle could not say. The image stays as it was.
    pub async fn step(&mut self) -> Result<Iterate, O::Error> {
        let settings = self.settings;
        let image = self.parametrization.image(&self.coordinates);
        let offset = self.offset();
        let shifted = if offset == (0, 0) {
            image.clone()
        } else {
            r::shift(&image, self.side, offset)
        };
        let evaluation = self.oracle.evaluate(shifted).await?;
        let mut gradient = match offset {
            (0, 0) => evaluation.gradient,
            (dx, dy) => r::shift(&evaluation.gradient, self.side, (-dx, -dy)),
        };
        let mut losses = Losses {
            objective: evaluation.loss,
            ..Losses::default()
        };
        if settings.total_variation > 0.0 {
            losses.total_variation =
                r::total_variation(settings.total_variation, &image, self.side, &mut gradient);
        }
        if settings.l2 > 0.0 {
            losses.l2 = r::l2(settings.l2, &image, &mut gradient);
        }
        let mut gradient = self.parametrization.pull_back(gradient);
        let in_prior = matches!(self.parametrization, Parametrization::Prior { .. });
        if in_prior && settings.prior > 0.0 {
            losses.prior = r::mahalanobis(settings.prior, &self.coordinates, &mut gradient);
        }
        self.optimizer.step(&mut self.coordinates, &gradient);
        self.parametrization.project(&mut self.coordinates);
        self.done += 1;
        // Not after the last step: nothing would sharpen the image again.
        let blurs = !in_prior && settings.blur_sigma > 0.0 && !self.finished();
        if blurs && self.done.is_multiple_of(settings.blur_every) {
            r::blur(&mut self.coordinates, self.side, settings.blur_sigma);
        }
        Ok(Iterate {
            step: self.done,
            losses,
        })
    }

    fn offset(&mut self) -> (isize, isize) {
        let most = self.settings.jitter as i32;
        if most == 0 {
            return (0, 0);
        }
        let mut draw = || self.jitter.random_range(-most..=most) as isize;
        (draw(), draw())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use super::*;
    use crate::gaussian::Statistics;
    use crate::gaussian::tests::statistics;
    use crate::inversion::{Basis, Evaluation, Rule, Start};

    /// Squared distance to an image, whose gradient is known.
    struct Distance(Vec<f32>);

    impl Oracle for Distance {
        type Error = Infallible;

        async fn evaluate(&mut self, pixels: Vec<f32>) -> Result<Evaluation, Infallible> {
            let differences: Vec<f32> = pixels.iter().zip(&self.0).map(|(x, t)| x - t).collect();
            Ok(Evaluation {
                loss: differences.iter().map(|&d| f64::from(d * d)).sum(),
                gradient: differences.iter().map(|d| 2.0 * d).collect(),
            })
        }
    }

    fn session(
        basis: Basis,
        jitter: usize,
        seed: u64,
    ) -> (Session<Distance>, Arc<Statistics>, Vec<f32>) {
        let statistics = Arc::new(statistics());
        let z: Vec<f32> = (0..statistics.prior.components())
            .map(|i| (i as f32).sin())
            .collect();
        let goal = statistics.prior.image(&z);
        let parametrization = match basis {
            Basis::Prior => Parametrization::Prior {
                statistics: statistics.clone(),
            },
            Basis::Pixels => Parametrization::Pixels {
                statistics: statistics.clone(),
            },
        };
        let settings = Settings {
            steps: 150,
            prior: 1e-6,
            total_variation: 0.0,
            jitter,
            start: Start::Noise,
            ..Settings::defaults(basis, Rule::Adam)
        };
        let side = statistics.input_size;
        (
            Session::new(
                Distance(goal.clone()),
                parametrization,
                settings,
                side,
                seed,
            ),
            statistics,
            goal,
        )
    }

    #[tokio::test]
    async fn both_bases_find_the_image() {
        for basis in [Basis::Prior, Basis::Pixels] {
            let (mut session, _, goal) = session(basis, 0, 1);
            let first = session.step().await.unwrap();
            let mut last = first.clone();
            while !session.finished() {
                last = session.step().await.unwrap();
            }
            assert_eq!(last.step, 150);
            assert!(
                last.losses.total() < 0.02 * first.losses.total(),
                "{basis:?}: {first:?} {last:?}"
            );
            let error = session
                .image()
                .iter()
                .zip(&goal)
                .map(|(a, b)| (a - b.clamp(0.0, 1.0)).abs())
                .fold(0.0, f32::max);
            assert!(error < 0.1, "{basis:?}: {error}");
        }
    }

    #[tokio::test]
    async fn the_seed_decides_and_nothing_else() {
        let mut images = Vec::new();
        for seed in [1, 1, 2] {
            let (mut session, ..) = session(Basis::Pixels, 2, seed);
            for _ in 0..5 {
                session.step().await.unwrap();
            }
            images.push(session.image());
        }
        assert_eq!(images[0], images[1]);
        assert_ne!(images[0], images[2]);
    }
}
