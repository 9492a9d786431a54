//! Turns arguments into messages of the contract, and settings of the contract into JSON.

use deepface_client::v1;
use serde::Serialize;

use crate::args::{
    GenerateArgs, InversionArgs, InvertArgs, MethodName, OptimizerName, OutputArgs,
    ParametrizationName, ResidualName, StartName, TargetArgs, WantedAttribute,
};

/// Standard deviation of the blur of `--paper`, the steps between two blurs, and the jitter, in pixels and steps. The
/// paper names "blurring and/or jitter" without numbers.
const PAPER_BLUR: (f64, i32) = (0.5, 4);
const PAPER_JITTER: i32 = 2;

/// The request of `generate`.
pub(crate) fn generate_request(args: &GenerateArgs) -> v1::GenerateRequest {
    let attributes = requested(&args.present, false).chain(requested(&args.absent, true));
    v1::GenerateRequest {
        attributes: attributes.collect(),
        settings: Some(generation(&args.target, &args.inversion)),
        keep: args.keep.clone(),
        seed: args.seed,
        stream: Some(stream(&args.output)),
    }
}

/// The request of `invert`.
pub(crate) fn invert_request(args: &InvertArgs, image: v1::Image) -> v1::InvertRequest {
    v1::InvertRequest {
        image: Some(image),
        layer: args.layer.clone().unwrap_or_default(),
        inversion: Some(inversion(&args.inversion)),
        seed: args.seed,
        stream: Some(stream(&args.output)),
    }
}

/// The settings of every command that makes faces from attributes.
pub(crate) fn generation(target: &TargetArgs, how: &InversionArgs) -> v1::GenerationSettings {
    let mut settings = v1::GenerationSettings {
        target: Some(wanted_target(target)),
        inversion: Some(inversion(how)),
    };
    if target.paper {
        fill_in_paper(&mut settings);
    }
    settings
}

/// Attributes as messages, all present or all absent.
pub(crate) fn requested(
    attributes: &[WantedAttribute],
    absent: bool,
) -> impl Iterator<Item = v1::RequestedAttribute> {
    attributes
        .iter()
        .map(move |attribute| v1::RequestedAttribute {
            name: attribute.name.clone(),
            absent,
            strength: attribute.strength,
        })
}

fn wanted_target(args: &TargetArgs) -> v1::TargetSettings {
    v1::TargetSettings {
        method: args
            .method
            .map_or(v1::Method::Unspecified, v1::Method::from)
            .into(),
        layer: args.layer.clone().unwrap_or_default(),
        exaggeration: args.exaggeration,
        variety: args.variety,
        likelihood: args.likelihood,
        completeness: args.completeness,
        residual: args
            .residual
            .map(v1::Residual::from)
            .unwrap_or_default()
            .into(),
    }
}

fn inversion(args: &InversionArgs) -> v1::InversionSettings {
    let parametrization = args.parametrization.map(v1::Parametrization::from);
    let optimizer = args.optimizer.map(v1::Optimizer::from);
    v1::InversionSettings {
        parametrization: parametrization.unwrap_or_default().into(),
        optimizer: optimizer.unwrap_or_default().into(),
        start: args.start.map(v1::Start::from).unwrap_or_default().into(),
        steps: args.steps,
        learning_rate: args.learning_rate,
        regularizers: Some(v1::Regularizers {
            prior: args.prior,
            total_variation: args.total_variation,
            l2: args.l2,
            jitter: args.jitter,
            blur_sigma: args.blur_sigma,
            blur_every: args.blur_every,
            conditional: args.conditional,
        }),
    }
}

/// Losses are cheap and come for every step. Images of the iterates come as often as the service chooses.
fn stream(output: &OutputArgs) -> v1::StreamSettings {
    let pictures = output.wants_iterates();
    v1::StreamSettings {
        every: output.every.unwrap_or(if pictures { 0 } else { 1 }),
        format: v1::ImageFormat::Png.into(),
        losses_only: !pictures,
    }
}

/// Fills in the paper's method where nothing was said (section 3.3.2; the descent is section 3.1's, eq. 1).
fn fill_in_paper(settings: &mut v1::GenerationSettings) {
    let target = settings.target.get_or_insert_default();
    if target.method() == v1::Method::Unspecified {
        target.set_method(v1::Method::CgmmMean);
    }
    target.exaggeration.get_or_insert(0.0);
    target.variety.get_or_insert(0.0);
    if target.method() != v1::Method::ClassVisualization {
        target.likelihood.get_or_insert(0.0);
    }
    let inversion = settings.inversion.get_or_insert_default();
    if inversion.parametrization() == v1::Parametrization::Unspecified {
        inversion.set_parametrization(v1::Parametrization::Pixels);
    }
    if inversion.optimizer() == v1::Optimizer::Unspecified {
        inversion.set_optimizer(v1::Optimizer::Sgd);
    }
    if inversion.start() == v1::Start::Unspecified {
        inversion.set_start(v1::Start::Noise);
    }
    let pixels = inversion.parametrization() == v1::Parametrization::Pixels;
    let regularizers = inversion.regularizers.get_or_insert_default();
    regularizers.total_variation.get_or_insert(0.0);
    regularizers.l2.get_or_insert(0.0);
    regularizers.jitter.get_or_insert(PAPER_JITTER);
    if pixels {
        regularizers.blur_sigma.get_or_insert(PAPER_BLUR.0);
        regularizers.blur_every.get_or_insert(PAPER_BLUR.1);
    }
}

impl From<MethodName> for v1::Method {
    fn from(name: MethodName) -> Self {
        match name {
            MethodName::Regression => Self::Regression,
            MethodName::CgmmMean => Self::CgmmMean,
            MethodName::CgmmSample => Self::CgmmSample,
            MethodName::ClassVisualization => Self::ClassVisualization,
        }
    }
}

