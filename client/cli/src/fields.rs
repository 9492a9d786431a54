//! Refusals in the words of the command line: a field of a request becomes the flag or argument that sets it, a value of
//! an enumeration what is typed for it, and an RPC its command.

use std::path::PathBuf;

use clap::ValueEnum;
use deepface_client::{ClientError, Code, Rejection, Violation, v1};

use crate::args::{
    ElementType, MethodName, OptimizerName, ParametrizationName, ResidualName, StartName,
    WantedAttribute,
};

/// Every field of the requests that this program sends, without the prefix `settings.` and without positions in lists. An
/// entry also covers the fields below it.
const FIELDS: [(&str, Source); 48] = [
    ("attributes", Source::Attributes),
    ("keep", Source::Flag("--keep")),
    ("layers", Source::Flag("--layer")),
    ("parametrization", Source::Flag("--parametrization")),
    ("image", Source::Image(0)),
    ("images", Source::Images),
    ("first", Source::Image(0)),
    ("second", Source::Image(1)),
    ("first_embeddings", Source::Image(0)),
    ("second_embeddings", Source::Image(1)),
    ("embeddings_digest", Source::Nothing),
    ("skip_face_check", Source::Nothing),
    ("model_digest", Source::Nothing),
    ("all_faces", Source::Flag("--all-faces")),
    ("return_pixels", Source::Nothing),
    ("seed", Source::Flag("--seed")),
    ("layer", Source::Flag("--layer")),
    ("data_type", Source::Flag("--type")),
    ("preset", Source::Flag("--paper")),
    ("target.method", Source::Flag("--method")),
    ("target.layer", Source::Flag("--layer")),
    ("target.exaggeration", Source::Flag("--exaggeration")),
    ("target.variety", Source::Flag("--variety")),
    ("target.likelihood", Source::Flag("--likelihood")),
    ("target.margin", Source::Flag("--margin")),
    ("target.completeness", Source::Flag("--completeness")),
    ("target.emphasis", Source::Flag("--emphasis")),
    ("target.residual", Source::Flag("--residual")),
    (
        "inversion.parametrization",
        Source::Flag("--parametrization"),
    ),
    ("inversion.optimizer", Source::Flag("--optimizer")),
    ("inversion.start", Source::Flag("--start")),
    ("inversion.steps", Source::Flag("--steps")),
    ("inversion.learning_rate", Source::Flag("--learning-rate")),
    ("inversion.regularizers.prior", Source::Flag("--prior")),
    (
        "inversion.regularizers.total_variation",
        Source::Flag("--total-variation"),
    ),
    ("inversion.regularizers.l2", Source::Flag("--l2")),
    ("inversion.regularizers.jitter", Source::Flag("--jitter")),
    (
        "inversion.regularizers.blur_sigma",
        Source::Flag("--blur-sigma"),
    ),
    (
        "inversion.regularizers.blur_every",
        Source::Flag("--blur-every"),
    ),
    (
        "inversion.regularizers.conditional",
        Source::Flag("--conditional"),
    ),
    ("stream.every", Source::Flag("--every")),
    ("stream.format", Source::Nothing),
    ("stream.losses_only", Source::Nothing),
    ("stream.resume_tokens", Source::Nothing),
    ("resume_token", Source::Nothing),
    ("resume_tokens", Source::Nothing),
    ("count", Source::Nothing),
    ("from", Source::Image(0)),
];

/// The RPCs, and the commands that call them. Names that are ordinary words are replaced only in backticks.
const COMMANDS: [(&str, &str); 10] = [
    ("ListAttributes", "`deepface attributes`"),
    ("GetTarget", "`deepface generate`"),
    ("GetActivations", "`deepface activations`"),
    ("GetModel", "the classifier"),
    ("Generate", "`deepface generate`"),
    ("GenerateFace", "`deepface generate`"),
    ("Invert", "`deepface invert`"),
    ("Classify", "`deepface classify`"),
    ("Compare", "`deepface compare`"),
    ("Differentiate", "the classifier"),
];

