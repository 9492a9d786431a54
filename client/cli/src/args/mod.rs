//! The grammar of the command line, one file per subcommand.

mod activations;
mod attributes;
mod classify;
mod compare;
mod completions;
#[cfg(test)]
mod defaults_in_help;
mod evaluate;
#[cfg(test)]
mod examples;
mod gallery;
mod generate;
mod images;
mod inversion;
mod invert;
mod morph;
mod names;
mod paper;
mod serve;
mod show;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use deepface_client::Credentials;

pub(crate) use activations::{ActivationsArgs, ElementType};
pub(crate) use attributes::AttributesArgs;
pub(crate) use classify::ClassifyArgs;
pub(crate) use compare::CompareArgs;
pub(crate) use completions::CompletionsArgs;
pub(crate) use deepface_serve::ManArgs;
pub(crate) use evaluate::EvaluateArgs;
pub(crate) use gallery::GalleryArgs;
pub(crate) use generate::{GenerateArgs, MethodName, ResidualName, TargetArgs, WantedAttribute};
pub(crate) use images::FramingArgs;
pub(crate) use inversion::{
    InversionArgs, OptimizerName, OutputArgs, ParametrizationName, ShowAs, StartName,
};
pub(crate) use invert::InvertArgs;
pub(crate) use morph::{MorphArgs, WishList};
pub(crate) use paper::PaperArgs;
pub(crate) use serve::ServeArgs;
pub(crate) use show::ShowArgs;

const AFTER_HELP: &str = "\
Examples:
  deepface generate Male Smiling Eyeglasses
  deepface classify portrait.jpg
  deepface compare one.jpg other.jpg
  deepface serve

`deepface --help` says more, and `deepface COMMAND --help` everything about a command.";

const AFTER_LONG_HELP: &str = "\
Examples:
  deepface generate Male Smiling Eyeglasses
  deepface classify portrait.jpg
  deepface compare one.jpg other.jpg
  deepface serve

How it works:
  A network was trained to recognise attributes, such as Male or Smiling, in photographs of faces. This program runs it in \
both directions. `classify`, `compare` and `activations` go from an image to what the network sees in it. `generate`, \
`gallery`, `morph` and `invert` go back: the attributes give a target, the activation that such a face would cause in one \
layer of the network, and gradient descent looks for an image that causes it. The seed decides everything random, so the \
same command gives the same face.

  The program contains the network and its statistics. Each command starts the services it needs in its own process and \
talks gRPC to them. To use services that run elsewhere, pass --generator and --classifier, or set the environment.

Words:
  attribute    a property of a face; `deepface attributes` lists them. Case, spaces, hyphens and underscores do not matter
  strength     how much of an attribute: Smiling=2 is twice as far from the mean face
  target       the activation that the descent aims at, made from the attributes by --method
  layer        where in the network the target lies: conv4_3 knows shapes, fc6 only what matters for recognition
  prior        a model of what images of faces look like, which the descent moves in
  likelihood   how certain the network is of the attributes; the descent raises it beside reaching the target

Output:
  Results go to standard output; progress, warnings and errors to standard error. With --json, results are one line of \
JSON each, and an error is {\"error\":{\"kind\":\"usage\",\"exit_code\":2,\"message\":\"...\"}}, also one line, on standard error.

Exit codes:
  0 done, 1 failed, 2 wrong usage, 130 interrupted by ctrl-c, 143 by SIGTERM, 129 by the end of the terminal.

Environment:
  DEEPFACE_GENERATOR, DEEPFACE_CLASSIFIER  URLs of services to use; the flags win
  DEEPFACE_TOKEN                           token for the services, where no --token-file is given
  RUST_LOG                                 what is logged to standard error, such as debug; default: error, for serve info
  OTEL_EXPORTER_OTLP_ENDPOINT              URL of an OpenTelemetry collector; default: none
  NO_COLOR, CLICOLOR                       turn colours off

Shell completions: `deepface completions SHELL`. Manual pages: `deepface man DIR`.";

const MAN_HELP: &str = "\
Examples:
  deepface man | man -l -
  deepface man ~/.local/share/man/man1

Without DIR, the page of the program is written to standard output. With DIR, the program and each of its commands get \
a page there, such as deepface-generate.1. The two services write theirs in the same way: `classifier-svc man DIR`.";

/// Make faces from attributes, and see what a network sees in faces.
#[derive(Debug, Parser)]
#[command(name = "deepface", version = deepface_serve::this_version(), after_help = AFTER_HELP, after_long_help = AFTER_LONG_HELP)]
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
    /// Generator service, http://HOST:PORT or https://HOST:PORT. Default: one is started in this process.
    #[arg(long, global = true, env = "DEEPFACE_GENERATOR", value_name = "URL")]
    pub(crate) generator: Option<String>,
    /// Classifier service, http://HOST:PORT or https://HOST:PORT. Default: one is started in this process.
    #[arg(long, global = true, env = "DEEPFACE_CLASSIFIER", value_name = "URL")]
    pub(crate) classifier: Option<String>,
    /// Authority that must have signed the certificates of https services (PEM). Default: those that the system trusts.
    #[arg(long, global = true, env = "DEEPFACE_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Certificate to show to https services (PEM). Default: none.
    #[arg(
        long,
        global = true,
        env = "DEEPFACE_CERT",
        value_name = "FILE",
        requires = "key"
    )]
    pub(crate) cert: Option<PathBuf>,
    /// Key of --cert (PEM). Default: none.
    #[arg(
        long,
        global = true,
        env = "DEEPFACE_KEY",
        value_name = "FILE",
        requires = "cert"
    )]
    pub(crate) key: Option<PathBuf>,
    /// File with the token to bring. Default: the token in the variable DEEPFACE_TOKEN, if it is set.
    #[arg(long, global = true, env = "DEEPFACE_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

impl ServiceArgs {
    /// What the services may ask of their clients.
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials {
            ca: self.ca.clone(),
            cert: self.cert.clone(),
            key: self.key.clone(),
            token_file: self.token_file.clone(),
        }
    }
}

/// What the program is told to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Work(Work),
    /// Run both services in this process, for trying them out.
    Serve(ServeArgs),
    /// Print the completions of a shell.
    Completions(CompletionsArgs),
    /// Write the manual pages.
    #[command(after_help = MAN_HELP)]
    Man(ManArgs),
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
    /// Show how alike two faces are in their attributes.
    Compare(CompareArgs),
    /// List the attributes that a face can have.
    Attributes(AttributesArgs),
    /// Show what made a picture.
    Show(ShowArgs),
    /// Measure the quality of the faces of every method.
    Evaluate(Box<EvaluateArgs>),
    /// Make the tables and figures of the paper from a data set.
    Paper(PaperArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Arguments whose absence needs no default: nothing is asked for, or nothing is written.
    const OFF: [&str; 8] = [
        "present", "absent", "keep", "like", "only", "sheet", "gif", "show",
    ];

    #[test]
    fn help_says_every_default() {
        for command in Cli::command().get_subcommands() {
            for argument in command
                .get_arguments()
                .filter(|a| a.get_action().takes_values())
            {
                let help = argument.get_long_help().or(argument.get_help());
                let help = help.map(ToString::to_string).unwrap_or_default();
                let says = !argument.get_default_values().is_empty() || help.contains("efault");
                let id = argument.get_id().as_str();
                assert!(
                    says || argument.is_required_set() || OFF.contains(&id),
                    "{} {id}: {help}",
                    command.get_name()
                );
            }
        }
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
