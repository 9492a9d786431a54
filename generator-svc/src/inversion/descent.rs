//! The arithmetic of one inversion: which image the oracle evaluates next, and what its gradient changes.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Evaluation, Losses, Optimizer, Parametrization, Settings, State, regularizers as r};
use crate::random::{Purpose, random};

/// One step of the descent.
#[derive(Clone, Debug, PartialEq)]
pub struct Iterate {
    /// Steps done, from 1.
    pub step: usize,
    /// The loss before the step's update.
    pub losses: Losses,
}

/// How an image is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// As the oracle sees it, `[3, S, S]`.
    Seen,
    /// With all the detail that there is, as [`Parametrization::picture`].
    Picture,
}

/// A shift by whole pixels, to the right and down.
type Offset = (isize, isize);

/// An inversion between two steps.
#[derive(Clone, Debug)]
pub(super) struct Descent {
    parametrization: Parametrization,
    settings: Settings,
    side: usize,
    optimizer: Optimizer,
    coordinates: Vec<f32>,
    jitter: ChaCha8Rng,
    done: usize,
    losses: Losses,
}

/// An image for the oracle to evaluate.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    image: Vec<f32>,
    offset: Offset,
}

impl Descent {
    /// Starts with images of `side` pixels. The seed decides everything random.
    pub(super) fn new(
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
            parametrization,
            settings,
            side,
            coordinates,
            jitter: random(seed, Purpose::Jitter),
            done: 0,
            losses: Losses::default(),
        }
    }

    /// Goes on from a state, which must fit.
    pub(super) fn resumed(mut self, state: State) -> Self {
        self.done = state.done;
        self.losses = state.losses;
        self.jitter.set_word_pos(state.drawn);
        self.optimizer.resume(state.done, state.moments);
        self.coordinates = state.coordinates;
        self
    }

    /// The state after the last step.
    pub(super) fn state(&self) -> State {
        State {
            done: self.done,
            drawn: self.jitter.get_word_pos(),
            losses: self.losses,
            coordinates: self.coordinates.clone(),
            moments: self.optimizer.moments(),
        }
    }

    /// The loss of the last step.
    pub(super) fn losses(&self) -> Losses {
        self.losses
    }

    /// Whether all steps are done.
    pub(super) fn finished(&self) -> bool {
        self.done >= self.settings.steps
    }

    /// A function that renders the image as it is now, within 0 to 1.
    pub(super) fn renderer(&self, view: View) -> impl FnOnce() -> Vec<f32> + Send + 'static {
        let (parametrization, coordinates) =
            (self.parametrization.clone(), self.coordinates.clone());
        move || {
            let mut image = match view {
                View::Seen => parametrization.image(&coordinates),
                View::Picture => parametrization.picture(&coordinates),
            };
            image.iter_mut().for_each(|x| *x = x.clamp(0.0, 1.0));
            image
        }
    }

    /// The next image to evaluate, and its pixels as the oracle gets them.
    pub(super) fn propose(&mut self) -> (Proposal, Vec<f32>) {
        let image = self.parametrization.image(&self.coordinates);
        let offset = self.offset();
        let shifted = if offset == (0, 0) {
            image.clone()
        } else {
            r::shift(&image, self.side, offset)
        };
        (Proposal { image, offset }, shifted)
    }

    /// Takes a step along the gradient of a proposal.
    pub(super) fn accept(&mut self, proposal: &Proposal, evaluation: Evaluation) -> Iterate {
        let settings = self.settings;
        let image = &proposal.image;
        let mut gradient = match proposal.offset {
            (0, 0) => evaluation.gradient,
            (dx, dy) => r::shift(&evaluation.gradient, self.side, (-dx, -dy)),
        };
        let mut losses = Losses {
            objective: evaluation.terms.first().copied().unwrap_or_default(),
            likelihood: evaluation.terms.iter().skip(1).sum(),
            ..Losses::default()
        };
        if settings.total_variation > 0.0 {
            losses.total_variation =
                r::total_variation(settings.total_variation, image, self.side, &mut gradient);
        }
        if settings.l2 > 0.0 {
            losses.l2 = r::l2(settings.l2, image, &mut gradient);
        }
        let mut gradient = self.parametrization.pull_back(&self.coordinates, gradient);
        let in_prior = settings.basis.in_prior();
        if in_prior && settings.prior > 0.0 {
            let [d, pd] = self.parametrization.difference(&self.coordinates);
            losses.prior = r::mahalanobis(settings.prior, &d, &pd, &mut gradient);
        }
        self.optimizer.step(&mut self.coordinates, &gradient);
        self.parametrization.project(&mut self.coordinates);
        self.done += 1;
        // Not after the last step, as no step would sharpen the image again.
        let blurs = !in_prior && settings.blur_sigma > 0.0 && !self.finished();
        if blurs && self.done.is_multiple_of(settings.blur_every) {
            r::blur(&mut self.coordinates, self.side, settings.blur_sigma);
        }
        self.losses = losses;
        Iterate {
            step: self.done,
            losses,
        }
    }

    fn offset(&mut self) -> Offset {
        let most = self.settings.jitter as i32;
        if most == 0 {
            return (0, 0);
        }
        let mut draw = || self.jitter.random_range(-most..=most) as isize;
        (draw(), draw())
    }
}
