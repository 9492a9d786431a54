//! An autoencoder reduced to what generation needs: between latents and faces, from any thread.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    layer::Backward,
    model::Autoencoder,
    networks::Networks,
    topology::{Spec, Topology},
};
use crate::parameters::Parameters;

/// Most sets of buffers that are kept for later calls.
const KEPT: usize = 8;

/// Encoder and decoder of an autoencoder that reads no attributes. Latents are standard normal over faces, and the encoder
/// gives their means.
///
/// Faces are `[3, side, side]`, RGB, 0 to 1. Threads share it: each call has buffers of its own.
#[derive(Clone)]
pub struct Coder(Arc<Shared>);

struct Shared {
    topology: Topology,
    weights: Vec<(String, Parameters)>,
    idle: Mutex<Vec<Buffers>>,
}

/// The buffers of one call, and the latent whose face they hold.
struct Buffers {
    networks: Networks,
    latent: Vec<f32>,
}

/// A basis of latents: of `L` values each, one vector behind the other. An old latent is `mean` plus the sum of the vectors
/// of `synthesis`, each times a value of the new one; these are the products of `analysis` with the old less `mean`. What
/// the vectors leave out stays at the mean.
#[derive(Clone, Debug)]
pub struct Basis {
    /// `[L]`.
    pub mean: Vec<f32>,
    /// `[new, L]`.
    pub analysis: Vec<f32>,
    /// `[new, L]`.
    pub synthesis: Vec<f32>,
}

/// A weight tensor: its name, its shape and its values.
pub type Tensor<'a> = (String, Vec<usize>, &'a [f32]);

impl Coder {
    /// The coder of an autoencoder that is not conditional, with latents in another basis.
    ///
    /// # Panics
    /// The autoencoder is conditional, or the basis is for latents of another size.
    pub fn in_basis(autoencoder: &Autoencoder, basis: &Basis) -> Self {
        let settings = &autoencoder.description().settings;
        assert!(!settings.conditional, "a coder reads no attributes");
        let old = settings.topology.latent;
        assert!(basis.mean.len() == old && basis.synthesis.len().is_multiple_of(old));
        assert_eq!(basis.analysis.len(), basis.synthesis.len());
        let topology = Topology {
            latent: basis.synthesis.len() / old,
            ..settings.topology.clone()
        };
        let changed = |(name, parameters): &(String, Parameters)| {
            let parameters = match name.as_str() {
                LATENT => basis.analyse(parameters),
                TOP => basis.synthesise(parameters),
                _ => parameters.clone(),
            };
            (name.clone(), parameters)
        };
        let weights = autoencoder.weights().iter().map(changed).collect();
        Self::of(topology, weights)
    }

    /// A coder of stored weights: `take` returns those of a name and a shape.
    ///
    /// # Errors
    /// Those of `take`.
    pub fn read<E>(
        topology: Topology,
        mut take: impl FnMut(&str, &[usize]) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let mut weights = Vec::new();
        for (name, weight, bias) in shapes(&topology) {
            let parameters = Parameters {
                weight: take(&format!("{name}.weight"), &weight)?,
                bias: take(&format!("{name}.bias"), &[bias])?,
            };
            weights.push((name, parameters));
        }
        Ok(Self::of(topology, weights))
    }

    fn of(topology: Topology, weights: Vec<(String, Parameters)>) -> Self {
        let idle = Mutex::default();
        Self(Arc::new(Shared {
            topology,
            weights,
            idle,
        }))
    }

