//! The settings of a request: checked, and everything that was not said filled in.

use std::fmt::Display;
use std::ops::RangeInclusive;

use deepface_proto::v1::{self, InversionSettings, Regularizers, TargetSettings};
use deepface_serve::{Violations, quote};

use crate::gaussian::{self, Asked, Statistics};
use crate::inversion::{Basis, Rule, Settings, Start};

/// The layer whose targets show attributes best (`docs/generation.md`).
const LAYER: &str = "conv4_3";
/// k in `T + k (T - mean)`, for a regression target. The paper's targets are taken as they are.
const EXAGGERATION: f64 = 0.0;

/// Below this, most steps of a descent would be lost in rounding.
const LEAST_RATE: f64 = 1e-6;

/// How a target is made, in full.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TargetChoice {
    /// The method; never unspecified.
    pub(super) method: v1::Method,
    /// Name of the layer.
    pub(super) layer: String,
    pub(super) exaggeration: f64,
    pub(super) variety: f64,
    pub(super) residual: gaussian::Residual,
    /// Weight of the attributes' likelihood beside the target.
    pub(super) likelihood: f64,
    /// How complete the description is.
    pub(super) completeness: f64,
}

impl TargetChoice {
    /// Whether the method knows more than what should be present.
    pub(super) fn regresses(&self) -> bool {
        self.method == v1::Method::Regression
    }

    /// What the statistics take; `None` for class visualisation, which has no target.
    pub(super) fn settings(&self, seed: u64) -> Option<gaussian::TargetSettings> {
        let method = match self.method {
            v1::Method::CgmmMean => gaussian::Method::CgmmMean,
            v1::Method::CgmmSample => gaussian::Method::CgmmSample,
            v1::Method::ClassVisualization => return None,
            v1::Method::Regression | v1::Method::Unspecified => gaussian::Method::Regression,
        };
        Some(gaussian::TargetSettings {
            method,
            exaggeration: self.exaggeration,
            variety: self.variety,
            residual: self.residual,
            seed,
        })
    }

    /// The settings as they travel, those left out that the method has no use for.
    pub(super) fn to_wire(&self) -> TargetSettings {
        let climbs = self.method == v1::Method::ClassVisualization;
        let regression = self.regresses();
        let residual = match self.residual {
            gaussian::Residual::LowRank => v1::Residual::LowRank,
            gaussian::Residual::Diagonal => v1::Residual::Diagonal,
        };
        TargetSettings {
            method: self.method.into(),
            layer: if climbs {
                String::new()
            } else {
                self.layer.clone()
            },
            exaggeration: (!climbs).then_some(self.exaggeration),
            variety: regression.then_some(self.variety),
            likelihood: (!climbs).then_some(self.likelihood),
            completeness: regression.then_some(self.completeness),
            residual: if regression {
                residual.into()
            } else {
                v1::Residual::Unspecified.into()
            },
        }
    }
}

/// Checks how a target should be made of what is asked; `field` is where that stands in the request.
pub(super) fn target(
    statistics: &Statistics,
    wire: Option<&TargetSettings>,
    asked: &[Asked],
    field: &str,
) -> Result<TargetChoice, Violations> {
    let wire = wire.cloned().unwrap_or_default();
    let mut check = Check::new(field);
    let method = match check.known("method", wire.method) {
        v1::Method::Unspecified => v1::Method::Regression,
        method => method,
    };
    check.unused(method, &wire);
    let layer = if wire.layer.is_empty() {
        default_layer(statistics)
    } else {
        wire.layer
    };
    if statistics.layer(&layer).is_none() {
        let names: Vec<&str> = statistics.layers.iter().map(|l| l.name.as_str()).collect();
        check.add(
            "layer",
            format_args!(
                "no targets for layer {}; there are targets for {}",
                quote(&layer),
                names.join(", ")
            ),
        );
    }
    let usual = |default: f64| {
        if method == v1::Method::Regression {
            default
        } else {
            0.0
        }
    };
    let completeness = usual(gaussian::Wish::usual_completeness(asked));
    let completeness = check.number("completeness", wire.completeness, completeness, 0.0..=1.0);
    let variety = usual(gaussian::Wish::usual_variety(completeness));
    let choice = TargetChoice {
        method,
        layer,
        exaggeration: check.number(
            "exaggeration",
            wire.exaggeration,
            usual(EXAGGERATION),
            0.0..=4.0,
        ),
        variety: check.number("variety", wire.variety, variety, 0.0..=2.0),
        residual: match check.known("residual", wire.residual) {
            v1::Residual::Diagonal => gaussian::Residual::Diagonal,
            v1::Residual::LowRank | v1::Residual::Unspecified => gaussian::Residual::LowRank,
        },
        likelihood: check.number(
            "likelihood",
            wire.likelihood,
            usual(gaussian::Wish::usual_likelihood(completeness)),
            0.0..=100.0,
        ),
        completeness,
    };
    check.violations.or(choice)
}

