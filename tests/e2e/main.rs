//! Both services and the client over real gRPC, with the embedded models. One file per behaviour.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod activations;
mod bad_input;
mod cancel;
mod celeba;
mod change;
mod classifier_down;
mod classify;
mod compare;
mod crowd;
mod deadline;
mod decoder;
mod detect;
mod differentiate;
mod endure;
mod evaluate;
mod generate;
mod generate_face;
mod health;
mod invert;
mod killed_fit;
mod metrics;
mod paper;
mod reflection;
mod request_log;
mod resume;
mod security;
mod small_fit;
