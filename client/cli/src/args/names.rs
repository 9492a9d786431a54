//! Names of attributes and layers that shells complete. Services may know others, so any name is accepted here.

use std::ffi::OsStr;
use std::str::FromStr;
use std::sync::LazyLock;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use deepface_attributes::Schema;

/// The layers of VGG-Face that have activations worth inverting or writing.
pub(crate) const LAYERS: [&str; 15] = [
    "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1",
    "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3", "fc6", "fc7",
];
/// The layers that the built-in statistics have targets for.
pub(crate) const TARGET_LAYERS: [&str; 3] = ["conv4_3", "conv5_3", "fc6"];

/// Parses a value that may be, but need not be, one of some names.
#[derive(Clone)]
pub(crate) struct OneOf<T> {
    names: fn() -> Vec<&'static str>,
    parse: fn(&str) -> Result<T, String>,
}

/// An attribute, or an argument that begins with one.
pub(crate) fn attribute<T: FromStr<Err = String>>() -> OneOf<T> {
    OneOf {
        names: attributes,
        parse: str::parse,
    }
}

/// The name of an attribute.
pub(crate) fn attribute_name() -> OneOf<String> {
    OneOf {
        names: attributes,
        parse: |text| Ok(text.to_owned()),
    }
}

/// A layer of the network.
pub(crate) fn layer() -> OneOf<String> {
    OneOf {
        names: || LAYERS.into(),
        parse: |text| Ok(text.to_owned()),
    }
}

/// A layer that targets are made for.
pub(crate) fn target_layer() -> OneOf<String> {
    OneOf {
        names: || TARGET_LAYERS.into(),
        parse: |text| Ok(text.to_owned()),
    }
}

/// The attributes of the built-in model, without spaces, which shells split at: `Middle_Aged`, `5_o_Clock_Shadow`.
fn attributes() -> Vec<&'static str> {
    static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let word = |name: &str| {
            let words = name.split(|c: char| !c.is_alphanumeric());
            let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
            words.join("_")
        };
        Schema::default().names().map(word).collect()
    });
    WORDS.iter().map(String::as_str).collect()
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for OneOf<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let parse = self.parse;
        let any = StringValueParser::new().try_map(move |text| parse(&text));
        any.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.names)().into_iter().map(PossibleValue::new)))
    }
}

#[cfg(test)]
mod tests {
    use deepface_serve::same_name;

    use super::*;

    #[test]
    fn completed_names_are_accepted_and_have_no_spaces() {
        let all = attributes();
        let schema = Schema::default();
        assert_eq!(all.len(), schema.len());
        for (word, name) in all.iter().zip(schema.names()) {
            assert!(same_name(word, name) && !word.contains(' '), "{word}");
        }
    }

    #[test]
    fn completed_layers_have_targets_in_the_built_in_statistics() {
        let statistics = generator_svc::service::StatisticsSource::Embedded
            .load()
            .unwrap();
        for layer in LAYERS {
            let target = statistics.find_layer(layer).is_some();
            assert_eq!(target, TARGET_LAYERS.contains(&layer), "{layer}");
        }
    }
}
