//! From what was typed to messages of the contract.

use deepface_client::v1;

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

/// The settings of anything that generates.
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

/// Attributes as the contract has them, all present or all absent.
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

/// Without pictures to make of the iterates, every step's loss is cheap; with them, the service chooses how many.
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn request(arguments: &[&str]) -> v1::GenerateRequest {
        let cli = Cli::try_parse_from(["deepface", "generate"].iter().chain(arguments)).unwrap();
        let Command::Generate(args) = cli.command else {
            panic!("expected generate");
        };
        generate_request(&args)
    }

    #[test]
    fn nothing_said_leaves_everything_to_the_service() {
        let request = request(&["Male"]);
        let settings = request.settings.unwrap();
        assert_eq!(settings.target.unwrap(), v1::TargetSettings::default());
        let inversion = settings.inversion.unwrap();
        assert_eq!(inversion.regularizers.unwrap(), v1::Regularizers::default());
        assert_eq!((inversion.steps, inversion.learning_rate), (None, None));
        assert!(request.stream.unwrap().losses_only);
    }

    #[test]
    fn absent_attributes_and_strengths_arrive() {
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
    fn the_paper_fills_in_only_what_was_not_said() {
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
}
