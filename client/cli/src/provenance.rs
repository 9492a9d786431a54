//! What a picture says of how it was made, and reading that again.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail};
use deepface_client::{Json, SettingsInForce, v1};
use deepface_images::{About, picture_texts};
use generator_svc::provenance;

/// What a picture is made from, known before the work.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    made: provenance::Recipe,
    /// The settings that must be in force.
    expected: Option<v1::GenerationSettings>,
}

impl Recipe {
    pub(crate) fn new(made: provenance::Recipe) -> Self {
        Self {
            made,
            expected: None,
        }
    }

    /// Refuses the face if other settings are in force than these: another version may have other defaults.
    #[must_use]
    pub(crate) fn expecting(mut self, settings: Option<v1::GenerationSettings>) -> Self {
        self.expected = settings;
        self
    }

    /// What the picture says, once the service has said what it makes it with.
    ///
    /// # Errors
    /// Other settings are in force than expected.
    pub(crate) fn about(&self, started: &v1::Started, scale: u32) -> anyhow::Result<About> {
        if let (Some(expected), Some(settings)) = (&self.expected, &started.settings)
            && expected != settings
        {
            let [expected, settings] = [expected, settings].map(SettingsInForce::from);
            bail!("--like: expected the settings {expected}; this version's are {settings}");
        }
        Ok(self.made.about(started, Some(scale))?)
    }
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
            command: text("command"),
            request: text("request"),
            seed: text("seed"),
            scale: text("scale").parse().ok().filter(|s| (1..=32).contains(s)),
            statistics: text("statistics-sha256"),
            classifier: text("classifier-sha256"),
            version: text("version"),
            settings: text("settings"),
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
        if self.command == "edit" {
            bail!(
                "--like: {} is a changed photograph, which is not in it; ask with --from PHOTOGRAPH again",
                path.display()
            );
        }
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
