//! The experiments, one a file. Each turns photographs and networks into figures that can be kept as JSON; none of them
//! draws.

pub(crate) mod angle;
mod autoencoded;
pub(crate) mod autoencoder;
pub(crate) mod discussion;
pub(crate) mod frequencies;
mod guests;
pub(crate) mod inversion;
pub(crate) mod likeness;
pub(crate) mod methods;
pub(crate) mod mixture;
pub(crate) mod normality;
pub(crate) mod rectifier;
mod requests;
pub(crate) mod samples;
pub(crate) mod separability;
pub(crate) mod sets;
pub(crate) mod transfer;
pub(crate) mod visualization;

pub use crate::metrics::Approval;
pub use autoencoder::Autoencoding;
pub use discussion::{Discussion, PHOTOGRAPHS, SHAPES, Told};
pub use frequencies::{Frequencies, Frequency};
pub use inversion::{Inversion, Inversions};
pub use likeness::{Likenesses, Portrait};
pub use mixture::{Mixture, MixtureLayer};
pub use normality::{Normality, NormalityLayer};
pub use samples::Samples;
pub use separability::{Embedding, Separability};
pub use transfer::{Transfer, TransferRun};
pub use visualization::{Visualization, Visualizations};
