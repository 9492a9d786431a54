//! The model thread and the queue before it.
//!
//! One thread owns the network, because its buffers (and a device's state) belong to a thread. Callers are admitted
//! by the number of their images, or refused at once; what is admitted waits in one line, first come, first served.
//! Work that nobody waits for any more is dropped before it is computed, and work of the same kind is computed
//! together: the results are those of each alone.

mod engine;
mod entry;
mod inference;
mod queue;
mod state;
#[cfg(test)]
mod tests;
mod worker;

pub use engine::{Admission, BatchSettings, Computed, Engine};
pub use inference::Inference;
pub use state::{EngineError, State};
