//! Arguments of `evaluate`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, value_parser};
use deepface_evaluate::{Crop, METHODS};

use super::{InversionArgs, TargetArgs};

const AFTER_HELP: &str = "\
Examples:
  deepface evaluate --data LFW
  deepface evaluate --data LFW --sets 8 --methods default,paper --output quick
  deepface evaluate --data LFW --split validation --sets 64 --methods default --output tuning
  deepface evaluate --data LFW --split validation --methods default --margin 2 --output wide-margin
  deepface evaluate --data LFW --seeds 4 --with-negatives --json
  deepface evaluate --data LFW --methods none --sets 64 --output edits

Every method makes faces for attribute sets taken from photographs of people that no model was fitted to. The classifier \
that the faces are made with measures them, and so do two independent judges and a network that knows people. Controls are photographs, blurred \
photographs, the mean face, and faces made without a network. Changed photographs (`generate --from`) are compared with \
Deep Feature Interpolation. Figures have 95 % intervals by bootstrap over people. An interrupted evaluation resumes. DIR/report.html shows the results.";

/// In place of a method.
const NONE: &str = "none";

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct EvaluateArgs {
    /// Folder of photographs with a label file, as in LFW or CelebA: what the models were trained on.
    #[arg(long, value_name = "LFW")]
    pub(crate) data: PathBuf,
    /// The label file. Default: the one in --data.
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Where the faces are in the photographs: lfw, celeba or whole. Default: as for `classifier-svc train`.
    #[arg(long, value_name = "CROP")]
    pub(crate) crop: Option<Crop>,
    /// Whose photographs: test to report, validation to choose settings.
    #[arg(long, value_name = "SPLIT", default_value = "test", value_parser = ["test", "validation"])]
    pub(crate) split: String,
    /// Number of attribute sets, each from a photograph of a different person.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = value_parser!(u32).range(1..))]
    pub(crate) sets: u32,
    /// Faces per set and method.
    #[arg(long, value_name = "M", default_value_t = 3, value_parser = value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: u64,
    /// Faces of each of the first four sets, to measure variety; 0 or 1 skips this.
    #[arg(long, value_name = "M", default_value_t = 16, value_parser = value_parser!(u64).range(..=1000))]
    pub(crate) variety_seeds: u64,
    /// Methods, separated by commas; none leaves out the controls, too, and only changes photographs.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = names(), default_values_t = all())]
    pub(crate) methods: Vec<String>,
    /// Also request the absence of the attributes that a photograph lacks, with methods that support this.
    #[arg(long)]
    pub(crate) with_negatives: bool,
    /// Skip the short requests, which only the default method gets.
    #[arg(long)]
    pub(crate) no_probes: bool,
    /// People whose photographs are also changed, two changes each, the first of the sets; 0 skips this.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) edits: u32,
    /// Leave out photographs that cannot be read instead of stopping.
    #[arg(long)]
    pub(crate) skip_unreadable: bool,
    /// Seed; another seed chooses other photographs.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Folder of the results. An existing one is resumed if its photographs and models are the same.
    #[arg(long, short, value_name = "DIR", default_value = "evaluation")]
    pub(crate) output: PathBuf,
    /// Print the report as one line of JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten, next_help_heading = "Settings of the default method")]
    pub(crate) target: TargetArgs,
    #[command(flatten, next_help_heading = "Settings of the default method")]
    pub(crate) inversion: InversionArgs,
}

fn names() -> PossibleValuesParser {
    let methods = METHODS.iter().map(|method| method.name);
    PossibleValuesParser::new(methods.chain([NONE]))
}

fn all() -> Vec<String> {
    METHODS.map(|method| method.name.to_owned()).into()
}
