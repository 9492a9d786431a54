//! Small values as they travel.

use std::time::Duration;

use deepface_proto::v1::{GenerationSettings, LossTerms, Preset, TargetSettings};

use super::settings::descent_to_wire;
use crate::inversion::{Losses, Settings};

/// The settings in force, as they are reported: every value is spelled out, and so no preset is set.
pub(super) fn in_force(target: TargetSettings, descent: &Settings) -> GenerationSettings {
    GenerationSettings {
        target: Some(target),
        inversion: Some(descent_to_wire(descent)),
        preset: Preset::Unspecified.into(),
    }
}

/// The terms of a loss.
pub(super) fn terms(losses: &Losses) -> LossTerms {
    LossTerms {
        total: losses.total(),
        objective: losses.objective,
        likelihood: losses.likelihood,
        prior: losses.prior,
        total_variation: losses.total_variation,
        l2: losses.l2,
    }
}

/// A time in microseconds.
pub(super) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// A count of steps.
pub(super) fn count(steps: usize) -> i32 {
    i32::try_from(steps).unwrap_or(i32::MAX)
}