/// Values of enumerations that are not the value of a flag.
const VALUES: [(&str, &str); 7] = [
    ("FRAMING_ALIGNED", "--aligned"),
    ("FRAMING_FACE", "--face"),
    ("FRAMING_DETECT", "--detect"),
    ("IMAGE_FORMAT_PNG", "PNG"),
    ("IMAGE_FORMAT_TENSOR", "a tensor"),
    ("DATA_TYPE_U8", "u8"),
    ("PRESET_PAPER", "--paper"),
];

/// Where on the command line a field of a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The value of this flag.
    Flag(&'static str),
    /// The requested attributes, in their order.
    Attributes,
    /// The images.
    Images,
    /// The image with this number.
    Image(usize),
    /// This program itself.
    Nothing,
}

/// What was typed for the lists of a request. It may be empty if the context of an error names the item already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typed {
    attributes: Vec<String>,
    images: Vec<String>,
}

/// What a service refused, in the words of the command line.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Refused {
    text: String,
    /// Whether it refused what was typed. The content of an image file was not typed.
    pub(crate) typed: bool,
}

impl Typed {
    /// Attributes as `generate` takes them.
    pub(crate) fn attributes(present: &[WantedAttribute], absent: &[WantedAttribute]) -> Self {
        let present = present.iter().map(ToString::to_string);
        let absent = absent.iter().map(|attribute| format!("--not {attribute}"));
        Self {
            attributes: present.chain(absent).collect(),
            ..Self::default()
        }
    }

    /// Attributes in a list, as `morph` takes them.
    pub(crate) fn wishes(wishes: &[v1::RequestedAttribute]) -> Self {
        Self {
            attributes: wishes.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }

    /// Image files.
    pub(crate) fn images(files: &[&PathBuf]) -> Self {
        Self {
            images: files
                .iter()
                .map(|file| file.display().to_string())
                .collect(),
            ..Self::default()
        }
    }

    /// The same, with an image file.
    pub(crate) fn with_image(mut self, file: Option<&PathBuf>) -> Self {
        self.images = file.iter().map(|file| file.display().to_string()).collect();
        self
    }

    /// Puts a refusal into the words of the command line, and returns other errors unchanged. The refusal loses its
    /// contexts, so attach them afterwards.
    pub(crate) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast::<ClientError>() {
            Ok(ClientError::Rejected(rejection)) => self.refused(&rejection).into(),
            Ok(other) => other.into(),
            Err(other) => other,
        }
    }

    /// What a service refused.
    pub(crate) fn refused(&self, rejection: &Rejection) -> Refused {
        let violations = &rejection.violations;
        let mut lines: Vec<_> = violations.iter().map(|v| self.line(v)).collect();
        lines.dedup();
        let text = match lines.as_slice() {
            [] if rejection.message.is_empty() => rejection.code.description().to_owned(),
            [] => in_our_words(&rejection.message),
            lines => lines.join("\n  "),
        };
        let file = !violations.is_empty() && violations.iter().all(|v| in_a_file(&v.field));
        let typed = rejection.code == Code::InvalidArgument && !file;
        Refused { text, typed }
    }

    /// One violation: where it is, unless the description names that, and what is wrong.
    fn line(&self, violation: &Violation) -> String {
        let said = in_our_words(&violation.description);
        let names = |place: &str| said.starts_with(place) || said.contains(&format!("\"{place}\""));
        match self.place(&violation.field) {
            Some(place) if !names(&place) => format!("{place}: {said}"),
            _ => said,
        }
    }

    /// What was typed for a field; `None` if nothing was, or if the field is a whole list.
    fn place(&self, field: &str) -> Option<String> {
        let Some(source) = source(field) else {
            return Some(field.to_owned());
        };
        let item = |list: &[String]| list.get(position(field)?).map(|item| printable(item));
        match source {
            Source::Flag(flag) => Some(flag.to_owned()),
            Source::Attributes => item(&self.attributes),
            Source::Images => item(&self.images),
            Source::Image(i) => self.images.get(i).map(|file| printable(file)),
            Source::Nothing => None,
        }
    }
}

/// Text without control characters, which could change the terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Whether a field comes from an image file.
fn in_a_file(field: &str) -> bool {
    matches!(source(field), Some(Source::Images | Source::Image(_)))
}

