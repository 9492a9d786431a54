//! What an autoencoder's file says of it, and its form in the header.

use deepface_attributes::{Group, Schema};

use super::{curve::Epoch, settings::Settings};
use crate::ModelError;

/// Key of the description in the header.
pub(super) const KEY: &str = "deepface-autoencoder";
/// Version of the description and of the networks that it describes.
const VERSION: u32 = 2;

/// The Gaussian that latents are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// The standard Gaussian, from which the loss measures the divergence.
    Standard,
    /// The one fitted to the latents of the training faces, its mean linear in the attributes.
    Fitted,
}

/// Everything in an autoencoder's file but the tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The settings that it was trained with.
    pub settings: Settings,
    /// The attributes.
    pub schema: Schema,
    /// Licence of the weights.
    pub license: String,
    /// The Gaussian that latents are drawn from: that with the smaller divergence.
    pub sampling: Sampling,
    /// Mean divergence, in nats, of the validation faces' latents from the standard Gaussian and from that of `sampling`.
    pub divergences: [f64; 2],
    /// The losses of the last epoch.
    pub losses: Option<Epoch>,
}

/// A [`Description`] as it is stored.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    version: u32,
    settings: Settings,
    groups: Vec<StoredGroup>,
    license: String,
    sampling: Sampling,
    divergences: [f64; 2],
    losses: Option<Epoch>,
    /// Digest of the tensors.
    tensors: String,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct StoredGroup {
    name: String,
    attributes: Vec<String>,
}

/// Read first, because a file of another version may have any other content.
#[derive(serde::Deserialize)]
struct Version {
    version: u32,
}

impl Description {
    /// The text in the header; `tensors` is the digest of the tensors.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(super) fn text(&self, tensors: String) -> Result<String, ModelError> {
        let group = |group: &Group| StoredGroup {
            name: group.name.clone(),
            attributes: group.attributes.clone(),
        };
        let stored = Stored {
            version: VERSION,
            settings: self.settings.clone(),
            groups: self.schema.groups().iter().map(group).collect(),
            license: self.license.clone(),
            sampling: self.sampling,
            divergences: self.divergences,
            losses: self.losses,
            tensors,
        };
        serde_json::to_string(&stored).map_err(|e| ModelError::Weights(e.to_string()))
    }

    /// The description in the text of a header, and the digest of the tensors.
    ///
    /// # Errors
    /// It is missing, or not as expected.
    pub(super) fn read(text: Option<&str>) -> Result<(Self, String), ModelError> {
        let wrong = |problem: String| ModelError::Weights(problem);
        let text = text.ok_or_else(|| {
            wrong(format!(
                "the header has no entry {KEY:?}: this is not an autoencoder's file"
            ))
        })?;
        let other = |e: serde_json::Error| wrong(format!("header entry {KEY:?}: {e}"));
        let Version { version } = serde_json::from_str(text).map_err(other)?;
        if version != VERSION {
            return Err(wrong(format!(
                "expected format version {VERSION}, got {version}"
            )));
        }
        let stored: Stored = serde_json::from_str(text).map_err(other)?;
        stored.settings.check().map_err(wrong)?;
        let groups = stored.groups.into_iter().map(|g| Group {
            name: g.name,
            attributes: g.attributes,
        });
        let schema = Schema::new(groups.collect());
        let description = Self {
            settings: stored.settings,
            schema: schema.map_err(|e| wrong(format!("attributes: {e}")))?,
            license: stored.license,
            sampling: stored.sampling,
            divergences: stored.divergences,
            losses: stored.losses,
        };
        Ok((description, stored.tensors))
    }
}