    /// The weights, as [`Coder::read`] takes them.
    pub fn tensors(&self) -> Vec<Tensor<'_>> {
        let layers = shapes(&self.0.topology).into_iter().zip(&self.0.weights);
        let both = layers.flat_map(|((name, weight, bias), (_, parameters))| {
            [
                (format!("{name}.weight"), weight, &parameters.weight[..]),
                (format!("{name}.bias"), vec![bias], &parameters.bias),
            ]
        });
        both.collect()
    }

    /// The sizes.
    pub fn topology(&self) -> &Topology {
        &self.0.topology
    }

    /// The face of a latent.
    pub fn decode(&self, latent: &[f32]) -> Vec<f32> {
        let mut buffers = self.buffers(|_| true);
        let face = buffers.decode(latent);
        self.put_back(buffers);
        face
    }

    /// The gradient with respect to a latent, from that with respect to its face: the vector-Jacobian product of
    /// [`Coder::decode`]. It is cheaper right after the decoding of the same latent.
    pub fn pull_back(&self, latent: &[f32], gradient: &[f32]) -> Vec<f32> {
        let mut buffers = self.buffers(|held| held == latent);
        if buffers.latent != latent {
            buffers.decode(latent);
        }
        let pulled = buffers.networks.pull_back(gradient, Backward::Input);
        self.put_back(buffers);
        pulled
    }

    /// The mean of the latent of a face.
    pub fn encode(&self, face: &[f32]) -> Vec<f32> {
        let mut buffers = self.buffers(|_| true);
        let mean = buffers.networks.encode(face, &[]).mean;
        self.put_back(buffers);
        mean
    }

    /// Idle buffers, the last ones that hold a latent that is `wanted`, or else any, or new ones.
    fn buffers(&self, wanted: impl Fn(&[f32]) -> bool) -> Buffers {
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let found = idle.iter().rposition(|buffers| wanted(&buffers.latent));
        let found = found
            .or(idle.len().checked_sub(1))
            .map(|at| idle.remove(at));
        drop(idle);
        found.unwrap_or_else(|| Buffers::new(&self.0.topology, &self.0.weights))
    }

    fn put_back(&self, buffers: Buffers) {
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(buffers);
        }
    }
}

impl std::fmt::Debug for Coder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Coder").field(&self.0.topology).finish()
    }
}

/// The layer that ends the encoder: means and, where it learns, log-variances.
const LATENT: &str = "encoder.latent";
/// The layer that begins the decoder.
const TOP: &str = "decoder.top";

impl Buffers {
    fn new(topology: &Topology, weights: &[(String, Parameters)]) -> Self {
        let take = |spec: &Spec| {
            let found = weights.iter().find(|(name, _)| *name == spec.name);
            let mut parameters = found.map_or_else(|| spec.zeros(), |(_, p)| p.clone());
            // Log-variances are not kept.
            let zeros = spec.zeros();
            parameters.weight.resize(zeros.weight.len(), 0.0);
            parameters.bias.resize(zeros.bias.len(), 0.0);
            Ok::<_, std::convert::Infallible>(parameters)
        };
        let Ok(networks) = Networks::given(topology, [0, 1], true, take);
        Self {
            networks,
            latent: Vec::new(),
        }
    }

    fn decode(&mut self, latent: &[f32]) -> Vec<f32> {
        let face = self.networks.decode(latent, &[]).to_vec();
        self.latent = latent.to_vec();
        face
    }
}

/// Names of the layers that learned, the shapes of their weights, and their outputs. Only the means of the latent are kept.
fn shapes(topology: &Topology) -> Vec<(String, Vec<usize>, usize)> {
    let all = [topology.body(), topology.head(0), topology.decoder(0)].concat();
    let learned = all.into_iter().filter_map(|spec| {
        let (mut shape, mut outputs) = (spec.weight_shape()?, spec.outputs());
        if spec.name == LATENT {
            shape[0] = topology.latent;
            outputs = topology.latent;
        }
        Some((spec.name, shape, outputs))
    });
    learned.collect()
}

impl Basis {
    /// A layer that gives new latents, of one that gives old ones and, behind them, log-variances.
    fn analyse(&self, layer: &Parameters) -> Parameters {
        let old = self.mean.len();
        let inputs = layer.weight.len() / layer.bias.len();
        let rows = || layer.weight.chunks_exact(inputs);
        let mut weight = Vec::new();
        let mut bias = Vec::new();
        for vector in self.analysis.chunks_exact(old) {
            let mut sum = vec![0.0; inputs];
            for (row, v) in rows().zip(vector) {
                sum.iter_mut().zip(row).for_each(|(s, x)| *s += v * x);
            }
            weight.extend(sum);
            let apart = layer.bias.iter().zip(&self.mean).map(|(b, m)| b - m);
            bias.push(apart.zip(vector).map(|(b, v)| b * v).sum());
        }
        Parameters { weight, bias }
    }

    /// A layer that reads new latents, of one that reads old ones.
    fn synthesise(&self, layer: &Parameters) -> Parameters {
        let old = self.mean.len();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let rows = || layer.weight.chunks_exact(old);
        let vectors = || self.synthesis.chunks_exact(old);
        let at_mean = rows().zip(&layer.bias);
        Parameters {
            weight: rows()
                .flat_map(|row| vectors().map(move |vector| dot(vector, row)))
                .collect(),
            bias: at_mean.map(|(row, b)| b + dot(row, &self.mean)).collect(),
        }
    }
}
