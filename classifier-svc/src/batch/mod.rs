//! The model thread and the queue before it.
//!
//! One thread owns the network, because its buffers (and a device's state) belong to a thread. Callers are admitted
//! by the number of their images and the time that is left to them, or refused at once. Admitted work waits in two
//! lanes, and within each in turn: by caller, or by stream. Work whose caller has gone away or that would come too late is
//! dropped before it is computed. Work of the same kind is computed together, with the same results as each alone.

mod engine;
mod entry;
mod inference;
mod lane;
mod metrics;
mod pace;
mod passage;
mod queue;
mod room;
mod state;
#[cfg(test)]
mod tests;
mod worker;

pub use engine::{BatchSettings, Computed, Engine, Stream};
pub use inference::Inference;
pub use lane::{Call, Kind, Lane};
pub use room::{Admission, Claim};
pub use state::{EngineError, State};
