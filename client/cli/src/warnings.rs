//! What a service says of an answer that it gave all the same.

use deepface_client::v1;
use serde::Serialize;

use crate::fields::in_our_words;

/// A warning, as programs get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Warning {
    /// The kind: `no_face`, `tilted`.
    kind: String,
    /// One sentence.
    message: String,
}

impl From<&v1::Warning> for Warning {
    fn from(warning: &v1::Warning) -> Self {
        let kind = warning.kind().as_str_name();
        Self {
            kind: kind.trim_start_matches("WARNING_KIND_").to_lowercase(),
            message: in_our_words(&warning.message),
        }
    }
}

/// All warnings, as programs get them.
pub(crate) fn for_programs(warnings: &[v1::Warning]) -> Vec<Warning> {
    warnings.iter().map(Into::into).collect()
}

/// Tells people of the warnings about an image, each once.
pub(crate) fn print<'a>(image: &str, warnings: impl IntoIterator<Item = &'a v1::Warning>) {
    let mut told = Vec::new();
    for warning in warnings {
        let warning = Warning::from(warning);
        if !told.contains(&warning) {
            deepface_files::note!("warning: {image}: {}", warning.message);
            told.push(warning);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_names_its_kind_and_speaks_of_flags() {
        let warning = v1::Warning {
            kind: v1::WarningKind::NoFace.into(),
            message: "nothing here; FRAMING_DETECT searches".to_owned(),
        };
        let expected = Warning {
            kind: "no_face".to_owned(),
            message: "nothing here; --detect searches".to_owned(),
        };
        assert_eq!(Warning::from(&warning), expected);
    }
}
