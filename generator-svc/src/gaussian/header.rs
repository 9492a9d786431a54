//! What the header of a statistics file says of the statistics in it.

use deepface_attributes::{Group, Schema};
use deepface_network::autoencoder::{DensitySizes, Topology};
use deepface_statistics::Sample;

use super::{Canvas, Layer};

/// Key of our entry in the safetensors header.
pub(super) const KEY: &str = "deepface-cgmm";
/// The tensor with the scales of a rounded one.
pub(super) fn scales_of(name: &str) -> String {
    format!("{name}.scales")
}

/// Version of the header.
pub(super) const VERSION: u32 = 3;
/// Largest input of a classifier, pixels a side.
const MAX_INPUT: usize = 4096;

/// How statistics were fitted.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Origin {
    /// Photographs they were fitted to.
    pub images: usize,
    /// Size of the sets S_j.
    pub set_size: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Weight of |w|^2 in eq. 3.
    pub lambda: f64,
    /// Ridge of the regression.
    pub ridge: f64,
    /// Share of the images' variance that the prior's components hold.
    pub prior_variance: f64,
}

/// What the file's header says of the statistics in it.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) classifier_digest: String,
    pub(super) input_size: usize,
    pub(super) attributes: Vec<String>,
    /// The groups of the attributes and the number of attributes in each; left out for the default schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) groups: Option<Vec<(String, usize)>>,
    pub(super) layers: Vec<LayerHeader>,
    pub(super) prior_side: usize,
    pub(super) prior_components: usize,
    /// Sizes of the decoder; missing without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) decoder: Option<Topology>,
    /// Sizes of the learned density of its latents; missing without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) density: Option<DensitySizes>,
    pub(super) origin: Origin,
    /// Digest of the tensors; missing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tensors: Option<String>,
    /// What the statistics yield; missing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) golden: Option<Vec<Sample>>,
}

/// What the header says of one layer.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct LayerHeader {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// Coordinates of the image prior whose effect on the activation was fitted.
    pub(super) response: usize,
    /// Coordinates of the decoder whose effect was; missing without one.
    #[serde(default)]
    pub(super) decoder_response: usize,
}

impl LayerHeader {
    fn is_empty(&self) -> bool {
        self.shape.is_empty() || self.shape.contains(&0)
    }

    pub(super) fn of(layer: &Layer) -> Self {
        Self {
            name: layer.name.clone(),
            shape: layer.shape.clone(),
            response: layer.response.nrows(),
            decoder_response: layer.decoder_response.nrows(),
        }
    }
}

/// The groups of a schema and their sizes; `None` for the default schema.
pub(super) fn groups(schema: &Schema) -> Option<Vec<(String, usize)>> {
    let groups = schema.groups().iter();
    let sizes = groups.map(|g| (g.name.clone(), g.attributes.len()));
    (!schema.is_default()).then(|| sizes.collect())
}

impl Header {
    /// The attributes in their groups.
    pub(super) fn schema(&self) -> Result<Schema, String> {
        let Some(groups) = &self.groups else {
            let own = Schema::default();
            return match self.attributes.iter().eq(own.names()) {
                true => Ok(own),
                false => Err("expected the groups of the attributes, got none".into()),
            };
        };
        let total = groups
            .iter()
            .fold(0, |n: usize, (_, s)| n.saturating_add(*s));
        if total != self.attributes.len() {
            let expected = self.attributes.len();
            return Err(format!(
                "groups: expected {expected} attributes, got {total}"
            ));
        }
        let mut names = self.attributes.iter().cloned();
        let groups = groups.iter().map(|(name, size)| Group {
            name: name.clone(),
            attributes: names.by_ref().take(*size).collect(),
        });
        Schema::new(groups.collect()).map_err(|e| format!("attributes: {e}"))
    }

    /// What is wrong with a density of the decoder's latents.
    fn misfit(&self, density: DensitySizes) -> Option<String> {
        let latent = self.decoder.as_ref().map_or(0, |d| d.latent);
        let (own, expected) = (
            [density.latent, density.conditions],
            [latent, self.attributes.len()],
        );
        let other = || format!("expected {expected:?} values and conditions, got {own:?}");
        density
            .check()
            .err()
            .or_else(|| (own != expected).then(other))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let latent = self.decoder.as_ref().map_or(0, |d| d.latent);
        let problem = if self.version != VERSION {
            format!("expected format version {VERSION}, got {}", self.version)
        } else if self.layers.is_empty() {
            "the file has no layers".into()
        } else if let Some(layer) = self.layers.iter().find(|l| l.is_empty()) {
            format!(
                "layer {:?}: shape {:?} has no elements",
                layer.name, layer.shape
            )
        } else if !(1..=MAX_INPUT).contains(&self.input_size) {
            format!(
                "input size: expected 1 to {MAX_INPUT} pixels, got {}",
                self.input_size
            )
        } else if self.prior_components == 0 {
            "the image prior has no components".into()
        } else if !Canvas::allows(self.prior_side) {
            format!(
                "image prior: expected an even number of pixels a side up to 1024, got {}",
                self.prior_side
            )
        } else if let Some(layer) = self
            .layers
            .iter()
            .find(|l| l.response > self.prior_components)
        {
            format!(
                "layer {:?}: expected a response to at most {} coordinates, got {}",
                layer.name, self.prior_components, layer.response
            )
        } else if let Some(problem) = self.decoder.as_ref().and_then(|d| d.check().err()) {
            format!("decoder: {problem}")
        } else if let Some(problem) = self.density.and_then(|d| self.misfit(d)) {
            format!("density: {problem}")
        } else if let Some(layer) = self.layers.iter().find(|l| l.decoder_response > latent) {
            format!(
                "layer {:?}: expected a response to at most {latent} values of a latent, got {}",
                layer.name, layer.decoder_response
            )
        } else {
            return Ok(());
        };
        Err(problem)
    }
}
