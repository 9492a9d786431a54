//! How a service of this contract is run: listening, HTTP/2 limits, deadlines, health, reflection, shutdown, logs,
//! and errors that a program can read.
//!
//! One concern a file. Nothing here names an RPC or knows what a service computes.

mod cores;
mod deadline;
mod errors;
mod health;
mod lifetime;
mod names;
mod server;
mod settings;
mod shutdown;
mod telemetry;
mod violations;

pub use cores::cores;
pub use deadline::Deadline;
pub use errors::{DOMAIN, detailed};
pub use health::{Health, NotServing, wait_until_serving};
pub use names::{nearest, quote};
pub use server::{ServeError, serve};
pub use settings::ServeSettings;
pub use shutdown::shutdown_signal;
pub use telemetry::init_telemetry;
pub use violations::Violations;
