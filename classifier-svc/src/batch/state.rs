//! The state of the model thread, and why it may not compute something.

use std::sync::Arc;
use std::time::Duration;

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
    /// One caller holds its share of the room.
    #[error(
        "the queue has no more room for this caller: at most {share} of its images may wait or be computed at once"
    )]
    Share {
        /// Images that it may have there.
        share: usize,
    },
    /// What is before it takes longer than the deadline allows.
    #[error("this would take about {wait:?}, which is after its deadline")]
    Late {
        /// The time in the queue and in the network.
        wait: Duration,
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