impl From<ParametrizationName> for v1::Parametrization {
    fn from(name: ParametrizationName) -> Self {
        match name {
            ParametrizationName::Prior => Self::Prior,
            ParametrizationName::Pixels => Self::Pixels,
        }
    }
}

impl From<OptimizerName> for v1::Optimizer {
    fn from(name: OptimizerName) -> Self {
        match name {
            OptimizerName::Adam => Self::Adam,
            OptimizerName::Sgd => Self::Sgd,
        }
    }
}

impl From<ResidualName> for v1::Residual {
    fn from(name: ResidualName) -> Self {
        match name {
            ResidualName::LowRank => Self::LowRank,
            ResidualName::Diagonal => Self::Diagonal,
        }
    }
}

impl From<StartName> for v1::Start {
    fn from(name: StartName) -> Self {
        match name {
            StartName::Noise => Self::Noise,
            StartName::Mean => Self::Mean,
            StartName::Expected => Self::Expected,
        }
    }
}

/// The settings in force, for programs: names as they are typed, without settings that have no effect.
#[derive(Debug, Default, Serialize)]
pub(crate) struct SettingsInForce {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    layer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exaggeration: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variety: Option<f64>,
    residual: Option<String>,
    likelihood: Option<f64>,
    completeness: Option<f64>,
    parametrization: Option<String>,
    optimizer: Option<String>,
    start: Option<String>,
    steps: Option<i32>,
    learning_rate: Option<f64>,
    prior: Option<f64>,
    conditional: Option<bool>,
    total_variation: Option<f64>,
    l2: Option<f64>,
    jitter: Option<i32>,
    blur_sigma: Option<f64>,
    blur_every: Option<i32>,
}

impl From<&v1::GenerationSettings> for SettingsInForce {
    fn from(settings: &v1::GenerationSettings) -> Self {
        let target = settings.target.clone().unwrap_or_default();
        let inversion = settings.inversion.unwrap_or_default();
        let regularizers = inversion.regularizers.unwrap_or_default();
        Self {
            method: short(target.method().as_str_name(), "METHOD_"),
            exaggeration: target.exaggeration,
            variety: target.variety,
            residual: short(target.residual().as_str_name(), "RESIDUAL_"),
            likelihood: target.likelihood,
            completeness: target.completeness,
            layer: target.layer,
            parametrization: short(
                inversion.parametrization().as_str_name(),
                "PARAMETRIZATION_",
            ),
            optimizer: short(inversion.optimizer().as_str_name(), "OPTIMIZER_"),
            start: short(inversion.start().as_str_name(), "START_"),
            steps: inversion.steps,
            learning_rate: inversion.learning_rate,
            prior: regularizers.prior,
            conditional: regularizers.conditional,
            total_variation: regularizers.total_variation,
            l2: regularizers.l2,
            jitter: regularizers.jitter,
            blur_sigma: regularizers.blur_sigma,
            blur_every: regularizers.blur_every,
        }
    }
}

/// `METHOD_CGMM_MEAN` to `cgmm-mean`, as it is typed.
fn short(name: &str, prefix: &str) -> Option<String> {
    let short = name.strip_prefix(prefix).unwrap_or(name);
    (short != "UNSPECIFIED").then(|| short.to_lowercase().replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command, Work};

    fn request(arguments: &[&str]) -> v1::GenerateRequest {
        let cli = Cli::try_parse_from(["deepface", "generate"].iter().chain(arguments)).unwrap();
        let Command::Work(Work::Generate(args)) = cli.command else {
            panic!("expected generate");
        };
        generate_request(&args)
    }

    #[test]
    fn no_options_leave_everything_to_the_service() {
        let request = request(&["Male"]);
        let settings = request.settings.unwrap();
        assert_eq!(settings.target.unwrap(), v1::TargetSettings::default());
        let inversion = settings.inversion.unwrap();
        assert_eq!(inversion.regularizers.unwrap(), v1::Regularizers::default());
        assert_eq!((inversion.steps, inversion.learning_rate), (None, None));
        assert!(request.stream.unwrap().losses_only);
    }

    #[test]
    fn absent_attributes_and_strengths_are_sent() {
        let attributes = request(&[
            "Male",
            "Middle Aged=1.5",
            "--not",
            "Smiling=2",
            "--not",
            "bald",
        ])
        .attributes;
        let got: Vec<_> = attributes
            .iter()
            .map(|a| (a.name.as_str(), a.absent, a.strength))
            .collect();
        let expected = [
            ("Male", false, None),
            ("Middle Aged", false, Some(1.5)),
            ("Smiling", true, Some(2.0)),
            ("bald", true, None),
        ];
        assert_eq!(got, expected);
    }

    #[test]
    fn the_paper_fills_in_only_settings_that_are_not_given() {
        let settings = request(&["Male", "--paper", "--optimizer", "adam"])
            .settings
            .unwrap();
        let inversion = settings.inversion.unwrap();
        assert_eq!(settings.target.unwrap().method(), v1::Method::CgmmMean);
        assert_eq!(inversion.parametrization(), v1::Parametrization::Pixels);
        assert_eq!(inversion.optimizer(), v1::Optimizer::Adam);
        assert_eq!(
            inversion.regularizers.unwrap().blur_sigma,
            Some(PAPER_BLUR.0)
        );
    }

    #[test]
    fn settings_are_named_as_they_are_typed() {
        let settings = request(&["Male", "--paper"]).settings.unwrap();
        let json = serde_json::to_value(SettingsInForce::from(&settings)).unwrap();
        assert_eq!(json["method"], "cgmm-mean");
        assert_eq!(json["parametrization"], "pixels");
    }
}
