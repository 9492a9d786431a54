//! One inversion, step by step: each step is a round trip to the oracle.

use super::descent::{Descent, Iterate, View};
use super::{Losses, Oracle, Parametrization, Settings, State};
use crate::workers::{WorkLost, Workers};

/// An inversion under way. Its arithmetic runs on the workers.
pub struct Session<O> {
    oracle: O,
    workers: Workers,
    descent: Descent,
}

/// Why a step could not be taken.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum StepError<E> {
    /// The oracle cannot evaluate the image.
    #[error(transparent)]
    Oracle(E),
    /// The arithmetic failed.
    #[error(transparent)]
    Lost(#[from] WorkLost),
}

impl<O: Oracle> Session<O> {
    /// Starts an inversion of images of `side` pixels, or goes on `from` a state of the same one. The seed decides
    /// everything random.
    ///
    /// # Errors
    /// The work panicked.
    pub async fn start(
        oracle: O,
        workers: Workers,
        parametrization: Parametrization,
        settings: Settings,
        (side, seed): (usize, u64),
        from: Option<State>,
    ) -> Result<Self, WorkLost> {
        let descent = workers.run(move || {
            let new = Descent::new(parametrization, settings, side, seed);
            match from {
                Some(state) => new.resumed(state),
                None => new,
            }
        });
        Ok(Self {
            descent: descent.await?,
            oracle,
            workers,
        })
    }

    /// Whether all steps are done.
    pub fn finished(&self) -> bool {
        self.descent.finished()
    }

    /// The loss of the last step.
    pub fn losses(&self) -> Losses {
        self.descent.losses()
    }

