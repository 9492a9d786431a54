//! Arguments of `gallery`.

use std::path::PathBuf;

use clap::Args;

use super::names::attribute;
use super::{InversionArgs, TargetArgs, WantedAttribute};

const AFTER_HELP: &str = "\
Examples:
  deepface gallery Male Smiling
  deepface gallery Male --not Smiling --sweep Eyeglasses --sweep \"Gray Hair\" --seeds 6
  deepface gallery --sweep \"Wearing Hat\" --keep Male
  deepface gallery --sweep Smiling=2 --seed 100 --every 5 --output smiling.html
  deepface gallery Male Senior --paper --output paper.html

The first row of the page is the face that you describe. Each --sweep adds two rows: the same face with one attribute, and \
without it. Every column is a seed. Point at a face, or move to it with the arrow keys, to watch it emerge and see how \
the classifier judges it. The page is a single file without dependencies; the same command writes the same file.";

/// Arguments of `gallery`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct GalleryArgs {
    /// Attributes that every face should have; NAME=STRENGTH makes one weaker or stronger, above 0 to 4.
    #[arg(value_name = "ATTRIBUTE", value_parser = attribute::<WantedAttribute>(), hide_possible_values = true)]
    pub(crate) present: Vec<WantedAttribute>,
    /// Attributes that no face should have; may be given more than once.
    #[arg(long = "not", value_name = "ATTRIBUTE", value_parser = attribute::<WantedAttribute>(),
        hide_possible_values = true)]
    pub(crate) absent: Vec<WantedAttribute>,
    /// Attributes that must stay as they are in a seed's face, whatever the others imply; may be given more than once.
    #[arg(long, value_name = "ATTRIBUTE")]
    pub(crate) keep: Vec<String>,
    /// Attributes to vary, one at a time; may be given more than once. Default: Male, Senior, Smiling, Eyeglasses,
    /// Blond Hair and Mustache, except those that the request already decides.
    #[arg(long = "sweep", value_name = "ATTRIBUTE", value_parser = attribute::<WantedAttribute>(),
        hide_possible_values = true)]
    pub(crate) sweep: Vec<WantedAttribute>,
    /// Number of seeds, one column each, 1 to 64.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub(crate) seeds: u64,
    /// The first seed; the others follow it.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) inversion: InversionArgs,
    /// Steps between the iterates on the page, 1 to 5000.
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Output",
        value_parser = clap::value_parser!(i32).range(1..=5000))]
    pub(crate) every: i32,
    /// The page to write, or - for standard output. Default: a name that says what made it, with a number added if there
    /// is one already.
    #[arg(long, short, value_name = "FILE.html", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing file.
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Print one line of JSON about the page instead of a table.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}
