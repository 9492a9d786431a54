//! What a picture says of how it was made, and reading that again.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail};
use deepface_client::{Json, SettingsInForce, v1};
use deepface_images::{About, picture_texts};

use crate::wishes::say_all;

/// Names of the texts in a picture. Version, digests and seed are also of use to other programs.
const COMMAND: &str = "command";
const REQUEST: &str = "request";
const SETTINGS: &str = "settings";
const SEED: &str = "seed";
const SCALE: &str = "scale";
const STATISTICS: &str = "statistics-sha256";
const CLASSIFIER: &str = "classifier-sha256";
const VERSION: &str = "version";
/// The version of this program.
const THIS: &str = env!("CARGO_PKG_VERSION");

/// What a picture is made from, known before the work.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    command: &'static str,
    /// In a sentence: `Male, not Smiling`.
    wanted: String,
    /// The request as JSON, without what decides nothing about the face.
    request: String,
    seed: u64,
    /// The settings that must be in force.
    expected: Option<v1::GenerationSettings>,
}

impl Recipe {
    /// Refuses the face if other settings are in force than these: another version may have other defaults.
    #[must_use]
    pub(crate) fn expecting(mut self, settings: Option<v1::GenerationSettings>) -> Self {
        self.expected = settings;
        self
    }

    /// A face from attributes.
    ///
    /// # Errors
    /// The request holds a number that is not finite.
    pub(crate) fn generated(request: &v1::GenerateRequest) -> anyhow::Result<Self> {
        let plain = v1::GenerateRequest {
            stream: None,
            ..request.clone()
        };
        Ok(Self {
            command: "generate",
            wanted: format!("attributes: {}", say_all(&request.attributes)),
            request: plain.to_json()?,
            seed: request.seed,
            expected: None,
        })
    }

    /// A reconstruction. The image that it came from is left out.
    ///
    /// # Errors
    /// As for [`Self::generated`].
    pub(crate) fn inverted(request: &v1::InvertRequest) -> anyhow::Result<Self> {
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
            expected: None,
        })
    }

    /// What the picture says, once the service has said what it makes it with.
    ///
    /// # Errors
    /// Other settings are in force than expected.
    pub(crate) fn about(&self, started: &v1::Started, scale: u32) -> anyhow::Result<About> {
        let settings = started.settings.as_ref();
        if let (Some(expected), Some(settings)) = (&self.expected, settings)
            && expected != settings
        {
            let [expected, settings] = [expected, settings].map(SettingsInForce::from);
            bail!("--like: expected the settings {expected}; this version's are {settings}");
        }
        let settings = settings.map(Json::to_json).transpose()?;
        let texts = [
            (COMMAND, self.command.to_owned()),
            (REQUEST, self.request.clone()),
            (SETTINGS, settings.unwrap_or_default()),
            (SEED, self.seed.to_string()),
            (SCALE, scale.to_string()),
            (STATISTICS, started.digest.clone()),
            (CLASSIFIER, started.classifier_digest.clone()),
            (VERSION, THIS.to_owned()),
        ];
        Ok(About {
            software: software(),
            description: synthetic(&format!("{}, seed {}", self.wanted, self.seed)),
            texts: texts.map(|(name, text)| (name.to_owned(), text)).to_vec(),
        })
    }
}

/// What a sheet of many faces says: that it is synthetic, and what they are.
pub(crate) fn about_many(wanted: &str) -> About {
    About {
        software: software(),
        description: synthetic(wanted),
        texts: vec![(VERSION.to_owned(), THIS.to_owned())],
    }
}

fn software() -> String {
    format!("deepface {THIS}")
}

/// The notice that every picture carries.
pub(crate) fn synthetic(wanted: &str) -> String {
    format!("Synthetic: computed by a neural network, not a photograph of a person ({wanted})")
}

/// What a picture says of how it was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) command: String,
    /// The request as JSON.
    pub(crate) request: String,
    pub(crate) seed: String,
    /// The factor by which it was enlarged.
    pub(crate) scale: Option<u32>,
    /// SHA-256 of the statistics file, and of the classifier's weights.
    pub(crate) statistics: String,
    pub(crate) classifier: String,
    pub(crate) version: String,
    settings: String,
}

impl Made {
    /// Reads it from a picture file.
    ///
    /// # Errors
    /// The file does not say it.
    pub(crate) fn read(file: &[u8], path: &Path) -> anyhow::Result<Self> {
        let mut texts: HashMap<_, _> = picture_texts(file).into_iter().collect();
        let mut text = |name: &str| printable(texts.remove(name).unwrap_or_default());
        let made = Self {
            command: text(COMMAND),
            request: text(REQUEST),
            seed: text(SEED),
            scale: text(SCALE).parse().ok().filter(|s| (1..=32).contains(s)),
            statistics: text(STATISTICS),
            classifier: text(CLASSIFIER),
            version: text(VERSION),
            settings: text(SETTINGS),
        };
        if made.request.is_empty() {
            bail!(
                "{}: expected a picture that `deepface generate` or `deepface invert` wrote; this file does not say what \
                 made it",
                path.display()
            );
        }
        Ok(made)
    }

    /// The request for the face.
    ///
    /// # Errors
    /// It is not a face from attributes, or the request is damaged or of a newer version.
    pub(crate) fn generate_request(&self, path: &Path) -> anyhow::Result<v1::GenerateRequest> {
        if self.command != "generate" {
            bail!(
                "--like: expected a face that `deepface generate` made, got {}, made by `deepface {}`",
                path.display(),
                self.command
            );
        }
        let request = v1::GenerateRequest::from_json(&self.request);
        request.with_context(|| format!("--like: {}", path.display()))
    }

    /// The settings that were in force.
    pub(crate) fn settings(&self) -> Option<v1::GenerationSettings> {
        v1::GenerationSettings::from_json(&self.settings).ok()
    }

    /// The settings that were in force, for people and programs.
    pub(crate) fn settings_in_force(&self) -> SettingsInForce {
        let settings = self.settings();
        settings
            .as_ref()
            .map(SettingsInForce::from)
            .unwrap_or_default()
    }
}

/// Text without control characters, which could change the terminal: the file may be anybody's.
fn printable(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
