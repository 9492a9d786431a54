//! What a weights file says of the network in it, and its form in the header.

use std::collections::HashMap;

use deepface_attributes::{Group, Schema};

use crate::{
    Architecture, AttributeMetrics, Golden, Heads, MeanMetrics, ModelError, Preprocessing,
    Thresholds, Verification,
};

/// Key of the description in the header.
pub(crate) const KEY: &str = "deepface";
/// Version of the description.
const VERSION: u32 = 2;

/// Everything in a weights file but the tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The topology.
    pub architecture: Architecture,
    /// How pixels become the network's input.
    pub preprocessing: Preprocessing,
    /// The attributes and their groups.
    pub schema: Schema,
    /// Decision thresholds of each attribute.
    pub thresholds: Vec<Thresholds>,
    /// Quality of each attribute on the test people.
    pub metrics: Vec<Option<AttributeMetrics>>,
    /// Quality of all attributes on the test people, where it was measured.
    pub mean_metrics: Option<MeanMetrics>,
    /// How well fc7 tells people apart, where it was measured.
    pub verification: Option<Verification>,
    /// Licence of the weights.
    pub license: String,
    /// Where imported weights came from, and what was changed.
    pub origin: Option<String>,
    /// What the network computed when the file was written, and must compute again when it is loaded.
    pub golden: Option<Golden>,
    /// Digest of the tensors in the file, by which damage is found; `None` in older files.
    pub tensors: Option<String>,
}

/// A [`Description`] as it is stored.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    version: u32,
    architecture: Architecture,
    preprocessing: Preprocessing,
    /// Names, group by group.
    attributes: Vec<String>,
    groups: Vec<String>,
    /// Number of attributes in each group; left out for the default schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_sizes: Option<Vec<usize>>,
    thresholds: Vec<Thresholds>,
    metrics: Vec<Option<AttributeMetrics>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mean_metrics: Option<MeanMetrics>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verification: Option<Verification>,
    license: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    golden: Option<Golden>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tensors: Option<String>,
}

/// Read first, because a file of another version may have any other content.
#[derive(serde::Deserialize)]
struct Version {
    version: u32,
}

impl From<Description> for Stored {
    fn from(description: Description) -> Self {
        let schema = &description.schema;
        let sizes = || schema.groups().iter().map(|g| g.attributes.len()).collect();
        Self {
            version: VERSION,
            attributes: schema.names().map(Into::into).collect(),
            groups: schema.groups().iter().map(|g| g.name.clone()).collect(),
            group_sizes: (!schema.is_default()).then(sizes),
            architecture: description.architecture,
            preprocessing: description.preprocessing,
            thresholds: description.thresholds,
            metrics: description.metrics,
            mean_metrics: description.mean_metrics,
            verification: description.verification,
            license: description.license,
            origin: description.origin,
            golden: description.golden,
            tensors: description.tensors,
        }
    }
}

impl TryFrom<Stored> for Description {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        stored.architecture.check()?;
        let schema = stored.schema()?;
        for (what, len) in [
            ("thresholds", stored.thresholds.len()),
            ("metrics", stored.metrics.len()),
        ] {
            if len != schema.len() {
                return Err(format!("{what}: expected {}, got {len}", schema.len()));
            }
        }
        let logits = Heads::of(&schema).logits();
        Ok(Self {
            architecture: Architecture {
                logits,
                ..stored.architecture
            },
            preprocessing: stored.preprocessing,
            schema,
            thresholds: stored.thresholds,
            metrics: stored.metrics,
            mean_metrics: stored.mean_metrics,
            verification: stored.verification,
            license: stored.license,
            origin: stored.origin,
            golden: stored.golden,
            tensors: stored.tensors,
        })
    }
}

impl Stored {
    /// The attributes in their groups.
    fn schema(&self) -> Result<Schema, String> {
        let Some(sizes) = &self.group_sizes else {
            let own = Schema::default();
            let groups = own.groups().iter().map(|g| &g.name);
            return match self.attributes.iter().eq(own.names()) && self.groups.iter().eq(groups) {
                true => Ok(own),
                false => Err(
                    "the file does not say which attributes are in which group (`group_sizes`), and they are not \
                     the default schema's"
                        .into(),
                ),
            };
        };
        let expected = (self.groups.len(), self.attributes.len());
        let got = (
            sizes.len(),
            sizes.iter().fold(0, |n: usize, &s| n.saturating_add(s)),
        );
        if got != expected {
            return Err(format!(
                "group_sizes: expected {} sizes of {} attributes together, got {} of {}",
                expected.0, expected.1, got.0, got.1
            ));
        }
        let mut names = self.attributes.iter().cloned();
        let groups = self.groups.iter().zip(sizes).map(|(name, &size)| Group {
            name: name.clone(),
            attributes: names.by_ref().take(size).collect(),
        });
        Schema::new(groups.collect()).map_err(|e| format!("attributes: {e}"))
    }
}

impl Description {
    /// A description with the default schema, thresholds of 0.5, nothing measured.
    pub fn new(architecture: Architecture, preprocessing: Preprocessing, license: &str) -> Self {
        let description = Self {
            architecture,
            preprocessing,
            schema: Schema::default(),
            thresholds: Vec::new(),
            metrics: Vec::new(),
            mean_metrics: None,
            verification: None,
            license: license.into(),
            origin: None,
            golden: None,
            tensors: None,
        };
        description.with_schema(Schema::default())
    }

    /// The description with another schema; thresholds of 0.5, nothing measured.
    pub fn with_schema(mut self, schema: Schema) -> Self {
        self.architecture.logits = Heads::of(&schema).logits();
        self.thresholds = vec![Thresholds::default(); schema.len()];
        self.metrics = vec![None; schema.len()];
        self.schema = schema;
        self
    }

    /// Its entry in a header.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(crate) fn entry(&self) -> Result<(String, String), serde_json::Error> {
        let stored = Stored::from(self.clone());
        Ok((KEY.to_owned(), serde_json::to_string(&stored)?))
    }

    /// The description among the texts of a header; `None` where this program did not write the file.
    pub(crate) fn read(texts: &HashMap<String, String>) -> Result<Option<Self>, ModelError> {
        let Some(text) = texts.get(KEY) else {
            return Ok(None);
        };
        let wrong = |e: String| ModelError::Weights(e);
        let not_ours = |e: serde_json::Error| wrong(format!("header entry {KEY:?}: {e}"));
        let Version { version } = serde_json::from_str(text).map_err(not_ours)?;
        if version != VERSION {
            return Err(wrong(format!(
                "expected format version {VERSION}, got {version}"
            )));
        }
        let stored: Stored = serde_json::from_str(text).map_err(not_ours)?;
        Self::try_from(stored).map(Some).map_err(wrong)
    }
}
