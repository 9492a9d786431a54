//! What the settings of a request become, and which are refused.

use deepface_proto::v1::{self, InversionSettings, Regularizers, TargetSettings};
use deepface_serve::Violations;

use super::super::method::Method;
use super::*;
use crate::defaults::{self, Subject};
use crate::gaussian::fixture::{statistics, with_decoder};
use crate::gaussian::{Coordinates, Layer, Statistics, Target};
use crate::inversion::{Basis, Start};

const COMPONENTS: Subject = Subject {
    moved: Coordinates::Components,
    given: false,
};

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
    let Target::Regression(regression) = target(&s, None, &[], COMPONENTS, "t").unwrap() else {
        panic!("expected a regression by default");
    };
    assert_eq!(regression.exaggeration, defaults::EXAGGERATION);
    for method in [1, 2, 3, 4] {
        let wire = TargetSettings {
            method,
            ..Default::default()
        };
        let checked = target(&s, Some(&wire), &[], COMPONENTS, "t").unwrap();
        let again = target_to_wire(&checked, &s);
        assert_eq!(again.method, method);
        assert_eq!(
            target(&s, Some(&again), &[], COMPONENTS, "t").unwrap(),
            checked
        );
    }
    for (p, o) in [(0, 0), (1, 2), (2, 1), (2, 2)] {
        let wire = InversionSettings {
            parametrization: p,
            optimizer: o,
            ..Default::default()
        };
        let settings = descent(&statistics(), Some(&wire), Aim::INVERSION, "i").unwrap();
        let again = descent(
            &statistics(),
            Some(&descent_to_wire(&settings)),
            Aim::INVERSION,
            "i",
        )
        .unwrap();
        assert_eq!(again, settings);
    }
    let climb = descent(
        &statistics(),
        None,
        Aim::face(Method::ClassVisualization),
        "i",
    )
    .unwrap();
    assert_eq!(climb.start, Start::Mean);
}

#[test]
fn layer_and_likelihood_follow_from_the_face() {
    let mut s = with_decoder();
    s.layers.push(Layer {
        name: defaults::DECODER_LAYER.into(),
        ..s.layers[0].clone()
    });
    let settled = |moved, given, layer: &str, likelihood| {
        let wire = TargetSettings {
            layer: layer.into(),
            likelihood,
            ..Default::default()
        };
        let subject = Subject { moved, given };
        let checked = target(&s, Some(&wire), &[], subject, "t").unwrap();
        let target = target_to_wire(&checked, &s);
        (target.layer, target.likelihood.unwrap())
    };
    let (components, latents) = (Coordinates::Components, Coordinates::Latents);
    assert_eq!(
        settled(components, false, "", None),
        ("conv4_3".into(), 2.0)
    );
    assert_eq!(settled(components, true, "", None), ("conv4_3".into(), 2.0));
    assert_eq!(settled(latents, false, "", None), ("fc6".into(), 1.0));
    assert_eq!(settled(latents, true, "", None), ("conv4_3".into(), 0.5));
    let said = settled(latents, false, "conv4_3", Some(7.0));
    assert_eq!(said, ("conv4_3".into(), 7.0));
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
    assert!(
        target(
            &s,
            Some(&all(v1::Method::Regression, 0.5)),
            &[],
            COMPONENTS,
            "t"
        )
        .is_ok()
    );
    for method in [v1::Method::CgmmMean, v1::Method::CgmmSample] {
        let text = problems(target(&s, Some(&all(method, 0.5)), &[], COMPONENTS, "t"));
        let expected = "t.variety: `variety` applies only to METHOD_REGRESSION; \
                        t.completeness: `completeness` applies only to METHOD_REGRESSION; ";
        assert_eq!(text, expected);
        assert!(target(&s, Some(&all(method, 0.0)), &[], COMPONENTS, "t").is_ok());
    }
    let text = problems(target(
        &s,
        Some(&TargetSettings {
            likelihood: Some(1.0),
            ..all(v1::Method::ClassVisualization, 0.5)
        }),
        &[],
        COMPONENTS,
        "t",
    ));
    for part in [
        "t.layer: ",
        "t.exaggeration: `exaggeration` applies only to METHOD_REGRESSION, METHOD_CGMM_MEAN and METHOD_CGMM_SAMPLE",
        "t.variety: ",
        "t.completeness: `completeness` applies only to METHOD_REGRESSION",
        "t.likelihood: ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn only_draws_of_latents_have_an_emphasis() {
    let s = statistics();
    let latents = Subject {
        moved: Coordinates::Latents,
        given: false,
    };
    let checked = |emphasis, subject| {
        let wire = TargetSettings {
            emphasis,
            ..Default::default()
        };
        target(&s, Some(&wire), &[], subject, "t")
    };
    let in_force = |emphasis, subject| {
        let target = checked(emphasis, subject).unwrap();
        target_to_wire(&target, &s).emphasis
    };
    assert_eq!(in_force(None, latents), Some(defaults::EMPHASIS[0]));
    assert_eq!(in_force(Some(1.5), latents), Some(1.5));
    assert_eq!(in_force(None, COMPONENTS), None);
    assert_eq!(in_force(Some(0.0), COMPONENTS), None);
    assert_eq!(
        problems(checked(Some(10.5), latents)),
        "t.emphasis: expected 0 to 10, got 10.5; "
    );
    assert_eq!(
        problems(checked(Some(1.5), COMPONENTS)),
        "t.emphasis: `emphasis` applies only to PARAMETRIZATION_DECODER; "
    );
}

#[test]
fn a_learning_rate_that_moves_nothing_is_refused() {
    let rate = |rate| InversionSettings {
        learning_rate: Some(rate),
        ..Default::default()
    };
    for tiny in [1e-7, 1e-12, f64::MIN_POSITIVE] {
        let text = problems(descent(
            &statistics(),
            Some(&rate(tiny)),
            Aim::INVERSION,
            "i",
        ));
        assert!(text.contains("expected 0.000001 to 10"), "{text}");
    }
    assert!(descent(&statistics(), Some(&rate(1e-6)), Aim::INVERSION, "i").is_ok());
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
        margin: Some(-11.0),
        emphasis: None,
    };
    let text = problems(target(&s, Some(&wire), &[], COMPONENTS, "settings.target"));
    for part in [
        "method: unknown value 77",
        "layer: expected one of conv4_3; got \"conv9_9\"",
        "exaggeration: expected 0 to 4, got NaN",
        "variety",
        "likelihood: expected 0 to 100, got 101",
        "completeness: expected 0 to 1, got 1.5",
        "margin: expected -10 to 100, got -11",
        "residual: unknown value 9",
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
    let text = problems(descent(
        &statistics(),
        Some(&wire),
        Aim::INVERSION,
        "inversion",
    ));
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
        every: Some(0),
        format: 9,
        ..Default::default()
    };
    let text = problems(stream(Some(&wire)));
    assert!(
        text.contains("stream.every: expected 1 to 5000, got 0") && text.contains("stream.format"),
        "{text}"
    );
}

