//! Turns arguments into messages of the contract.

use deepface_client::v1;

use crate::args::{
    GenerateArgs, InversionArgs, InvertArgs, MethodName, OptimizerName, OutputArgs,
    ParametrizationName, ResidualName, StartName, TargetArgs, WantedAttribute,
};

/// The request of `generate`.
pub(crate) fn generate_request(args: &GenerateArgs) -> v1::GenerateRequest {
    let attributes = requested(&args.present, false).chain(requested(&args.absent, true));
    v1::GenerateRequest {
        attributes: attributes.collect(),
        settings: Some(generation(&args.target, &args.inversion)),
        keep: args.keep.clone(),
        seed: args.seed.unwrap_or_default(),
        stream: Some(stream(&args.output)),
        ..Default::default()
    }
}

/// The request of `invert`.
pub(crate) fn invert_request(args: &InvertArgs, image: v1::Image) -> v1::InvertRequest {
    v1::InvertRequest {
        image: Some(image),
        layer: args.layer.clone().unwrap_or_default(),
        inversion: Some(inversion(&args.inversion, None)),
        seed: args.seed,
        stream: Some(stream(&args.output)),
        ..Default::default()
    }
}

/// The settings of every command that makes faces from attributes.
pub(crate) fn generation(target: &TargetArgs, how: &InversionArgs) -> v1::GenerationSettings {
    let preset = match target.paper {
        true => v1::Preset::Paper,
        false => v1::Preset::Unspecified,
    };
    v1::GenerationSettings {
        target: Some(wanted_target(target)),
        inversion: Some(inversion(how, target.conditional)),
        preset: preset.into(),
    }
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
        margin: args.margin,
        completeness: args.completeness,
        emphasis: args.emphasis,
        residual: args
            .residual
            .map(v1::Residual::from)
            .unwrap_or_default()
            .into(),
    }
}

/// How the image is found; only faces made from attributes can be `conditional` on them.
fn inversion(args: &InversionArgs, conditional: Option<bool>) -> v1::InversionSettings {
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
            conditional,
        }),
    }
}

/// Losses are cheap and come for every step. Images of the iterates come as often as the service chooses.
fn stream(output: &OutputArgs) -> v1::StreamSettings {
    let pictures = output.wants_iterates();
    v1::StreamSettings {
        every: output.every.or((!pictures).then_some(1)),
        format: v1::ImageFormat::Png.into(),
        losses_only: !pictures,
        ..Default::default()
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
            ParametrizationName::Decoder => Self::Decoder,
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
    fn the_paper_is_a_preset_beside_what_is_said() {
        let settings = request(&["Male", "--paper", "--optimizer", "adam"])
            .settings
            .unwrap();
        assert_eq!(settings.preset(), v1::Preset::Paper);
        assert_eq!(settings.target.unwrap(), v1::TargetSettings::default());
        let inversion = settings.inversion.unwrap();
        assert_eq!(inversion.optimizer(), v1::Optimizer::Adam);
    }
}
