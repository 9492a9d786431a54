//! Losses of images, and their gradients with respect to the pixels.

use crate::{Differentiated, Model, ModelError, ModelInfo, Objective};

/// Images of a batch of which the same is asked.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// How many there are.
    pub n: usize,
    /// The terms of their loss.
    pub objectives: &'a [Objective],
    /// The layers whose activations are returned.
    pub return_layers: &'a [usize],
}

impl Part<'_> {
    /// The layers that are looked at, which may repeat.
    fn layers(&self, heads: usize) -> impl Iterator<Item = usize> {
        let objectives = self.objectives.iter().map(move |o| o.layer(heads));
        objectives.chain(self.return_layers.iter().copied())
    }
}

impl ModelInfo {
    /// The layer up to which the network must be computed for some objectives and layers; 0 for none.
    pub fn reach(&self, objectives: &[Objective], return_layers: &[usize]) -> usize {
        let part = Part {
            n: 0,
            objectives,
            return_layers,
        };
        part.layers(self.layers.len() - 1).max().unwrap_or(0)
    }
}

impl Model {
    /// Loss of each image and its gradient with respect to the pixels. Images do not influence each other.
    ///
    /// # Errors
    /// `images` or a target has the wrong size.
    pub fn differentiate(
        &mut self,
        images: &[f32],
        n: usize,
        objectives: &[Objective],
        return_layers: &[usize],
    ) -> Result<Differentiated, ModelError> {
        let part = Part {
            n,
            objectives,
            return_layers,
        };
        let parts = self.differentiate_parts(images, &[part])?;
        Ok(parts.into_iter().next().unwrap_or_default())
    }

    /// [`Model::differentiate`] for several parts of a batch at once, with the same results as each alone. All images go
    /// up to the uppermost layer of any, so parts should reach equally far.
    ///
    /// # Errors
    /// `images` or a target has the wrong size.
    pub fn differentiate_parts(
        &mut self,
        images: &[f32],
        parts: &[Part<'_>],
    ) -> Result<Vec<Differentiated>, ModelError> {
        self.check_images(images, parts.iter().map(|part| part.n).sum())?;
        let sizes = self.info.layers.iter().map(|l| l.shape.iter().product());
        let sizes: Vec<usize> = sizes.collect();
        let mut objectives = parts.iter().flat_map(|part| part.objectives);
        objectives.try_for_each(|objective| objective.check(&sizes))?;
        let mut wanted: Vec<_> = parts.iter().flat_map(|p| p.layers(self.heads)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut results: Vec<_> = parts.iter().map(Differentiated::room_for).collect();
        if wanted.is_empty() {
            return Ok(results);
        }
        let owners = parts.iter().enumerate();
        let owners: Vec<_> = owners.flat_map(|(i, p)| [i].repeat(p.n)).collect();
        let capacity = self.network.capacity();
        let each = images.chunks(capacity * self.info.pixels());
        for (images, owners) in each.zip(owners.chunks(capacity)) {
            let batch = Batch {
                parts,
                owners,
                wanted: &wanted,
                sizes: &sizes,
            };
            self.pass(images, &batch, &mut results)?;
        }
        Ok(results)
    }

    /// Once forward and backward.
    fn pass(
        &mut self,
        images: &[f32],
        batch: &Batch<'_>,
        results: &mut [Differentiated],
    ) -> Result<(), ModelError> {
        let n = batch.owners.len();
        let found = self
            .network
            .forward(&self.prepared(images), n, batch.wanted)?;
        let mut cotangents: Vec<Vec<f32>> = vec![Vec::new(); found.len()];
        for (i, &owner) in batch.owners.iter().enumerate() {
            let (part, result) = (&batch.parts[owner], &mut results[owner]);
            let mut losses = Vec::with_capacity(part.objectives.len());
            for objective in part.objectives {
                let (at, size) = batch.place(objective.layer(self.heads));
                let mut values = found[at][i * size..][..size].to_vec();
                losses.push(objective.evaluate(&self.info.heads, &mut values));
                let all = &mut cotangents[at];
                all.resize(n * size, 0.0);
                let sums = all[i * size..].iter_mut().zip(values);
                sums.for_each(|(sum, value)| *sum += value);
            }
            result.losses.push(losses);
            for (all, &layer) in result.activations.iter_mut().zip(part.return_layers) {
                let (at, size) = batch.place(layer);
                all.extend_from_slice(&found[at][i * size..][..size]);
            }
        }
        let cotangents = batch.wanted.iter().copied().zip(cotangents);
        let cotangents: Vec<_> = cotangents.filter(|(_, all)| !all.is_empty()).collect();
        let mut gradients = self.network.backward(n, &cotangents)?;
        let each = gradients.chunks_exact_mut(self.info.pixels());
        for (gradient, &owner) in each.zip(batch.owners) {
            self.info.preprocessing.adjoint(gradient);
            results[owner].gradient.extend_from_slice(gradient);
        }
        Ok(())
    }
}

/// The images of a pass.
struct Batch<'a> {
    parts: &'a [Part<'a>],
    /// The part of each image.
    owners: &'a [usize],
    /// The layers that are looked at, sorted.
    wanted: &'a [usize],
    /// Values of every layer.
    sizes: &'a [usize],
}

impl Batch<'_> {
    /// Where a layer is among those wanted, and its values.
    fn place(&self, layer: usize) -> (usize, usize) {
        let at = self.wanted.partition_point(|&wanted| wanted < layer);
        (at, self.sizes[layer])
    }
}

impl Differentiated {
    fn room_for(part: &Part<'_>) -> Self {
        Self {
            losses: Vec::with_capacity(part.n),
            gradient: Vec::new(),
            activations: vec![Vec::new(); part.return_layers.len()],
        }
    }
}
