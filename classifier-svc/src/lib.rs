//! The classifier service: a VGG-Face network with 42 softmax heads over 73 facial attributes, its activations
//! and its image gradients.
//!
//! Three rooms: [`api`] speaks gRPC and knows no tensor, [`batch`] owns the model thread and its queue,
//! [`model`] is the network and knows no request. [`train`] makes the model,
//! and [`import`] takes one over that others trained.

pub mod api;
pub mod batch;
pub mod import;
pub mod model;
pub mod service;
pub mod settings;
pub mod source;
pub mod train;