    /// Passes the state on to `then`, on the workers.
    ///
    /// # Errors
    /// The work panicked.
    pub async fn state<T: Send + 'static>(
        &self,
        then: impl FnOnce(State) -> T + Send + 'static,
    ) -> Result<T, WorkLost> {
        let state = self.descent.state();
        self.workers.run(move || then(state)).await
    }

    /// The oracle.
    pub fn oracle(&mut self) -> &mut O {
        &mut self.oracle
    }

    /// Renders the image as it is now, within 0 to 1, and passes it on to `then`; both on the workers.
    ///
    /// # Errors
    /// The work panicked.
    pub async fn render<T: Send + 'static>(
        &self,
        view: View,
        then: impl FnOnce(Vec<f32>) -> T + Send + 'static,
    ) -> Result<T, WorkLost> {
        let image = self.descent.renderer(view);
        self.workers.run(move || then(image())).await
    }

    /// Takes one step: one image goes out, one gradient comes back. Gives the session back, unless the step fails or is
    /// cancelled.
    ///
    /// # Errors
    /// The oracle cannot evaluate the image, or the work panicked.
    pub async fn step(self) -> Result<(Self, Iterate), StepError<O::Error>> {
        let Self {
            mut oracle,
            workers,
            mut descent,
        } = self;
        let ask = move || {
            let (proposal, pixels) = descent.propose();
            (descent, proposal, pixels)
        };
        let (mut descent, proposal, pixels) = workers.run(ask).await?;
        let evaluation = oracle.evaluate(pixels).await.map_err(StepError::Oracle)?;
        let learn = move || {
            let iterate = descent.accept(&proposal, evaluation);
            (descent, iterate)
        };
        let (descent, iterate) = workers.run(learn).await?;
        let session = Self {
            oracle,
            workers,
            descent,
        };
        Ok((session, iterate))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use super::*;
    use crate::defaults;
    use crate::gaussian::fixture::with_decoder;
    use crate::inversion::{Basis, Evaluation, Rule, Start};

    /// Squared distance to an image, whose gradient is known.
    struct Distance(Vec<f32>);

    impl Oracle for Distance {
        type Error = Infallible;

        async fn evaluate(&mut self, pixels: Vec<f32>) -> Result<Evaluation, Infallible> {
            let differences: Vec<f32> = pixels.iter().zip(&self.0).map(|(x, t)| x - t).collect();
            Ok(Evaluation {
                terms: vec![differences.iter().map(|&d| f64::from(d * d)).sum()],
                gradient: differences.iter().map(|d| 2.0 * d).collect(),
            })
        }
    }

    async fn session(
        (basis, rule): (Basis, Rule),
        jitter: usize,
        seed: u64,
        from: Option<State>,
    ) -> (Session<Distance>, Vec<f32>) {
        let statistics = Arc::new(with_decoder());
        let prior = statistics.prior(basis.coordinates());
        let z: Vec<f32> = (0..prior.components()).map(|i| (i as f32).sin()).collect();
        let goal = prior.image(&z);
        let centre = vec![0.0; prior.components()];
        let parametrization = Parametrization::new(statistics.clone(), basis, centre, false);
        let settings = Settings {
            steps: 150,
            prior: 1e-6,
            total_variation: 0.0,
            jitter,
            start: Start::Noise,
            ..defaults::descent(basis, rule)
        };
        let side = statistics.input_size;
        let (oracle, workers) = (Distance(goal.clone()), Workers::new(2).unwrap());
        let at = (side, seed);
        let started = Session::start(oracle, workers, parametrization, settings, at, from);
        (started.await.unwrap(), goal)
    }

    #[tokio::test]
    async fn every_basis_finds_the_image() {
        for basis in [Basis::Prior, Basis::Decoder, Basis::Pixels] {
            let (session, goal) = session((basis, Rule::Adam), 0, 1, None).await;
            let (mut session, first) = session.step().await.unwrap();
            let mut last = first.clone();
            while !session.finished() {
                (session, last) = session.step().await.unwrap();
            }
            assert_eq!(last.step, 150);
            assert!(
                last.losses.total() < 0.02 * first.losses.total(),
                "{basis:?}: {first:?} {last:?}"
            );
            let image = session.render(View::Seen, |pixels| pixels).await.unwrap();
            let error = image
                .iter()
                .zip(&goal)
                .map(|(a, b)| (a - b.clamp(0.0, 1.0)).abs())
                .fold(0.0, f32::max);
            assert!(error < 0.1, "{basis:?}: {error}");
        }
    }

    #[tokio::test]
    async fn the_image_depends_on_the_seed_alone() {
        let mut images = Vec::new();
        for seed in [1, 1, 2] {
            let (mut session, _) = session((Basis::Pixels, Rule::Adam), 2, seed, None).await;
            for _ in 0..5 {
                (session, _) = session.step().await.unwrap();
            }
            images.push(session.render(View::Seen, |pixels| pixels).await.unwrap());
        }
        assert_eq!(images[0], images[1]);
        assert_ne!(images[0], images[2]);
    }

    #[tokio::test]
    async fn a_session_that_goes_on_from_a_state_finds_the_same_image() {
        for how in [
            (Basis::Prior, Rule::Adam),
            (Basis::Decoder, Rule::Adam),
            (Basis::Pixels, Rule::Adam),
            (Basis::Pixels, Rule::Sgd),
        ] {
            let (mut whole, _) = session(how, 2, 3, None).await;
            let mut states = Vec::new();
            while !whole.finished() {
                (whole, _) = whole.step().await.unwrap();
                states.push(whole.state(|state| state).await.unwrap());
            }
            for at in [0, 70, 149] {
                let (mut resumed, _) = session(how, 2, 3, Some(states[at].clone())).await;
                while !resumed.finished() {
                    (resumed, _) = resumed.step().await.unwrap();
                }
                assert_eq!(resumed.losses(), whole.losses());
                let images = (
                    resumed.render(View::Seen, |pixels| pixels).await.unwrap(),
                    whole.render(View::Seen, |pixels| pixels).await.unwrap(),
                );
                assert_eq!(images.0, images.1, "{how:?} from step {}", at + 1);
            }
        }
    }
}
