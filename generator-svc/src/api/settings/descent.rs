//! How the image is found: from the contract to the settings of a descent, and back.

use deepface_proto::v1::{self, InversionSettings, Regularizers};
use deepface_serve::Violations;

use super::super::check::{Check, only_for};
use super::super::method::Method;
use super::Aim;
use crate::defaults;
use crate::gaussian::Statistics;
use crate::inversion::{Basis, Rule, Settings, Start};

/// Below this, rounding would lose most steps of a descent.
const LEAST_RATE: f64 = 1e-6;

/// What is moved. A decoder that the statistics lack is a problem, and the default goes on.
pub(in crate::api) fn basis(
    check: &mut Check<'_>,
    statistics: &Statistics,
    wire: i32,
    aim: Aim,
) -> Basis {
    match check.known("parametrization", wire) {
        v1::Parametrization::Pixels => Basis::Pixels,
        v1::Parametrization::Decoder if statistics.decoder.is_some() => Basis::Decoder,
        v1::Parametrization::Decoder => {
            let wrong = "expected PARAMETRIZATION_PRIOR or PARAMETRIZATION_PIXELS, because these statistics have no \
                         decoder; got PARAMETRIZATION_DECODER";
            check.add("parametrization", wrong);
            Basis::Prior
        }
        v1::Parametrization::Prior => Basis::Prior,
        v1::Parametrization::Unspecified => aim.basis(statistics),
    }
}

/// Checks how an image should be found.
///
/// # Errors
/// Everything that is wrong with the settings.
pub(in crate::api) fn descent(
    statistics: &Statistics,
    wire: Option<&InversionSettings>,
    aim: Aim,
    field: &str,
) -> Result<Settings, Violations> {
    let wire = wire.cloned().unwrap_or_default();
    let mut check = Check::new(field);
    let basis = basis(&mut check, statistics, wire.parametrization, aim);
    let rule = match check.known("optimizer", wire.optimizer) {
        v1::Optimizer::Sgd => Rule::Sgd,
        v1::Optimizer::Adam | v1::Optimizer::Unspecified => Rule::Adam,
    };
    let defaults = match aim.keeps {
        true => defaults::keeping(basis, rule),
        false => defaults::descent(basis, rule),
    };
    let start = match check.known("start", wire.start) {
        v1::Start::Noise => Start::Noise,
        v1::Start::Mean => Start::Mean,
        v1::Start::Expected => Start::Expected,
        // Section 3.3.1: class visualisation begins with the mean image.
        v1::Start::Unspecified if aim.method == Some(Method::ClassVisualization) => Start::Mean,
        v1::Start::Unspecified => defaults.start,
    };
    let r = wire.regularizers.unwrap_or_default();
    let describes = aim.method.is_some_and(Method::describes);
    if r.conditional == Some(true) && !describes {
        check.add(
            "regularizers.conditional",
            only_for("conditional", Method::describes),
        );
    }
    let settings = Settings {
        conditional: r.conditional.unwrap_or(describes),
        basis,
        rule,
        start,
        steps: check.whole("steps", wire.steps, defaults.steps, 1..=5000),
        learning_rate: check.number(
            "learning_rate",
            wire.learning_rate,
            defaults.learning_rate,
            LEAST_RATE..=10.0,
        ),
        prior: check.number("regularizers.prior", r.prior, defaults.prior, 0.0..=100.0),
        total_variation: check.number(
            "regularizers.total_variation",
            r.total_variation,
            defaults.total_variation,
            0.0..=100.0,
        ),
        l2: check.number("regularizers.l2", r.l2, defaults.l2, 0.0..=100.0),
        jitter: check.whole("regularizers.jitter", r.jitter, defaults.jitter, 0..=16),
        blur_sigma: check.number(
            "regularizers.blur_sigma",
            r.blur_sigma,
            defaults.blur_sigma,
            0.0..=4.0,
        ),
        blur_every: check.whole(
            "regularizers.blur_every",
            r.blur_every,
            defaults.blur_every,
            1..=1000,
        ),
    };
    check.or(settings)
}

/// The settings as they travel.
pub(in crate::api) fn descent_to_wire(settings: &Settings) -> InversionSettings {
    let whole = |x: usize| i32::try_from(x).unwrap_or(i32::MAX);
    let prior = settings.basis.in_prior();
    InversionSettings {
        parametrization: match settings.basis {
            Basis::Prior => v1::Parametrization::Prior,
            Basis::Decoder => v1::Parametrization::Decoder,
            Basis::Pixels => v1::Parametrization::Pixels,
        }
        .into(),
        optimizer: match settings.rule {
            Rule::Adam => v1::Optimizer::Adam,
            Rule::Sgd => v1::Optimizer::Sgd,
        }
        .into(),
        start: match settings.start {
            Start::Noise => v1::Start::Noise,
            Start::Mean => v1::Start::Mean,
            Start::Expected => v1::Start::Expected,
        }
        .into(),
        steps: Some(whole(settings.steps)),
        learning_rate: Some(settings.learning_rate),
        regularizers: Some(Regularizers {
            prior: prior.then_some(settings.prior),
            total_variation: Some(settings.total_variation),
            l2: Some(settings.l2),
            jitter: Some(whole(settings.jitter)),
            blur_sigma: (!prior).then_some(settings.blur_sigma),
            blur_every: (!prior).then_some(whole(settings.blur_every)),
            conditional: Some(settings.conditional),
        }),
    }
}
