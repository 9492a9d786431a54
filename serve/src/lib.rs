//! Runs a service of the contract: listening, limits, deadlines, health, reflection, shutdown, logs, and errors that a
//! program can read.
//!
//! One concern per file. Nothing here names an RPC or depends on what a service computes.

mod cores;
mod deadline;
mod error;
mod health;
mod lifetime;
mod names;
mod server;
mod settings;
mod shutdown;
mod status;
mod telemetry;
mod violations;

pub use cores::cores;
pub use deadline::Deadline;
pub use error::ServeError;
pub use health::{Health, NotServing, wait_until_serving};
pub use names::{nearest, quote, same_name, unknown};
pub use server::serve;
pub use settings::ServeSettings;
pub use shutdown::shutdown_signal;
pub use status::{DOMAIN, detailed};
pub use telemetry::init_telemetry;
pub use violations::Violations;
