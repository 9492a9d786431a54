//! The attributes of a request, checked before any work begins: names against the generator's list, and the request
//! against its rules.

use std::fmt;

use deepface_attributes::synonyms;
use deepface_client::{ClientError, GeneratorClient, v1};
use deepface_serve::{Meant, meant, same_name, unknown_but};

use crate::usage::Usage;

/// Where wishes were typed: what errors begin with, and how absence is said there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The arguments of `gallery`.
    Present,
    /// `--not`.
    Absent,
    /// `--sweep`, which shows presence and absence.
    Sweep,
    /// `--keep`, which takes an attribute as it is.
    Keep,
    /// A list behind this flag, such as `--from`.
    List(&'static str),
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Present => "the request",
            Self::Absent => "--not",
            Self::Sweep => "--sweep",
            Self::Keep => "--keep",
            Self::List(flag) => flag,
        })
    }
}

/// The attributes that the generator knows.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue(Vec<v1::AttributeInfo>);

impl Catalogue {
    /// Asks the generator.
    pub(crate) async fn of(client: &GeneratorClient) -> Result<Self, ClientError> {
        Ok(Self(client.list_attributes().await?.attributes))
    }

    /// An attribute; case, spaces and punctuation of its name do not matter.
    pub(crate) fn find(&self, name: &str) -> Option<&v1::AttributeInfo> {
        self.0.iter().find(|info| same_name(&info.name, name))
    }

    /// Gives every wish the generator's spelling of its name; errors begin with the place.
    pub(crate) fn name(
        &self,
        wishes: impl IntoIterator<Item = v1::RequestedAttribute>,
        place: Asked,
    ) -> Result<Vec<v1::RequestedAttribute>, Usage> {
        let named = |mut wish: v1::RequestedAttribute| match self.find(&wish.name) {
            Some(info) => {
                wish.name.clone_from(&info.name);
                Ok(wish)
            }
            None => Err(self.unknown(&wish.name, wish.absent, place)),
        };
        wishes.into_iter().map(named).collect()
    }

    /// The generator's spelling of the attributes to keep.
    pub(crate) fn keep(&self, names: &[String]) -> Result<Vec<String>, Usage> {
        let named = |name: &String| match self.find(name) {
            Some(info) => Ok(info.name.clone()),
            None => Err(self.unknown(name, false, Asked::Keep)),
        };
        names.iter().map(named).collect()
    }

    /// Says that there is no such attribute, and what to type instead.
    fn unknown(&self, name: &str, absent: bool, place: Asked) -> Usage {
        let known: Vec<_> = self.0.iter().map(|info| info.name.as_str()).collect();
        let synonyms: Vec<_> = synonyms().map(|s| (s.word, s.name, s.absent)).collect();
        let typed = |meant: Meant<'_>| match (meant.absent != absent, place) {
            (true, Asked::List(_)) => format!("not {}", meant.name),
            (true, Asked::Present | Asked::Absent) => format!("--not {}", meant.name),
            _ => meant.name.to_owned(),
        };
        let near = meant(name, &known, &synonyms).into_iter().map(typed);
        let near: Vec<_> = near.collect();
        let hint = "`deepface attributes` lists them";
        Usage(format!(
            "{place}: {}",
            unknown_but("attribute", name, &near, hint)
        ))
    }
}

/// Asks the generator whether it accepts these wishes, which costs next to nothing.
pub(crate) async fn check(
    client: &GeneratorClient,
    wishes: &[v1::RequestedAttribute],
    keep: &[String],
    settings: &v1::GenerationSettings,
) -> Result<(), ClientError> {
    let mut target = settings.target.clone().unwrap_or_default();
    target.set_method(method_in_force(settings));
    if target.method() == v1::Method::ClassVisualization {
        // It has no target, but the same rules for attributes as the default.
        target = v1::TargetSettings::default();
    }
    let request = v1::GetTargetRequest {
        attributes: wishes.to_vec(),
        target: Some(target),
        keep: keep.to_vec(),
        parametrization: settings.inversion.as_ref().map_or(0, |i| i.parametrization),
        ..Default::default()
    };
    client.get_target(request).await.map(drop)
}

/// Whether the method only sums over the attributes that should be present, and so takes neither absent attributes nor
/// strengths.
pub(crate) fn sums_what_is_present(settings: &v1::GenerationSettings) -> bool {
    matches!(
        method_in_force(settings),
        v1::Method::CgmmMean | v1::Method::CgmmSample
    )
}

/// The method that is set, or else that of the preset.
fn method_in_force(settings: &v1::GenerationSettings) -> v1::Method {
    match settings.target.as_ref().map(v1::TargetSettings::method) {
        None | Some(v1::Method::Unspecified) => match settings.preset() {
            v1::Preset::Paper => v1::Method::CgmmMean,
            v1::Preset::Unspecified => v1::Method::Unspecified,
        },
        Some(method) => method,
    }
}

/// Wishes as they are typed: `Male, not Smiling=2`.
pub(crate) fn say_all(wishes: &[v1::RequestedAttribute]) -> String {
    let said: Vec<_> = wishes.iter().map(ToString::to_string).collect();
    said.join(", ")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// `not Smiling=2` as a message.
    pub(crate) fn wish(text: &str) -> v1::RequestedAttribute {
        let (absent, text) = match text.strip_prefix("not ") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let strength = |(name, strength): (_, &str)| Some((name, Some(strength.parse().ok()?)));
        let (name, strength) = text
            .split_once('=')
            .and_then(strength)
            .unwrap_or((text, None));
        v1::RequestedAttribute {
            name: name.to_owned(),
            absent,
            strength,
        }
    }

    /// `Male, not Smiling=2` as messages.
    pub(crate) fn wishes(text: &str) -> Vec<v1::RequestedAttribute> {
        text.split(", ").map(wish).collect()
    }

    pub(crate) fn catalogue(names: &[(&str, &str)]) -> Catalogue {
        let info = |&(name, group): &(&str, &str)| v1::AttributeInfo {
            name: name.to_owned(),
            group: group.to_owned(),
            ..Default::default()
        };
        Catalogue(names.iter().map(info).collect())
    }

    #[test]
    fn names_are_found_in_any_spelling_and_unknown_names_get_suggestions() {
        let catalogue = catalogue(&[("5 o' Clock Shadow", "beard"), ("Eyeglasses", "eyewear")]);
        let named = catalogue
            .name(wishes("5_O_clock-shadow=2, not eyeglasses"), Asked::Sweep)
            .unwrap();
        assert_eq!(say_all(&named), "5 o' Clock Shadow=2, not Eyeglasses");
        let error = catalogue
            .name([wish("Eyeglases")], Asked::Sweep)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "--sweep: unknown attribute \"Eyeglases\"; did you mean Eyeglasses?"
        );
        let said = |typed: &str, place| {
            catalogue
                .name([wish(typed)], place)
                .unwrap_err()
                .to_string()
        };
        let stubble = said("not stubble", Asked::List("--to"));
        assert!(
            stubble.ends_with("did you mean not 5 o' Clock Shadow?"),
            "{stubble}"
        );
        let glasses = said("no_glasses", Asked::Present);
        assert!(
            glasses.ends_with("did you mean --not Eyeglasses?"),
            "{glasses}"
        );
        let error = catalogue
            .name([wish("\u{1b}[2J")], Asked::List("--from"))
            .unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }

    #[test]
    fn wishes_are_printed_as_they_are_typed() {
        let typed = "Male, not Smiling=0.5, Bald=4";
        assert_eq!(say_all(&wishes(typed)), typed);
        assert_eq!(wish("Male=1").to_string(), "Male");
    }
}
