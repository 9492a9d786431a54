//! The model thread and the queue before it.
//!
//! One thread owns the network, because its buffers (and a device's state) belong to a thread. Callers are admitted
//! by the number of their images, or refused at once; admitted work waits in one queue, first come, first served.
//! Work whose caller has gone away is dropped before it is computed. Work of the same kind is computed together, with
//! the same results as each alone.

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
