//! The classifier service: a VGG-Face network with softmax heads over groups of facial attributes, its activations
//! and its image gradients.
//!
//! Two parts: [`api`] speaks gRPC, [`batch`] owns the model thread and its queue. The network is a crate of its own,
//! [`deepface_network`], which never sees a request.

pub mod api;
pub mod batch;
mod fair;
mod mean;
mod metrics;
mod priority;
pub mod service;
pub mod settings;
pub mod source;
