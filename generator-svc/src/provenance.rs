//! What a picture of a face says of how it was made: enough to make it again.

use deepface_client::{Json, JsonError};
use deepface_images::About;
use deepface_proto::v1;

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a picture will be made from.
#[derive(Clone, Debug)]
pub struct Recipe {
    command: &'static str,
    /// In a sentence: `Male, not Smiling`.
    wanted: String,
    /// The request as JSON, without what decides nothing about the face.
    request: String,
    seed: u64,
    /// Whether it is a photograph, changed.
    photographed: bool,
}

impl Recipe {
    /// A face from attributes. A photograph that it is made from is left out.
    ///
    /// # Errors
    /// The request holds a number that is not finite.
    pub fn generated(request: &v1::GenerateRequest) -> Result<Self, JsonError> {
        let plain = v1::GenerateRequest {
            stream: None,
            from: None,
            ..request.clone()
        };
        // The photograph is not in the picture, which alone does not make it again.
        let command = match request.from {
            Some(_) => "edit",
            None => "generate",
        };
        let said: Vec<_> = request.attributes.iter().map(ToString::to_string).collect();
        Ok(Self {
            command,
            wanted: format!("attributes: {}", said.join(", ")),
            request: plain.to_json()?,
            seed: request.seed,
            photographed: request.from.is_some(),
        })
    }

    /// A reconstruction. The image that it came from is left out.
    ///
    /// # Errors
    /// As for [`Self::generated`].
    pub fn inverted(request: &v1::InvertRequest) -> Result<Self, JsonError> {
        let plain = v1::InvertRequest {
            image: None,
            stream: None,
            ..request.clone()
        };
        Ok(Self {
            command: "invert",
            wanted: "reconstructed from the activations of an image".to_owned(),
            request: plain.to_json()?,
            seed: request.seed,
            photographed: false,
        })
    }

    /// What the picture says, once the service has said what it makes it with.
    ///
    /// The texts are `command` (`generate`, `edit` or `invert`), `request` and `settings` (JSON in the mapping of the
    /// contract), `seed`, `scale` (the whole number by which the picture was enlarged, if it is one), `statistics-sha256`,
    /// `classifier-sha256` and `version`.
    ///
    /// # Errors
    /// The settings hold a number that is not finite.
    pub fn about(&self, started: &v1::Started, scale: Option<u32>) -> Result<About, JsonError> {
        let settings = started.settings.as_ref().map(Json::to_json).transpose()?;
        let scale = scale.map(|scale| ("scale", scale.to_string()));
        let texts = [
            ("command", self.command.to_owned()),
            ("request", self.request.clone()),
            ("settings", settings.unwrap_or_default()),
            ("seed", self.seed.to_string()),
        ];
        let models = [
            ("statistics-sha256", started.digest.clone()),
            ("classifier-sha256", started.classifier_digest.clone()),
            ("version", VERSION.to_owned()),
        ];
        let texts = texts.into_iter().chain(scale).chain(models);
        let wanted = format!("{}, seed {}", self.wanted, self.seed);
        Ok(About {
            software: software(),
            description: match self.photographed {
                true => changed(&wanted),
                false => synthetic(&wanted),
            },
            photographed: self.photographed,
            texts: texts.map(|(name, text)| (name.to_owned(), text)).collect(),
        })
    }
}

/// What a sheet of many faces says: that it is synthetic, and what they are.
pub fn about_many(wanted: &str) -> About {
    About {
        software: software(),
        description: synthetic(wanted),
        photographed: false,
        texts: vec![("version".to_owned(), VERSION.to_owned())],
    }
}

fn software() -> String {
    format!("deepface {VERSION}")
}

/// The notice on a photograph that was changed.
fn changed(wanted: &str) -> String {
    format!("Changed by a neural network: not how the person in the photograph looks ({wanted})")
}

/// The notice that every other picture carries.
fn synthetic(wanted: &str) -> String {
    format!("Synthetic: computed by a neural network, not a photograph of a person ({wanted})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_says_what_makes_it_again() {
        let request = v1::GenerateRequest::of(["Male"])
            .without(["Smiling"])
            .with_seed(7)
            .with_stream(v1::StreamSettings::default());
        let started = v1::Started {
            digest: "d1".into(),
            ..Default::default()
        };
        let recipe = Recipe::generated(&request).unwrap();
        let said = recipe.about(&started, Some(3)).unwrap();
        let text = |name| {
            let found = said.texts.iter().find(|(known, _)| known == name);
            found.map(|(_, text)| text.as_str())
        };
        let again = v1::GenerateRequest::from_json(text("request").unwrap()).unwrap();
        let plain = v1::GenerateRequest {
            stream: None,
            ..request
        };
        assert_eq!(again, plain);
        assert_eq!((text("seed"), text("scale")), (Some("7"), Some("3")));
        assert_eq!(text("statistics-sha256"), Some("d1"));
        let description = &said.description;
        assert!(
            description.contains("attributes: Male, not Smiling, seed 7"),
            "{description}"
        );
        assert!(!said.photographed);
        let from = Some(v1::Image::default());
        let changed = Recipe::generated(&v1::GenerateRequest { from, ..again }).unwrap();
        let changed = changed.about(&started, None).unwrap();
        assert!(changed.photographed);
        assert!(changed.description.starts_with("Changed"), "{changed:?}");
        let other = recipe.about(&started, None).unwrap();
        assert!(other.texts.iter().all(|(name, _)| name != "scale"));
    }
}
