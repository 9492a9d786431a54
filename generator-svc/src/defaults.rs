//! The defaults of a request and the values of its presets: all of them, and only here.
//!
//! The comments of `generator.proto`, the `--help` of the command line and `docs/generation.md` repeat them; tests hold
//! those texts to these values.

use crate::gaussian::Coordinates;
use crate::inversion::{Basis, Rule, Settings, Start};

/// The layer of a target in components and in pixels, and for a change of a given face: its shapes hold a face together.
pub const LAYER: &str = "conv4_3";
/// The layer of the target of a new face in a decoder's latents: a decoder makes faces by itself, and this layer, which tells
/// only what matters for recognition, leaves their texture as it is (`docs/generation.md`).
pub const DECODER_LAYER: &str = "fc6";
/// k in `T + k (T - mean)`.
pub const EXAGGERATION: f64 = 0.0;
/// Strength of an attribute.
pub const STRENGTH: f64 = 1.0;
/// Steps between two iterates of a stream.
pub const EVERY: usize = 10;

/// A sketch: a request that names this many attributes or fewer says nothing about the others.
pub const SKETCH: f64 = 3.0;
/// A portrait: a request that names this many attributes or more would have named the others.
pub const PORTRAIT: f64 = 12.0;
/// Standard deviations that are drawn of what a sketch leaves open, and of what a portrait leaves open, which is no
/// longer attributes. Inversion keeps about a third of what is drawn, in a judge's eyes (`docs/generation.md`).
pub const VARIETY: [f64; 2] = [1.2, 0.6];
/// How much further than to what is likely a draw from a learned density goes for what a sketch asks for, and for a portrait.
/// A descent shows it too, but blurs eyes and mouths on the way; a draw shows it as faces do (`docs/generation.md`).
pub const EMPHASIS: [f64; 2] = [3.0, 0.0];
/// Weight of the likelihood beside a target in components and in pixels, for a sketch and for a portrait. It weighs a mean
/// over attributes, so each of a sketch's few still counts more than one of a portrait's; with more, much appears that nobody
/// asked for (`docs/generation.md`).
pub const LIKELIHOOD: [f64; 2] = [2.0, 5.0];
/// The same in a decoder's latents: what a sketch asks for is drawn already, and for a portrait a decoder bears more of it, where
/// components become caricature.
pub const DECODER_LIKELIHOOD: [f64; 2] = [1.0, 12.0];
/// Weight of the likelihood for a change of a given face: with more, more of what was not asked for changes too
/// (`docs/generation.md`).
pub const CHANGE_LIKELIHOOD: f64 = 2.0;
/// The same in a decoder's latents, which show as much for less.
pub const DECODER_CHANGE_LIKELIHOOD: f64 = 0.5;
/// Log-odds beyond those of photographs up to which the likelihood of an attribute counts. With less, what the classifier
/// tells well is there but hard to see: hats, bald heads.
pub const MARGIN: f64 = 0.5;
/// The margin at which it always counts.
pub const NO_END: f64 = 100.0;
/// Weight of the likelihood beside one of the paper's targets.
pub const CGMM_LIKELIHOOD: f64 = 0.0;

/// The face that a target is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What its descent moves.
    pub moved: Coordinates,
    /// Whether it is a given face that is changed, or a new one.
    pub given: bool,
}

impl Subject {
    /// The layer of its target by default.
    pub fn layer(self) -> &'static str {
        match (self.moved, self.given) {
            (Coordinates::Latents, false) => DECODER_LAYER,
            (Coordinates::Latents, true) | (Coordinates::Components, _) => LAYER,
        }
    }

    /// Weight of the attributes' likelihood by default beside a regression target, for a completeness.
    pub fn likelihood(self, completeness: f64) -> f64 {
        match (self.moved, self.given) {
            (Coordinates::Components, false) => between(LIKELIHOOD, completeness),
            (Coordinates::Latents, false) => between(DECODER_LIKELIHOOD, completeness),
            (Coordinates::Components, true) => CHANGE_LIKELIHOOD,
            (Coordinates::Latents, true) => DECODER_CHANGE_LIKELIHOOD,
        }
    }
}

/// How complete a description is by default: people who list a dozen traits would have listed the eyeglasses, people who
/// say "smiling" leave them open. An attribute of a strength below 1 counts as that part of one.
pub fn completeness(strengths: impl Iterator<Item = f64>) -> f64 {
    let named: f64 = strengths.map(|strength| strength.min(1.0)).sum();
    ((named - SKETCH) / (PORTRAIT - SKETCH)).clamp(0.0, 1.0)
}

/// The variety by default for a completeness, in standard deviations.
pub fn variety(completeness: f64) -> f64 {
    between(VARIETY, completeness)
}

/// The emphasis of a draw for a completeness.
pub fn emphasis(completeness: f64) -> f64 {
    between(EMPHASIS, completeness)
}

fn between([sketch, portrait]: [f64; 2], completeness: f64) -> f64 {
    sketch + completeness * (portrait - sketch)
}

/// The best settings for a basis and a rule, measured on the embedded models (`docs/generation.md`).
pub fn descent(basis: Basis, rule: Rule) -> Settings {
    let prior = Settings {
        basis,
        rule,
        start: Start::Expected,
        steps: 50,
        learning_rate: 0.12,
        prior: 0.05,
        conditional: false,
        total_variation: 0.0,
        l2: 0.0,
        jitter: 1,
        blur_sigma: 0.0,
        blur_every: 10,
    };
    let pixels = Settings {
        start: Start::Noise,
        steps: 200,
        learning_rate: 0.02,
        prior: 0.0,
        jitter: 2,
        ..prior
    };
    match (basis, rule) {
        (Basis::Prior | Basis::Decoder, Rule::Adam) => prior,
        (Basis::Prior | Basis::Decoder, Rule::Sgd) => Settings {
            steps: 100,
            learning_rate: 0.02,
            ..prior
        },
        (Basis::Pixels, Rule::Adam) => Settings {
            total_variation: 5.0,
            ..pixels
        },
        // The paper's regularisers: jitter and blur.
        (Basis::Pixels, Rule::Sgd) => Settings {
            learning_rate: 0.01,
            blur_sigma: 0.5,
            ..pixels
        },
    }
}

/// The best settings for a request that keeps attributes: what is asked for and what is kept pull against each other, and
/// take longer to agree.
pub fn keeping(basis: Basis, rule: Rule) -> Settings {
    let mut settings = descent(basis, rule);
    if basis.in_prior() {
        settings.steps = 300;
        if rule == Rule::Adam {
            settings.learning_rate = 0.15;
        }
    }
    settings
}

/// The preset of the paper's method. The paper names "blurring and/or jitter" without numbers.
pub mod paper {
    /// Number of steps: after so many the faces hardly change.
    pub const STEPS: i32 = 1000;
    /// Largest shift of the image before each step, pixels.
    pub const JITTER: i32 = 2;
    /// Standard deviation of the blur, pixels.
    pub const BLUR_SIGMA: f64 = 0.5;
    /// Steps between two blurs.
    pub const BLUR_EVERY: i32 = 4;
}

#[cfg(test)]
mod tests;
