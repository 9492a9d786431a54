//! The generator service: faces from attributes, by feature inversion towards a target activation.
//!
//! [`gaussian`] holds the statistics of activations and images, [`inversion`] the descent, [`workers`] the threads that
//! both compute on, [`api`] the gRPC side, [`defaults`] what a request gets where it says nothing, [`provenance`] what a
//! picture says of itself, and [`fit`] makes the statistics. There is no network here: every gradient comes from the
//! classifier service.

mod access;
pub mod api;
pub mod defaults;
pub mod fit;
pub mod gaussian;
pub mod inversion;
mod metrics;
pub mod provenance;
mod random;
mod readiness;
pub mod service;
pub mod settings;
pub mod source;
pub mod workers;
