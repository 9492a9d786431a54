//! A trained model to start from (paper, section 3.2): its topology, its weights, and its preprocessing.

use std::path::Path;

use anyhow::{Context, ensure};
use deepface_files::sha256;

use super::random::{Purpose, Random, normal};
use crate::{parameters::Parameters, weights::Weights};

/// A model to fine-tune.
pub(super) struct Init {
    pub(super) weights: Weights,
    /// SHA-256 of its file.
    pub(super) digest: String,
}

impl Init {
    /// Reads a model.
    ///
    /// # Errors
    /// The file cannot be read, or is not a model of this project.
    pub(super) fn load(path: &Path) -> anyhow::Result<Self> {
        let file = std::fs::read(path).with_context(|| format!("--init: {}", path.display()))?;
        let weights =
            Weights::read(&file).with_context(|| format!("--init: {}", path.display()))?;
        Ok(Self {
            weights,
            digest: sha256(&file),
        })
    }

    /// The number of stages below the one of this name.
    ///
    /// # Errors
    /// No stage has this name.
    pub(super) fn below(&self, name: &str) -> anyhow::Result<usize> {
        let stages = self.weights.description.architecture.stages();
        let names: Vec<&str> = stages.iter().map(|s| s.name.as_str()).collect();
        let at = names.iter().position(|n| *n == name);
        at.with_context(|| {
            format!(
                "--freeze-below: expected one of {}, got {name:?}",
                names.join(", ")
            )
        })
    }

    /// Replaces the heads of the model with untrained ones of this many logits (He et al. 2015).
    pub(super) fn renew_heads(&mut self, seed: u64, logits: usize) {
        let architecture = &mut self.weights.description.architecture;
        architecture.logits = logits;
        let features = architecture.features;
        let top = self.weights.parameters.len().saturating_sub(1);
        if let Some(heads) = self.weights.parameters.last_mut() {
            let deviation = (2.0 / features as f32).sqrt();
            let random = Random::new(seed, Purpose::Weights, top);
            *heads = Parameters {
                weight: normal(&mut random.stream(0), logits * features, deviation),
                bias: vec![0.0; logits],
            };
        }
    }

    /// The licence of a model that is fine-tuned on photographs with a licence of their own.
    pub(super) fn license(&self, photographs: &str) -> String {
        let own = &self.weights.description.license;
        if own.contains(photographs) {
            own.clone()
        } else {
            format!("{own}; fine-tuned: {photographs}")
        }
    }
}

/// Refuses a setting that contradicts the model that a run starts from.
pub(super) fn agree(what: &str, given: &str, own: &str) -> anyhow::Result<()> {
    ensure!(
        given == own,
        "{what}: expected {own}, as in --init, or leave it out; got {given}"
    );
    Ok(())
}
