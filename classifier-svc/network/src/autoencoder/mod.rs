//! A conditional variational autoencoder of faces (paper, section 8), trained with the classifier's kernels.
//!
//! An encoder finds the mean and variance of a latent of a face and its attributes, a decoder makes a face of a latent and
//! attributes (Kingma and Welling 2014; Sohn et al. 2015). The loss is the squared error of the pixels, that of the
//! classifier's activations (Hou et al. 2016), and the divergence of the latents from a standard Gaussian. The decoder
//! can serve as a parametrisation of faces: [`Autoencoder::pull_back`] is its adjoint.

mod args;
mod chroma;
mod coder;
mod critic;
mod curve;
mod density;
mod description;
mod face;
mod fold;
mod inputs;
mod layer;
mod learner;
mod looks;
mod matching;
mod model;
mod networks;
mod perceptual;
mod prior;
mod resample;
mod run;
mod settings;
mod sheet;
mod stack;
mod start;
#[cfg(test)]
mod tests;
mod topology;
mod train;

pub use args::AutoencoderArgs;
pub use coder::{Basis, Coder, Tensor};
pub use curve::{Epoch, table};
pub use density::{Density, DensityData, DensitySettings, DensitySizes, Guidance, train_density};
pub use description::{Description, Sampling};
pub use face::Face;
pub use learner::Terms;
pub use model::Autoencoder;
pub use resample::Resample;
pub use run::run;
pub use settings::Settings;
pub use sheet::sheet;
pub use topology::Topology;
pub use train::{Data, Progress, Trained, train};
