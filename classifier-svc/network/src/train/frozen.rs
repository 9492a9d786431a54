//! Stages that do not learn, as the service computes them: those below the ones that do, or all of a teacher.

use crate::{Architecture, Isa, cpu::CpuNetwork, parameters::Parameters};

/// The lower part of a network, or a whole one.
pub(super) struct Frozen {
    network: CpuNetwork,
    /// The last stage.
    top: usize,
    /// Values of an image.
    pixels: usize,
    /// Values of the last stage's activation.
    pub(super) values: usize,
}

impl Frozen {
    /// The stages of these parameters, one entry per stage from the image up: at least one.
    pub(super) fn new(architecture: &Architecture, parameters: &[Parameters]) -> Self {
        let threads = rayon::current_num_threads();
        let network = CpuNetwork::new(architecture, parameters, Isa::detect(), threads);
        let top = parameters.len() - 1;
        Self {
            values: network.stages()[top].shape().iter().product(),
            network,
            top,
            pixels: 3 * architecture.input * architecture.input,
        }
    }

    /// Images that are computed together.
    pub(super) fn capacity(&self) -> usize {
        self.network.capacity()
    }

    /// The activations of the last stage, `[n, ...]`, of images, `[n, 3, S, S]` as the network expects them.
    pub(super) fn activations(&mut self, images: &[f32]) -> Vec<f32> {
        let mut all = Vec::with_capacity(images.len() / self.pixels * self.values);
        for part in images.chunks(self.network.capacity() * self.pixels) {
            let n = part.len() / self.pixels;
            all.extend(self.network.forward(part, n, &[self.top]).remove(0));
        }
        all
    }
}
