//! The state of the model thread, and why it may not compute something.

use std::sync::Arc;

use deepface_network::{ModelError, ModelInfo};

/// Why something was not computed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// The queue has no room for the images of a request.
    #[error("the queue has no room: at most {capacity} images may wait or be computed at once")]
    Full {
        /// Images that the queue takes.
        capacity: usize,
    },
    /// The deadline passed first.
    #[error("the deadline passed before the result was ready")]
    Expired,
    /// The model is not loaded yet.
    #[error("the model is still being loaded")]
    Loading,
    /// The model thread has ended.
    #[error("the model has stopped")]
    Stopped,
    /// The model refused or failed.
    #[error("the model failed: {0}")]
    Model(Arc<ModelError>),
}

/// The state of the model thread.
#[derive(Clone, Debug)]
pub enum State {
    /// It is loading the model and trying it out.
    Loading,
    /// It is ready to compute.
    Ready(Arc<ModelInfo>),
    /// It failed, for this reason.
    Failed(Arc<str>),
    /// It ended because every handle to it was dropped.
    Stopped,
}
