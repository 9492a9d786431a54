//! What the generator is asked for, in several experiments.

use deepface_client::v1::{GenerationSettings, InversionSettings, Preset};
use deepface_dataset::Photograph;

use crate::bench::Bench;

/// The attributes that a photograph has.
pub(crate) fn present(bench: &Bench<'_>, photograph: &Photograph) -> Vec<String> {
    let labels = bench.schema().names().zip(&photograph.labels);
    let names = labels.filter(|(_, present)| **present);
    names.map(|(name, _)| name.to_owned()).collect()
}

/// The paper's method, with as many steps as the run has time for.
pub(crate) fn paper(bench: &Bench<'_>) -> GenerationSettings {
    GenerationSettings {
        preset: Preset::Paper.into(),
        inversion: Some(steps(bench)),
        ..GenerationSettings::default()
    }
}

/// The number of steps of a descent in pixels.
pub(crate) fn steps(bench: &Bench<'_>) -> InversionSettings {
    InversionSettings {
        steps: Some(bench.effort.steps as i32),
        ..InversionSettings::default()
    }
}
