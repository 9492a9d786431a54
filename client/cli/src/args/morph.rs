//! Arguments of `morph`, and its requests in one argument.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::names::attribute;
use super::{InversionArgs, ShowAs, TargetArgs, WantedAttribute};

const AFTER_HELP: &str = "\
Examples:
  deepface morph --from \"Male, Smiling\" --to \"Blond Hair, Heavy Makeup, not Smiling\"
  deepface morph --from \"Black Hair\" --to \"Gray Hair, Senior=1.5\" --frames 48 --fps 24 --boomerang
  deepface morph --from \"Smiling=2\" --to \"not Smiling=2\" --seed 3 --output smile.gif --sheet smile.png

A request is a list of attributes, as `generate` takes them, separated by commas, with `not` before those that should be \
absent. Each frame is a face of its own, made from the same seed. The strength of every attribute changes linearly from \
one request to the other; an attribute that a request does not name has strength 0. Of two attributes that no face shows \
at once, such as Black Hair and Blond Hair, one fades out before the other fades in.";

/// Arguments of `morph`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct MorphArgs {
    /// The request of the first frame, such as "Male, Smiling=2, not Bald".
    #[arg(long, value_name = "ATTRIBUTES", value_parser = attribute::<WishList>(), hide_possible_values = true)]
    pub(crate) from: WishList,
    /// The request of the last frame.
    #[arg(long, value_name = "ATTRIBUTES", value_parser = attribute::<WishList>(), hide_possible_values = true)]
    pub(crate) to: WishList,
    /// Attributes that must stay as they are in the seed's face, whatever the others imply; may be given more than once.
    #[arg(long, value_name = "ATTRIBUTE")]
    pub(crate) keep: Vec<String>,
    /// Number of frames, the first and the last included, 2 to 1000.
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub(crate) frames: u16,
    /// Seed; another seed gives another face.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) inversion: InversionArgs,
    /// The animation to write, or - for standard output. Default: a name that says what made it, with a number added if
    /// there is one already.
    #[arg(long, short, value_name = "FILE.gif", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Also write a contact sheet of the frames: .png, .jpg or .webp.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) sheet: Option<PathBuf>,
    /// Replace existing files.
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Frames per second, 1 to 50.
    #[arg(long, value_name = "N", default_value_t = 12, help_heading = "Output",
        value_parser = clap::value_parser!(u16).range(1..=50))]
    pub(crate) fps: u16,
    /// Play the frames backwards after the last.
    #[arg(long, help_heading = "Output")]
    pub(crate) boomerang: bool,
    /// Factor by which the pictures are enlarged, 1 to 32; 1 keeps the pixels as they were made. The default makes the face
    /// about 256 pixels wide.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32), help_heading = "Output")]
    pub(crate) scale: Option<u32>,
    /// Also draw frames in the terminal, as a contact sheet. Default without HOW: auto.
    #[arg(long, value_name = "HOW", value_enum, num_args = 0..=1, require_equals = true,
        default_missing_value = "auto", conflicts_with = "json", help_heading = "Output")]
    pub(crate) show: Option<ShowAs>,
    /// Print one line of JSON about the frames instead of a table.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// A whole request in one argument: `Male, Smiling=2, not Bald`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WishList(pub(crate) Vec<Wish>);

/// One attribute of a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wish {
    pub(crate) attribute: WantedAttribute,
    pub(crate) absent: bool,
}

impl FromStr for WishList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err(
                "expected at least one attribute, such as \"Male, not Smiling\"".to_owned(),
            );
        }
        let wish = |(i, item): (usize, &str)| {
            item.parse()
                .map_err(|error| format!("attribute {}: {error}", i + 1))
        };
        text.split(',')
            .enumerate()
            .map(wish)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl FromStr for Wish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let first = text.split_whitespace().next().unwrap_or_default();
        let absent = first.eq_ignore_ascii_case("not");
        let rest = if absent { &text[first.len()..] } else { text };
        Ok(Self {
            attribute: rest.parse()?,
            absent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_separated_by_commas_and_not_marks_absence() {
        let list: WishList = " Male,Smiling=1.5 , NOT  middle aged=2, No Beard, nothing"
            .parse()
            .unwrap();
        let got: Vec<_> = list
            .0
            .iter()
            .map(|wish| {
                let WantedAttribute { name, strength } = &wish.attribute;
                (name.as_str(), wish.absent, *strength)
            })
            .collect();
        let expected = [
            ("Male", false, None),
            ("Smiling", false, Some(1.5)),
            ("middle aged", true, Some(2.0)),
            ("No Beard", false, None),
            ("nothing", false, None),
        ];
        assert_eq!(got, expected);
    }

    #[test]
    fn an_error_in_a_list_names_its_position() {
        let error = |text: &str| text.parse::<WishList>().unwrap_err();
        assert!(error(" ").contains("at least one attribute"));
        assert_eq!(error("Male,, Bald"), "attribute 2: the name is empty");
        assert_eq!(error("Male, not"), "attribute 2: the name is empty");
        assert!(error("Male, not Bald=x").contains("is not a number"));
    }
}
