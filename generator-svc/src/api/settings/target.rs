//! How the target is made: from the contract to the variant of the method, and back.

use deepface_proto::v1::{self, TargetSettings};
use deepface_serve::{Violations, quote};

use super::super::check::{Check, matters, only_for};
use super::super::method::Method;
use crate::defaults::{self, Subject};
use crate::gaussian::{
    Asked, Cgmm, Coordinates, Layer, LayerId, Regression, Residual, Statistics, Target,
};

/// Checks how a target should be made for a face with these attributes; `field` is where the settings stand in the request.
///
/// # Errors
/// Everything that is wrong with the settings.
pub(in crate::api) fn target(
    statistics: &Statistics,
    wire: Option<&TargetSettings>,
    asked: &[Asked],
    subject: Subject,
    field: &str,
) -> Result<Target, Violations> {
    let wire = wire.cloned().unwrap_or_default();
    let mut check = Check::new(field);
    check.known::<v1::Method>("method", wire.method);
    let residual = match check.known("residual", wire.residual) {
        v1::Residual::Diagonal => Residual::Diagonal,
        v1::Residual::LowRank | v1::Residual::Unspecified => Residual::LowRank,
    };
    let method = Method::of(Some(&wire));
    refuse_unused(&mut check, method, &wire);
    let target = match method {
        Method::Regression => {
            let said = defaults::completeness(asked.iter().map(|a| a.strength));
            let completeness = check.number("completeness", wire.completeness, said, 0.0..=1.0);
            let variety = defaults::variety(completeness);
            Target::Regression(Regression {
                layer: layer(&mut check, statistics, &wire.layer, subject),
                exaggeration: exaggeration(&mut check, &wire),
                variety: check.number("variety", wire.variety, variety, 0.0..=2.0),
                completeness,
                emphasis: emphasis(&mut check, wire.emphasis, subject, completeness),
                residual,
                likelihood: likelihood(&mut check, &wire, subject.likelihood(completeness)),
                coordinates: subject.moved,
                margin: check.number(
                    "margin",
                    wire.margin,
                    defaults::MARGIN,
                    -10.0..=defaults::NO_END,
                ),
            })
        }
        Method::CgmmMean | Method::CgmmSample => Target::Cgmm(Cgmm {
            layer: layer(&mut check, statistics, &wire.layer, subject),
            exaggeration: exaggeration(&mut check, &wire),
            sampled: method == Method::CgmmSample,
            likelihood: likelihood(&mut check, &wire, defaults::CGMM_LIKELIHOOD),
        }),
        Method::ClassVisualization => Target::ClassVisualization,
    };
    check.or(target)
}

/// Refuses fields that do not apply to the method. Values without effect are accepted.
fn refuse_unused(check: &mut Check<'_>, method: Method, wire: &TargetSettings) {
    let mut refuse = |name, said: bool, applies: fn(Method) -> bool| {
        if said && !applies(method) {
            check.add(name, only_for(name, applies));
        }
    };
    refuse("layer", !wire.layer.is_empty(), Method::has_target);
    refuse(
        "exaggeration",
        matters(wire.exaggeration),
        Method::has_target,
    );
    refuse("variety", matters(wire.variety), Method::describes);
    refuse(
        "completeness",
        matters(wire.completeness),
        Method::describes,
    );
    refuse("margin", matters(wire.margin), Method::describes);
    refuse("emphasis", matters(wire.emphasis), Method::describes);
    refuse("likelihood", wire.likelihood.is_some(), Method::has_target);
}

/// The emphasis of a draw, which only the density of a decoder's latents has.
fn emphasis(check: &mut Check<'_>, said: Option<f64>, subject: Subject, completeness: f64) -> f64 {
    if subject.moved == Coordinates::Latents {
        let default = defaults::emphasis(completeness);
        return check.number("emphasis", said, default, 0.0..=10.0);
    }
    if matters(said) {
        check.add(
            "emphasis",
            "`emphasis` applies only to PARAMETRIZATION_DECODER",
        );
    }
    0.0
}

fn exaggeration(check: &mut Check<'_>, wire: &TargetSettings) -> f64 {
    let default = defaults::EXAGGERATION;
    check.number("exaggeration", wire.exaggeration, default, 0.0..=4.0)
}

fn likelihood(check: &mut Check<'_>, wire: &TargetSettings, default: f64) -> f64 {
    check.number("likelihood", wire.likelihood, default, 0.0..=100.0)
}

/// The layer of this name. If there are no targets for it, that is a problem, and the default goes on.
fn layer(check: &mut Check<'_>, statistics: &Statistics, name: &str, subject: Subject) -> LayerId {
    let default = statistics.layer_or_first(subject.layer());
    if name.is_empty() {
        return default;
    }
    statistics.find_layer(name).unwrap_or_else(|| {
        let names: Vec<&str> = statistics.layers.iter().map(|l| l.name.as_str()).collect();
        let (got, known) = (quote(name), names.join(", "));
        check.add("layer", format_args!("expected one of {known}; got {got}"));
        default
    })
}

/// The layer of everything but the target of a new face in a decoder's latents.
pub(in crate::api) fn usual_layer(statistics: &Statistics) -> &Layer {
    statistics.layer(statistics.layer_or_first(defaults::LAYER))
}

/// The settings as they travel. Fields that do not apply to the method are not set.
pub(in crate::api) fn target_to_wire(target: &Target, statistics: &Statistics) -> TargetSettings {
    let name = |layer| statistics.layer(layer).name.clone();
    match target {
        Target::Regression(r) => TargetSettings {
            method: v1::Method::Regression.into(),
            layer: name(r.layer),
            exaggeration: Some(r.exaggeration),
            variety: Some(r.variety),
            likelihood: Some(r.likelihood),
            margin: Some(r.margin),
            emphasis: (r.coordinates == Coordinates::Latents).then_some(r.emphasis),
            completeness: Some(r.completeness),
            residual: match r.residual {
                Residual::LowRank => v1::Residual::LowRank,
                Residual::Diagonal => v1::Residual::Diagonal,
            }
            .into(),
        },
        Target::Cgmm(c) => TargetSettings {
            method: match c.sampled {
                true => v1::Method::CgmmSample,
                false => v1::Method::CgmmMean,
            }
            .into(),
            layer: name(c.layer),
            exaggeration: Some(c.exaggeration),
            likelihood: Some(c.likelihood),
            ..TargetSettings::default()
        },
        Target::ClassVisualization => TargetSettings {
            method: v1::Method::ClassVisualization.into(),
            ..TargetSettings::default()
        },
    }
}