/// Where a field comes from: `settings.target.layer`, `attributes[2].name`.
fn source(field: &str) -> Option<Source> {
    let field = field.strip_prefix("settings.").unwrap_or(field);
    let rest = |name: &str| field.strip_prefix(name);
    let within = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
    let mut all = FIELDS.iter();
    all.find(|(name, _)| rest(name).is_some_and(within))
        .map(|&(_, source)| source)
}

/// The number in `attributes[2].name`.
fn position(field: &str) -> Option<usize> {
    let (_, rest) = field.split_once('[')?;
    rest.split_once(']')?.0.parse().ok()
}

/// Replaces names of the contract by what is typed. Text in double quotes comes from the request and stays.
pub(crate) fn in_our_words(text: &str) -> String {
    let parts = text.split('"').enumerate();
    let parts = parts.map(|(i, part)| match i % 2 {
        0 => translate(part),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("\"")
}

fn translate(text: &str) -> String {
    let of_a_word = |c: char| c.is_alphanumeric() || "_.`".contains(c);
    let mut translated = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(of_a_word) {
        let word = &rest[start..];
        let end = word.find(|c| !of_a_word(c)).unwrap_or(word.len());
        let word = word[..end].trim_end_matches('.');
        translated += &rest[..start];
        translated += &translate_word(word);
        // Full stops after a word are copied one at a time.
        let after = start + word.len().max(1);
        if word.is_empty() {
            translated.push('.');
        }
        rest = &rest[after..];
    }
    translated + rest
}

fn translate_word(word: &str) -> String {
    let quoted = word.len() > 2 && word.starts_with('`') && word.ends_with('`');
    let name = if quoted { word.trim_matches('`') } else { word };
    let ours = value(name).or_else(|| command(name, quoted)).or_else(|| {
        let flag = if quoted { flag(name) } else { None };
        flag.map(str::to_owned)
    });
    ours.unwrap_or_else(|| word.to_owned())
}

/// The flag of a field that is named in full or by its last part.
fn flag(name: &str) -> Option<&'static str> {
    // A field of each attribute, which are a list.
    if name == "absent" {
        return Some("--not");
    }
    let name = name.strip_prefix("settings.").unwrap_or(name);
    let ends = |field: &str| {
        let before = field.strip_suffix(name);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    let (_, source) = FIELDS.iter().find(|(field, _)| ends(field))?;
    match source {
        Source::Flag(flag) => Some(flag),
        _ => None,
    }
}

fn command(rpc: &str, quoted: bool) -> Option<String> {
    let ordinary = rpc.chars().filter(char::is_ascii_uppercase).count() < 2;
    let (_, command) = COMMANDS.iter().find(|(name, _)| *name == rpc)?;
    (quoted || !ordinary).then(|| (*command).to_owned())
}

/// What is typed for a value of an enumeration: `--method regression` for METHOD_REGRESSION.
fn value(name: &str) -> Option<String> {
    if let Some((_, ours)) = VALUES.iter().find(|(value, _)| *value == name) {
        return Some((*ours).to_owned());
    }
    use v1::{DataType, Method, Optimizer, Parametrization, Residual, Start};
    None.or_else(|| typed::<MethodName, _>("--method", name, Method::as_str_name))
        .or_else(|| {
            let wire = Parametrization::as_str_name;
            typed::<ParametrizationName, _>("--parametrization", name, wire)
        })
        .or_else(|| typed::<OptimizerName, _>("--optimizer", name, Optimizer::as_str_name))
        .or_else(|| typed::<StartName, _>("--start", name, Start::as_str_name))
        .or_else(|| typed::<ResidualName, _>("--residual", name, Residual::as_str_name))
        .or_else(|| typed::<ElementType, _>("--type", name, DataType::as_str_name))
}

/// What is typed for the value of `T` whose counterpart in the contract, `W`, has this name.
fn typed<T: ValueEnum + Copy, W: From<T>>(
    flag: &str,
    name: &str,
    wire: fn(&W) -> &'static str,
) -> Option<String> {
    let mut all = T::value_variants().iter().copied();
    let value = all.find(|&value| wire(&value.into()) == name)?;
    Some(format!("{flag} {}", value.to_possible_value()?.get_name()))
}

#[cfg(test)]
mod tests;
