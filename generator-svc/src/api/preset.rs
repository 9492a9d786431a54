//! Presets: named settings that fill in the fields that a request does not set.

use deepface_proto::v1::{GenerationSettings, Method, Optimizer, Parametrization, Preset, Start};
use deepface_serve::Violations;

use crate::defaults::paper;

/// Puts the values of the preset, if there is one, in the place of the fields that are not set; `field` is that of the
/// preset.
///
/// # Errors
/// The preset is unknown.
pub(super) fn fill_in(settings: &mut GenerationSettings, field: &str) -> Result<(), Violations> {
    let preset = Preset::try_from(settings.preset).map_err(|_| {
        let got = settings.preset;
        Violations::one(field, format_args!("unknown value {got}"))
    })?;
    settings.preset = Preset::Unspecified.into();
    match preset {
        Preset::Unspecified => {}
        Preset::Paper => fill_in_paper(settings),
    }
    Ok(())
}

/// The paper's method (section 3.3.2), or its baseline (section 3.3.1) where that is asked for: then the descent begins with
/// the mean image.
fn fill_in_paper(settings: &mut GenerationSettings) {
    let target = settings.target.get_or_insert_default();
    if target.method == i32::from(Method::Unspecified) {
        target.set_method(Method::CgmmMean);
    }
    target.exaggeration.get_or_insert(0.0);
    target.variety.get_or_insert(0.0);
    if target.method() != Method::ClassVisualization {
        target.likelihood.get_or_insert(0.0);
    }
    let inversion = settings.inversion.get_or_insert_default();
    if inversion.parametrization == i32::from(Parametrization::Unspecified) {
        inversion.set_parametrization(Parametrization::Pixels);
    }
    if inversion.optimizer == i32::from(Optimizer::Unspecified) {
        inversion.set_optimizer(Optimizer::Sgd);
    }
    if inversion.start == i32::from(Start::Unspecified) {
        inversion.set_start(match target.method() {
            Method::ClassVisualization => Start::Mean,
            _ => Start::Noise,
        });
    }
    inversion.steps.get_or_insert(paper::STEPS);
    let pixels = inversion.parametrization() == Parametrization::Pixels;
    let regularizers = inversion.regularizers.get_or_insert_default();
    regularizers.total_variation.get_or_insert(0.0);
    regularizers.l2.get_or_insert(0.0);
    regularizers.jitter.get_or_insert(paper::JITTER);
    if pixels {
        regularizers.blur_sigma.get_or_insert(paper::BLUR_SIGMA);
        regularizers.blur_every.get_or_insert(paper::BLUR_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use deepface_proto::v1::{InversionSettings, Regularizers, TargetSettings};

    use super::*;

    fn filled(mut settings: GenerationSettings) -> GenerationSettings {
        settings.set_preset(Preset::Paper);
        fill_in(&mut settings, "settings.preset").unwrap();
        settings
    }

    #[test]
    fn the_papers_preset_is_the_papers_method() {
        let expected = GenerationSettings {
            target: Some(TargetSettings {
                method: Method::CgmmMean.into(),
                exaggeration: Some(0.0),
                variety: Some(0.0),
                likelihood: Some(0.0),
                ..Default::default()
            }),
            inversion: Some(InversionSettings {
                parametrization: Parametrization::Pixels.into(),
                optimizer: Optimizer::Sgd.into(),
                start: Start::Noise.into(),
                steps: Some(1000),
                regularizers: Some(Regularizers {
                    total_variation: Some(0.0),
                    l2: Some(0.0),
                    jitter: Some(2),
                    blur_sigma: Some(0.5),
                    blur_every: Some(4),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            preset: 0,
        };
        assert_eq!(filled(GenerationSettings::default()), expected);
    }

    #[test]
    fn what_a_request_sets_overrides_the_preset() {
        let settings = filled(GenerationSettings {
            target: Some(TargetSettings {
                method: Method::ClassVisualization.into(),
                ..Default::default()
            }),
            inversion: Some(InversionSettings {
                parametrization: Parametrization::Prior.into(),
                regularizers: Some(Regularizers {
                    jitter: Some(0),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            preset: 0,
        });
        let (target, inversion) = (settings.target.unwrap(), settings.inversion.unwrap());
        assert_eq!(target.method(), Method::ClassVisualization);
        assert_eq!(target.likelihood, None);
        assert_eq!(inversion.parametrization(), Parametrization::Prior);
        assert_eq!(inversion.optimizer(), Optimizer::Sgd);
        assert_eq!(inversion.start(), Start::Mean);
        let regularizers = inversion.regularizers.unwrap();
        assert_eq!(
            (regularizers.jitter, regularizers.blur_sigma),
            (Some(0), None)
        );
    }

    #[test]
    fn an_unknown_preset_is_refused() {
        let mut settings = GenerationSettings {
            preset: 7,
            ..Default::default()
        };
        let violations = fill_in(&mut settings, "settings.preset").unwrap_err();
        let said: Vec<_> = violations.iter().collect();
        assert_eq!(said, [("settings.preset", "unknown value 7")]);
    }
}
