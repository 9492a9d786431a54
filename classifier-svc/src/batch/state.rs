//! What the model thread is up to, and why it does not compute something.

use std::sync::Arc;

use deepface_network::{ModelError, ModelInfo};

/// Why something was not computed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// The queue is full.
    #[error("the queue is full: {capacity} images are waiting or being computed")]
    Full {
        /// Images that the queue takes.
        capacity: usize,
    },
    /// The deadline passed first.
    #[error("the deadline has passed before the result was there")]
    Expired,
    /// The model is not there yet.
    #[error("the model is still being loaded")]
    Loading,
    /// The model is not there any more.
    #[error("the model has stopped")]
    Stopped,
    /// The model refused or failed.
    #[error("the model failed: {0}")]
    Model(Arc<ModelError>),
}

/// What the model thread is up to.
#[derive(Clone, Debug)]
pub enum State {
    /// It loads the model and tries it out.
    Loading,
    /// It computes.
    Ready(Arc<ModelInfo>),
    /// It gave up, for this reason.
    Failed(Arc<str>),
    /// It ended because nobody could ask any more.
    Stopped,
}
