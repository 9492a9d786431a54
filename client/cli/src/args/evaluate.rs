use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, value_parser};
use deepface_evaluate::METHODS;

const AFTER_HELP: &str = "\
Examples:
  deepface evaluate --data LFW
  deepface evaluate --data LFW --sets 8 --methods default,paper --output quick
  deepface evaluate --data LFW --seeds 4 --with-negatives --json

For attribute sets of photographs of people that nothing was fitted to, every method makes faces. They are measured by
the classifier, which they are made from, and by a judge, which nobody inverts, beside controls: the photographs, the
mean face, and faces made without a network. It can be stopped, and goes on where it was. DIR/report.html has it all.";

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct EvaluateArgs {
    /// Folder of photographs in the public LFW layout: a folder per person, and one *_attributes.txt.
    #[arg(long, value_name = "LFW")]
    pub(crate) data: PathBuf,
    /// Number of attribute sets; each comes from a photograph of another person.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u32).range(1..))]
    pub(crate) sets: u32,
    /// Faces of each set by each method.
    #[arg(long, value_name = "M", default_value_t = 1, value_parser = value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: u64,
    /// Faces of each of the first four sets, to see how different they are; 0 or 1 leaves that out.
    #[arg(long, value_name = "M", default_value_t = 16, value_parser = value_parser!(u64).range(..=1000))]
    pub(crate) variety_seeds: u64,
    /// Methods, separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = names(), default_values_t = all())]
    pub(crate) methods: Vec<String>,
    /// Ask for the attributes that a photograph does not have to be absent, where a method has a place for that.
    #[arg(long)]
    pub(crate) with_negatives: bool,
    /// Leave out the requests of a few words, which only the generator's defaults are tried on.
    #[arg(long)]
    pub(crate) no_probes: bool,
    /// Another seed chooses other photographs.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Folder of the results. One that is there is gone on with, if it is of the same photographs and models.
    #[arg(long, short, value_name = "DIR", default_value = "evaluation")]
    pub(crate) output: PathBuf,
    /// Print the report as one line of JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(METHODS.map(|method| method.name))
}

fn all() -> Vec<String> {
    METHODS.map(|method| method.name.to_owned()).into()
}
