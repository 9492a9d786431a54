//! How far an evaluation is, for whoever waits.

use std::fmt;
use std::sync::Arc;

/// How far one part of an evaluation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, such as "generating".
    pub stage: &'static str,
    /// Things done.
    pub done: usize,
    /// Things to do.
    pub total: usize,
}

/// Who is told.
#[derive(Clone)]
pub struct Watch(Arc<dyn Fn(Progress) + Send + Sync>);

impl Watch {
    /// Calls `tell` now and then, from any thread.
    pub fn new(tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn at(&self, stage: &'static str, done: usize, total: usize) {
        (self.0)(Progress { stage, done, total });
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