#[test]
fn a_decoder_that_there_is_not_is_refused() {
    let wire = InversionSettings {
        parametrization: v1::Parametrization::Decoder.into(),
        ..Default::default()
    };
    let text = problems(descent(&statistics(), Some(&wire), Aim::INVERSION, "i"));
    assert!(
        text.starts_with("i.parametrization: expected PARAMETRIZATION_PRIOR or ")
            && text.ends_with("got PARAMETRIZATION_DECODER; "),
        "{text}"
    );
    let settings = descent(&with_decoder(), Some(&wire), Aim::INVERSION, "i").unwrap();
    assert_eq!(settings.basis, Basis::Decoder);
    let again = descent_to_wire(&settings);
    assert_eq!(again.parametrization(), v1::Parametrization::Decoder);
}

#[test]
fn only_a_regression_has_a_conditional_prior() {
    let conditional = InversionSettings {
        regularizers: Some(Regularizers {
            conditional: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert!(
        descent(
            &statistics(),
            Some(&conditional),
            Aim::face(Method::Regression),
            "i"
        )
        .is_ok()
    );
    for method in [
        None,
        Some(Method::CgmmMean),
        Some(Method::ClassVisualization),
    ] {
        let text = problems(descent(
            &statistics(),
            Some(&conditional),
            Aim {
                method,
                ..Aim::INVERSION
            },
            "i",
        ));
        let expected =
            "i.regularizers.conditional: `conditional` applies only to METHOD_REGRESSION; ";
        assert_eq!(text, expected);
    }
}

#[test]
fn faces_are_made_by_the_decoder_unless_a_request_says_otherwise() {
    let of = |statistics: &Statistics, aim: Aim| descent(statistics, None, aim, "i").unwrap().basis;
    let (with, without) = (with_decoder(), statistics());
    let regression = Aim::face(Method::Regression);
    assert_eq!(of(&with, regression), Basis::Decoder);
    assert_eq!(of(&without, regression), Basis::Prior);
    let change = Aim {
        changes: true,
        ..regression
    };
    let papers = [
        Method::CgmmMean,
        Method::CgmmSample,
        Method::ClassVisualization,
    ];
    for aim in papers
        .map(Aim::face)
        .into_iter()
        .chain([change, Aim::INVERSION])
    {
        assert_eq!(of(&with, aim), Basis::Prior, "{aim:?}");
    }
}
