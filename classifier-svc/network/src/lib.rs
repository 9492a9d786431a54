//! The network: VGG-16 with softmax heads over groups of facial attributes, forward and backward.
//!
//! Plain arrays in, plain arrays out: nothing here knows of requests, queues or gRPC. [`Model`] is what is served;
//! [`train`] makes a weights file from photographs, [`import`] makes one from published weights.

pub(crate) mod arch;
pub mod autoencoder;
mod backend;
mod before_rectifier;
mod candle;
pub(crate) mod cpu;
mod description;
mod device;
mod differentiate;
mod error;
mod golden;
pub(crate) mod heads;
pub mod import;
mod info;
pub mod kernels;
mod mapped;
pub mod measure;
mod model;
mod noise;
mod objective;
pub(crate) mod parameters;
mod preprocessing;
pub(crate) mod random;
mod seal;
mod similarity;
#[cfg(test)]
mod tests;
pub mod train;
pub mod verify;
pub(crate) mod weights;

pub use arch::Architecture;
pub use before_rectifier::BeforeRectifier;
pub use cpu::Isa;
pub use description::Description;
pub use device::{DeviceChoice, Precision};
pub use differentiate::Part;
pub use error::ModelError;
pub use golden::Golden;
pub use heads::{AttributeTarget, Heads};
pub use info::{
    AttributeMetrics, Estimate, LayerInfo, MeanMetrics, ModelInfo, Thresholds, Verification,
};
pub use model::Model;
pub use objective::{Differentiated, Objective, Term};
pub use preprocessing::{ChannelOrder, Preprocessing, VGG_FACE_MEAN};
pub use random::write_random;
pub use similarity::cosine;
