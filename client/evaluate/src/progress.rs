//! Progress of an evaluation.

use std::fmt;
use std::sync::Arc;

/// Progress of one stage of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The stage, such as "generating".
    pub stage: &'static str,
    /// Steps done.
    pub done: usize,
    /// Steps in total.
    pub total: usize,
}

/// The stage of work that shows progress of its own: nothing else should be drawn meanwhile.
pub const REST: &str = "own progress";

/// Receives progress.
#[derive(Clone)]
pub struct Watch(Arc<dyn Fn(Progress) + Send + Sync>);

impl Watch {
    /// Calls `tell` from any thread, several times per stage.
    pub fn new(tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells of progress: `done` of `total` steps of a stage.
    pub fn at(&self, stage: &'static str, done: usize, total: usize) {
        (self.0)(Progress { stage, done, total });
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