/// The best layer, or the first where that one was not fitted.
pub(super) fn default_layer(statistics: &Statistics) -> String {
    let best = statistics.layer(LAYER).or(statistics.layers.first());
    best.map_or_else(|| LAYER.to_owned(), |l| l.name.clone())
}

/// Checks how an image should be found for a method; vanilla inversion has none.
pub(super) fn inversion(
    wire: Option<&InversionSettings>,
    method: Option<v1::Method>,
    field: &str,
) -> Result<Settings, Violations> {
    let climbs = method == Some(v1::Method::ClassVisualization);
    let regresses = matches!(
        method,
        Some(v1::Method::Unspecified | v1::Method::Regression)
    );
    let wire = wire.cloned().unwrap_or_default();
    let mut check = Check::new(field);
    let basis = match check.known("parametrization", wire.parametrization) {
        v1::Parametrization::Pixels => Basis::Pixels,
        v1::Parametrization::Prior | v1::Parametrization::Unspecified => Basis::Prior,
    };
    let rule = match check.known("optimizer", wire.optimizer) {
        v1::Optimizer::Sgd => Rule::Sgd,
        v1::Optimizer::Adam | v1::Optimizer::Unspecified => Rule::Adam,
    };
    let defaults = Settings::defaults(basis, rule);
    let start = match check.known("start", wire.start) {
        v1::Start::Noise => Start::Noise,
        v1::Start::Mean => Start::Mean,
        v1::Start::Expected => Start::Expected,
        // Section 3.3.1: class visualisation begins with the mean image.
        v1::Start::Unspecified if climbs => Start::Mean,
        v1::Start::Unspecified => defaults.start,
    };
    let r = wire.regularizers.unwrap_or_default();
    if r.conditional == Some(true) && !regresses {
        let name = v1::Method::Regression.as_str_name();
        let problem = format!("only {name} says what to expect; leave it out, or use that");
        check.add("regularizers.conditional", problem);
    }
    let settings = Settings {
        conditional: r.conditional.unwrap_or(regresses),
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
    check.violations.or(settings)
}

/// The settings as they travel.
pub(super) fn to_wire(settings: &Settings) -> InversionSettings {
    let whole = |x: usize| i32::try_from(x).unwrap_or(i32::MAX);
    let prior = settings.basis == Basis::Prior;
    InversionSettings {
        parametrization: if prior {
            v1::Parametrization::Prior
        } else {
            v1::Parametrization::Pixels
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

/// What a stream should carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Carries {
    /// Steps between two iterates.
    pub(super) every: usize,
    /// How images travel.
    pub(super) format: v1::ImageFormat,
    /// Whether iterates come without images.
    pub(super) losses_only: bool,
}

/// Checks what a stream should carry.
pub(super) fn stream(wire: Option<&v1::StreamSettings>) -> Result<Carries, Violations> {
    let wire = wire.copied().unwrap_or_default();
    let mut check = Check::new("stream");
    // 0 is the default, and within the range that is asked for.
    let every = (wire.every != 0).then_some(wire.every);
    let carries = Carries {
        every: check.whole("every", every, 10, 0..=5000),
        format: match check.known("format", wire.format) {
            v1::ImageFormat::Unspecified => v1::ImageFormat::Png,
            format => format,
        },
        losses_only: wire.losses_only,
    };
    check.violations.or(carries)
}

/// Collects what is wrong below one field.
struct Check<'a> {
    field: &'a str,
    violations: Violations,
}

impl<'a> Check<'a> {
    fn new(field: &'a str) -> Self {
        Self {
            field,
            violations: Violations::new(),
        }
    }

    fn add(&mut self, name: &str, problem: impl Display) {
        self.violations
            .add(format!("{}.{name}", self.field), problem);
    }

    /// Finds what was asked of a target that its method has no use for. What changes nothing is no matter.
    fn unused(&mut self, method: v1::Method, wire: &TargetSettings) {
        let changes = |value: Option<f64>| value.is_some_and(|x| x != 0.0);
        let name = method.as_str_name();
        let climbs = method == v1::Method::ClassVisualization;
        if climbs && !wire.layer.is_empty() {
            self.add(
                "layer",
                format_args!("{name} has no target, and so no layer"),
            );
        }
        if climbs && changes(wire.exaggeration) {
            self.add(
                "exaggeration",
                format_args!("{name} has no target to exaggerate"),
            );
        }
        if method != v1::Method::Regression && changes(wire.variety) {
            let other = v1::Method::Regression.as_str_name();
            self.add(
                "variety",
                format_args!("{name} knows no residual noise; leave it out, or use {other}"),
            );
        }
        if method != v1::Method::Regression && changes(wire.completeness) {
            let other = v1::Method::Regression.as_str_name();
            self.add(
                "completeness",
                format_args!("{name} knows no absent attributes; leave it out, or use {other}"),
            );
        }
        if climbs && wire.likelihood.is_some() {
            self.add(
                "likelihood",
                format_args!("{name} climbs nothing but the likelihood; leave its weight out"),
            );
        }
    }

    fn number(
        &mut self,
        name: &str,
        said: Option<f64>,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> f64 {
        let value = said.unwrap_or(default);
        if !range.contains(&value) {
            let (low, high) = (range.start(), range.end());
            self.add(name, format_args!("expected {low} to {high}, got {value}"));
        }
        value
    }

    fn whole(
        &mut self,
        name: &str,
        said: Option<i32>,
        default: usize,
        range: RangeInclusive<i32>,
    ) -> usize {
        let Some(value) = said else {
            return default;
        };
        if !range.contains(&value) {
            self.add(
                name,
                format_args!("expected {} to {}, got {value}", range.start(), range.end()),
            );
        }
        usize::try_from(value).unwrap_or(default)
    }

    /// A value of an enumeration; its default where this version does not know it.
    fn known<E: TryFrom<i32> + Default>(&mut self, name: &str, value: i32) -> E {
        E::try_from(value).unwrap_or_else(|_| {
            self.add(
                name,
                format_args!("{value} is no value that this version knows"),
            );
            E::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::tests::statistics;

    fn problems(result: Result<impl std::fmt::Debug, Violations>) -> String {
        let violations = result.unwrap_err();
        violations
            .iter()
            .map(|(f, d)| format!("{f}: {d}; "))
            .collect()
    }

    #[test]
    fn what_is_not_said_is_filled_in_and_survives_the_wire() {
        let s = statistics();
        let choice = target(&s, None, &[], "t").unwrap();
        assert_eq!(
            (choice.method, choice.exaggeration),
            (v1::Method::Regression, EXAGGERATION)
        );
        for method in [1, 2, 3, 4] {
            let wire = TargetSettings {
                method,
                ..Default::default()
            };
            let choice = target(&s, Some(&wire), &[], "t").unwrap();
            assert_eq!(
                target(&s, Some(&choice.to_wire()), &[], "t").unwrap(),
                choice
            );
        }
        for (p, o) in [(0, 0), (1, 2), (2, 1), (2, 2)] {
            let wire = InversionSettings {
                parametrization: p,
                optimizer: o,
                ..Default::default()
            };
            let settings = inversion(Some(&wire), None, "i").unwrap();
            let again = inversion(Some(&to_wire(&settings)), None, "i").unwrap();
            assert_eq!(again, settings);
        }
        let paper = TargetSettings {
            method: v1::Method::CgmmMean.into(),
            ..Default::default()
        };
        assert_eq!(
            target(&s, Some(&paper), &[], "t").unwrap().exaggeration,
            0.0
        );
        assert_eq!(
            inversion(None, Some(v1::Method::ClassVisualization), "i")
                .unwrap()
                .start,
            Start::Mean
        );
    }

    #[test]
    fn what_a_method_has_no_use_for_is_refused() {
        let s = statistics();
        let all = |method: v1::Method, x: f64| TargetSettings {
            method: method.into(),
            layer: "conv4_3".into(),
            exaggeration: Some(x),
            variety: Some(x),
            completeness: Some(x),
            ..Default::default()
        };
        assert!(target(&s, Some(&all(v1::Method::Regression, 0.5)), &[], "t").is_ok());
        for method in [v1::Method::CgmmMean, v1::Method::CgmmSample] {
            let text = problems(target(&s, Some(&all(method, 0.5)), &[], "t"));
            assert!(text.starts_with("t.variety: METHOD_CGMM_"), "{text}");
            assert!(text.contains("t.completeness: METHOD_CGMM_"), "{text}");
            assert!(target(&s, Some(&all(method, 0.0)), &[], "t").is_ok());
        }
        let text = problems(target(
            &s,
            Some(&TargetSettings {
                likelihood: Some(1.0),
                ..all(v1::Method::ClassVisualization, 0.5)
            }),
            &[],
            "t",
        ));
        for part in [
            "t.layer: ",
            "t.exaggeration: ",
            "t.variety: ",
            "t.likelihood: ",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_learning_rate_that_moves_nothing_is_refused() {
        let rate = |rate| InversionSettings {
            learning_rate: Some(rate),
            ..Default::default()
        };
        for tiny in [1e-7, 1e-12, f64::MIN_POSITIVE] {
            let text = problems(inversion(Some(&rate(tiny)), None, "i"));
            assert!(text.contains("expected 0.000001 to 10"), "{text}");
        }
        assert!(inversion(Some(&rate(1e-6)), None, "i").is_ok());
    }

    #[test]
    fn every_bad_value_is_named() {
        let s = statistics();
        let wire = TargetSettings {
            method: 77,
            layer: "conv9_9".into(),
            exaggeration: Some(f64::NAN),
            variety: Some(-1.0),
            likelihood: Some(101.0),
            completeness: Some(1.5),
            residual: 9,
        };
        let text = problems(target(&s, Some(&wire), &[], "settings.target"));
        for part in [
            "method: 77",
            "layer: no targets for layer \"conv9_9\"",
            "conv4_3",
            "exaggeration: expected 0 to 4, got NaN",
            "variety",
            "likelihood: expected 0 to 100, got 101",
            "completeness: expected 0 to 1, got 1.5",
            "residual: 9",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let wire = InversionSettings {
            steps: Some(0),
            learning_rate: Some(0.0),
            optimizer: -3,
            regularizers: Some(Regularizers {
                jitter: Some(-1),
                blur_every: Some(0),
                ..Default::default()
            }),
            ..Default::default()
        };
        let text = problems(inversion(Some(&wire), None, "inversion"));
        for part in [
            "inversion.steps: expected 1 to 5000, got 0",
            "learning_rate: expected 0.000001 to 10, got 0",
            "optimizer",
            "jitter",
            "blur_every",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let wire = v1::StreamSettings {
            every: -1,
            format: 9,
            losses_only: false,
        };
        let text = problems(stream(Some(&wire)));
        assert!(
            text.contains("stream.every: expected 0 to 5000, got -1")
                && text.contains("stream.format"),
            "{text}"
        );
    }
}
