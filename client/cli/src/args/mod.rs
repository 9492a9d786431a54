//! The grammar of the command line, one file per subcommand.

mod activations;
mod attributes;
mod classify;
mod compare;
mod completions;
#[cfg(test)]
mod defaults_in_help;
mod evaluate;
mod gallery;
mod generate;
mod images;
mod inversion;
mod invert;
mod morph;
mod serve;
mod show;

use clap::{Parser, Subcommand};

pub(crate) use activations::{ActivationsArgs, ElementType};
pub(crate) use attributes::AttributesArgs;
pub(crate) use classify::ClassifyArgs;
pub(crate) use compare::CompareArgs;
pub(crate) use completions::CompletionsArgs;
pub(crate) use evaluate::EvaluateArgs;
pub(crate) use gallery::GalleryArgs;
pub(crate) use generate::{GenerateArgs, MethodName, ResidualName, TargetArgs, WantedAttribute};
pub(crate) use images::FramingArgs;
pub(crate) use inversion::{
    InversionArgs, OptimizerName, OutputArgs, ParametrizationName, StartName,
};
pub(crate) use invert::InvertArgs;
pub(crate) use morph::{MorphArgs, WishList};
pub(crate) use serve::ServeArgs;
pub(crate) use show::ShowArgs;

const AFTER_HELP: &str = "\
Examples:
  deepface generate Male Smiling Eyeglasses
  deepface classify portrait.jpg
  deepface compare one.jpg other.jpg
  deepface serve

The program contains the network and its statistics. Each command starts the services it needs in its own process and \
talks gRPC to them. To use services that run elsewhere, pass --generator and --classifier, or set the environment.
Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Make faces from attributes, and see what a network sees in faces.
#[derive(Debug, Parser)]
#[command(name = "deepface", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) services: ServiceArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the services are.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Services")]
pub(crate) struct ServiceArgs {
    /// Generator service, http://HOST:PORT. Default: one is started in this process.
    #[arg(long, global = true, env = "DEEPFACE_GENERATOR", value_name = "URL")]
    pub(crate) generator: Option<String>,
    /// Classifier service, http://HOST:PORT. Default: one is started in this process.
    #[arg(long, global = true, env = "DEEPFACE_CLASSIFIER", value_name = "URL")]
    pub(crate) classifier: Option<String>,
}

/// What the program is told to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Work(Work),
    /// Run both services in this process, for trying them out.
    Serve(ServeArgs),
    /// Show what made a picture.
    Show(ShowArgs),
    /// Print the completions of a shell.
    Completions(CompletionsArgs),
}

/// Commands that ask the services for something and end.
#[derive(Debug, Subcommand)]
pub(crate) enum Work {
    /// Make a face that has the attributes you name.
    Generate(Box<GenerateArgs>),
    /// Make a page of faces: a request and its variations, each with several seeds.
    Gallery(Box<GalleryArgs>),
    /// Make an animation that leads from one request to another.
    Morph(Box<MorphArgs>),
    /// Reconstruct an image from the activations of one layer.
    Invert(Box<InvertArgs>),
    /// Show which attributes the network sees in images.
    Classify(ClassifyArgs),
    /// Write activations of the network for images.
    Activations(ActivationsArgs),
    /// Show how alike two faces are.
    Compare(CompareArgs),
    /// List the attributes that a face can have.
    Attributes(AttributesArgs),
    /// Measure the quality of the faces of every method.
    Evaluate(EvaluateArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let name = command.get_name();
            assert!(help.contains(&format!("deepface {name}")), "{name}: {help}");
        }
    }
}
