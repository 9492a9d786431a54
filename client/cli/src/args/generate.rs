//! Arguments of `generate`, and the target settings that several commands share.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use super::names::{attribute, attribute_name, target_layer};
use super::{FramingArgs, InversionArgs, OutputArgs};

const AFTER_HELP: &str = "\
Examples:
  deepface generate Male Smiling Eyeglasses
  deepface generate \"Middle Aged\" --not Smiling --seed 3 --output face.png
  deepface generate Smiling=2 blond_hair --sheet steps.png --gif steps.gif
  deepface generate \"Wearing Hat\" --keep Male --keep Youth
  deepface generate Male --paper
  deepface generate Male --json --scale 1
  deepface generate Male --output - | display
  deepface generate --like face.png --seed 4
  deepface generate Eyeglasses Smiling --from me.jpg

Every picture says in itself that it is synthetic and what made it; `deepface show` prints that. The same seed gives the same face. `deepface attributes` lists the names; case, spaces, underscores and hyphens do \
not matter.";

/// Arguments of `generate`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct GenerateArgs {
    /// Attributes the face should have; NAME=STRENGTH makes one weaker or stronger, above 0 to 4. Default strength: 1.
    #[arg(value_name = "ATTRIBUTE", required_unless_present_any = ["absent", "like"],
        value_parser = attribute::<WantedAttribute>(), hide_possible_values = true)]
    pub(crate) present: Vec<WantedAttribute>,
    /// Attributes the face should not have; may be given more than once. cgmm-mean and cgmm-sample do not take them.
    #[arg(long = "not", value_name = "ATTRIBUTE", value_parser = attribute::<WantedAttribute>(),
        hide_possible_values = true)]
    pub(crate) absent: Vec<WantedAttribute>,
    /// Attributes that must stay as they are in the seed's face, whatever the others imply; may be given more than once.
    #[arg(long, value_name = "ATTRIBUTE", value_parser = attribute_name(), hide_possible_values = true)]
    pub(crate) keep: Vec<String>,
    /// Seed; another seed gives another face. Default: 0, or that of --like.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Make the face of this picture again, bit for bit on the same kind of processor. Attributes that you name replace
    /// those of the picture, --paper replaces its settings, and other options override single ones.
    #[arg(long, value_name = "FILE")]
    pub(crate) like: Option<PathBuf>,
    /// Change the face in this photograph: everything that you do not ask for stays as it is there. The likelihood then
    /// weighs 2, or 0.5 with --parametrization decoder, unless you say otherwise. Default: make a face.
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["like", "paper", "variety", "completeness", "emphasis"])]
    pub(crate) from: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) framing: FramingArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) inversion: InversionArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// How the target activation is made.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Target")]
pub(crate) struct TargetArgs {
    /// The paper's method: cgmm-mean, and pixels from noise by gradient descent in 1000 steps, with a jitter of 2 pixels and
    /// a blur of 0.5 pixels every 4 steps, numbers that the paper does not give. It deviates from the paper in four points:
    /// the layer is conv4_3 (--layer fc6 is one that the paper names), each gradient is divided by its mean magnitude, the
    /// rate falls along a cosine, and the weights w solve eq. 3 exactly. With --method class-visualization it is the
    /// paper's baseline, which begins with the mean image. Other options override it.
    #[arg(long)]
    pub(crate) paper: bool,
    /// How the target activation is made from the attributes. Default: regression.
    #[arg(long, value_enum)]
    pub(crate) method: Option<MethodName>,
    /// Layer of the target; `deepface attributes` lists the layers. Default: fc6 for a new face with the decoder, else
    /// conv4_3.
    #[arg(long, value_parser = target_layer(), hide_possible_values = true)]
    pub(crate) layer: Option<String>,
    /// How far to exaggerate the deviation from the mean face, 0 to 4. Default: 0.
    #[arg(long, value_name = "K")]
    pub(crate) exaggeration: Option<f64>,
    /// Random variety in what the attributes leave open, in standard deviations, 0 to 2. Default: from 1.2 for a few
    /// attributes down to 0.6 for a full description. Regression only.
    #[arg(long, value_name = "SD")]
    pub(crate) variety: Option<f64>,
    /// What variety is drawn from. Default: low-rank. Regression only.
    #[arg(long, value_enum)]
    pub(crate) residual: Option<ResidualName>,
    /// Weight of the attributes' likelihood, which is added to the distance to the target, 0 to 100. Default: from 1 for
    /// a few attributes up to 12 for a full description, without the decoder from 2 to 5; 0 for cgmm-mean and cgmm-sample.
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) likelihood: Option<f64>,
    /// How much more than photographs a face may show an attribute, in log-odds, -10 to 100: from there on its likelihood
    /// does not count; at 100 it always does. Default: 0.5. Regression only.
    #[arg(long, value_name = "LOG-ODDS", allow_negative_numbers = true)]
    pub(crate) margin: Option<f64>,
    /// How complete the description is, from 0 (attributes that are not named follow from those that are) to 1 (they are
    /// absent). Default: from 0 for three attributes to 1 for twelve. Regression only.
    #[arg(long, value_name = "SHARE")]
    pub(crate) completeness: Option<f64>,
    /// How much further than to what is likely a face is drawn towards the attributes that you name, 0 to 10. More shows
    /// them more plainly, and makes faces more alike. Default: from 3 for a few attributes down to 0 for a full description.
    /// Regression with the decoder only.
    #[arg(long, value_name = "TIMES")]
    pub(crate) emphasis: Option<f64>,
    /// Whether the image prior expects the face that linear regression gives for the attributes, or the mean face.
    /// Default: true for regression. True for regression only.
    #[arg(long, value_name = "BOOL", value_parser = BoolishValueParser::new(), help_heading = "Inversion")]
    pub(crate) conditional: Option<bool>,
}

/// The sources of variety.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResidualName {
    /// The few directions in which neurons move together with the image.
    LowRank,
    /// Every neuron on its own.
    Diagonal,
}

/// The methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodName {
    /// Linear regression of activations on all attributes; those not named are filled in.
    Regression,
    /// Weighted mean of the attributes' mean activations (the paper's cGMM).
    CgmmMean,
    /// Weighted mean of samples from the attributes' Gaussians (the paper's cGMM).
    CgmmSample,
    /// No target: maximises the attributes' likelihood.
    ClassVisualization,
}

/// An attribute as typed: `NAME` or `NAME=STRENGTH`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WantedAttribute {
    /// Its name, as typed.
    pub(crate) name: String,
    /// Its strength, where one was typed.
    pub(crate) strength: Option<f64>,
}

impl FromStr for WantedAttribute {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, strength) = match text.rsplit_once('=') {
            None => (text, None),
            Some((name, strength)) => {
                let value: f64 = strength
                    .trim()
                    .parse()
                    .map_err(|_| format!("{strength:?} is not a number"))?;
                (name, Some(value))
            }
        };
        if name.trim().is_empty() {
            return Err("the name is empty".to_owned());
        }
        Ok(Self {
            name: name.trim().to_owned(),
            strength,
        })
    }
}

impl fmt::Display for WantedAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, strength } = self;
        match strength {
            None => f.write_str(name),
            Some(strength) => write!(f, "{name}={strength}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strength_follows_the_name() {
        let attribute: WantedAttribute = "Middle Aged=1.5".parse().unwrap();
        assert_eq!(
            (attribute.name.as_str(), attribute.strength),
            ("Middle Aged", Some(1.5))
        );
        for bad in ["Male=", "Male=x", "=1", "", " "] {
            assert!(bad.parse::<WantedAttribute>().is_err(), "{bad:?}");
        }
    }
}
