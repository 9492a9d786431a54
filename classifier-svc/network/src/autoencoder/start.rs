//! Weights to start from: those of an autoencoder of the same sizes, or of one for faces of a smaller side.

use super::{
    model::Autoencoder,
    topology::{IMAGE, PIXELS, Topology},
};
use crate::parameters::Parameters;

/// Values of a 3x3 kernel.
const KERNEL: usize = 9;

impl Autoencoder {
    /// The weights with which an autoencoder of this topology computes what this one does: of its own topology, or of one
    /// that differs in the fold, and whose sides are as many times as large. That one sees the mean of each block of
    /// pixels, and paints all of a block alike. `None` for any other.
    pub(super) fn weights_for(&self, topology: &Topology) -> Option<Vec<(String, Parameters)>> {
        let own = &self.description().settings.topology;
        let fold = topology.fold;
        let folded = Topology {
            side: own.side * fold,
            fold,
            ..own.clone()
        };
        if own == topology {
            return Some(self.weights().to_vec());
        }
        if own.fold != 1 || folded != *topology {
            return None;
        }
        let spread = |(name, p): &(String, Parameters)| {
            let spread = match name.as_str() {
                PIXELS => averaging(p, fold * fold),
                IMAGE => repeating(p, fold * fold),
                _ => p.clone(),
            };
            (name.clone(), spread)
        };
        Some(self.weights().iter().map(spread).collect())
    }
}

/// A convolution of the mean over `pixels` groups of three planes.
fn averaging(of_colours: &Parameters, pixels: usize) -> Parameters {
    let outputs = of_colours.weight.chunks_exact(3 * KERNEL);
    let weight = outputs.flat_map(|output| {
        let part = output.iter().map(move |w| w / pixels as f32);
        std::iter::repeat_n(part, pixels).flatten()
    });
    Parameters {
        weight: weight.collect(),
        bias: of_colours.bias.clone(),
    }
}

/// A convolution with its outputs `pixels` times, one after the other.
fn repeating(of_colours: &Parameters, pixels: usize) -> Parameters {
    Parameters {
        weight: of_colours.weight.repeat(pixels),
        bias: of_colours.bias.repeat(pixels),
    }
}
