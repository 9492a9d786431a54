//! The classifier whose activations are modelled: whether it fits, and what its layers and limits are.

use anyhow::{Context, ensure};
use deepface_attributes::{Group, Schema};
use deepface_client::ClassifierClient;
use deepface_proto::v1::{GetModelResponse, Layer, Limits, Model};

use super::replicas;

/// Largest input of a classifier that is accepted, pixels a side.
const MAX_INPUT: usize = 4096;

/// Name of the layer with the logits of all heads.
const HEADS: &str = "heads";

/// A layer whose activations are wanted.
#[derive(Clone, Debug)]
pub(super) struct WantedLayer {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
}

impl WantedLayer {
    pub(super) fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The classifier that is served, as far as a fit needs it.
pub(super) struct Served {
    pub(super) digest: String,
    pub(super) input_size: usize,
    /// Its attributes.
    pub(super) schema: Schema,
    /// The layers that are modelled.
    pub(super) layers: Vec<WantedLayer>,
    /// The logits of the attributes' heads.
    pub(super) heads: WantedLayer,
    pub(super) limits: Limits,
}

impl Served {
    /// Asks all replicas of the classifier.
    ///
    /// # Errors
    /// None answers, they differ, or they do not fit.
    pub(super) async fn ask(client: &ClassifierClient, layers: &[String]) -> anyhow::Result<Self> {
        Self::read(replicas::ask(client).await?, layers)
    }

    /// The classifier must have attributes and the layers.
    pub(super) fn read(response: GetModelResponse, layers: &[String]) -> anyhow::Result<Self> {
        let model = response.model.context("the classifier sent no model")?;
        let groups = model.groups.iter().map(|g| Group {
            name: g.name.clone(),
            attributes: g.attributes.iter().map(|a| a.name.clone()).collect(),
        });
        let schema = Schema::new(groups.collect()).context("the classifier's attributes")?;
        let input = usize::try_from(model.input_size).unwrap_or_default();
        ensure!(
            (1..=MAX_INPUT).contains(&input),
            "the classifier's input_size: expected 1 to {MAX_INPUT}, got {}",
            model.input_size
        );
        Ok(Self {
            schema,
            input_size: input,
            layers: layers
                .iter()
                .map(|name| wanted(&model, name))
                .collect::<anyhow::Result<_>>()?,
            heads: heads(&model)?,
            limits: response.limits.unwrap_or_default(),
            digest: model.digest,
        })
    }
}

/// The layer with the logits of all heads.
fn heads(model: &Model) -> anyhow::Result<WantedLayer> {
    let found = model.layers.iter().find(|l| l.name == HEADS);
    let layer =
        found.context("the classifier has no layer `heads`, which its attributes come from")?;
    described(layer)
}

/// The layer of this name.
fn wanted(model: &Model, name: &str) -> anyhow::Result<WantedLayer> {
    let found = model.layers.iter().find(|l| l.name == name);
    let layer = found.with_context(|| {
        let names: Vec<&str> = model.layers.iter().map(|l| l.name.as_str()).collect();
        format!(
            "--layers: unknown layer {name:?}; expected one of {}",
            names.join(", ")
        )
    })?;
    described(layer)
}

/// A layer and its shape.
fn described(layer: &Layer) -> anyhow::Result<WantedLayer> {
    let name = &layer.name;
    let dimension = |&d: &i64| usize::try_from(d).ok().filter(|&d| d > 0);
    let shape: Option<Vec<usize>> = layer.shape.iter().map(dimension).collect();
    let shape = shape.filter(|s| !s.is_empty()).with_context(|| {
        let shape = &layer.shape;
        format!("the classifier's layer {name}: invalid shape {shape:?}")
    })?;
    Ok(WantedLayer {
        name: name.clone(),
        shape,
    })
}
