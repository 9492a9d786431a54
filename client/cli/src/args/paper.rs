//! Arguments of `paper`.

use std::path::PathBuf;

use clap::Args;
use deepface_evaluate::Crop;

const AFTER_HELP: &str = "\
Examples:
  deepface paper --data LFW
  deepface paper --data LFW --init vgg-face.safetensors --output vgg-face-report
  deepface paper --data LFW --quick

Makes every table and figure of the paper from a data set, beside the paper's own numbers, and runs the experiments that \
it only proposes. DIR/report.html shows the results, DIR/report.json has all figures. Some experiments train networks: the \
whole takes hours. An interrupted run resumes.";

/// Arguments of `paper`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct PaperArgs {
    /// Folder of photographs with a label file, as in LFW or CelebA: what the models were trained on.
    #[arg(long, value_name = "LFW")]
    pub(crate) data: PathBuf,
    /// The label file. Default: the one in --data.
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Where the faces are in the photographs: lfw, celeba or whole. Default: as for `classifier-svc train`.
    #[arg(long, value_name = "CROP")]
    pub(crate) crop: Option<Crop>,
    /// Network to fine-tune, which has not seen the labels: VGG-Face as `classifier-svc import` writes it. Default: one
    /// that is first trained to tell the people of the data set apart.
    #[arg(long, value_name = "FILE")]
    pub(crate) init: Option<PathBuf>,
    /// Make everything as small as possible, within minutes: shows that it runs, and nothing else.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Leave out photographs that cannot be read instead of stopping.
    #[arg(long)]
    pub(crate) skip_unreadable: bool,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Folder of the report. An existing one is resumed if its photographs, models and flags are the same.
    #[arg(long, short, value_name = "DIR", default_value = "report")]
    pub(crate) output: PathBuf,
    /// Print the figures as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
