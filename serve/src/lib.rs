//! Runs a service of the contract: listening, limits, deadlines, health, reflection, shutdown, logs, and errors that a
//! program can read.
//!
//! One concern per file. Nothing here names an RPC or depends on what a service computes.

mod allowance;
mod ask_health;
mod bodies;
mod caller;
mod config;
mod cores;
mod deadline;
mod end;
mod error;
mod finish;
mod health;
mod lifetime;
mod log_writer;
mod man;
mod meter;
pub mod metrics;
mod names;
mod observe;
mod quota;
mod security;
mod server;
mod settings;
mod shutdown;
mod status;
mod suggest;
mod telemetry;
mod traces;
mod transport;
mod undecodable;
mod version;
mod violations;
mod watch;

pub use allowance::{Allowance, Overdrawn};
pub use ask_health::{HealthArgs, HealthError};
pub use caller::Caller;
pub use config::{configurable, parse};
pub use cores::cores;
pub use deadline::Deadline;
pub use error::ServeError;
pub use finish::{finish, one_line};
pub use health::{Health, NotServing, wait_until_serving};
pub use man::{ManArgs, ManError};
pub use names::{quote, same_name};
pub use observe::{LogFormat, ObserveSettings, origin};
pub use quota::{Full, Held, Quota};
pub use security::TokenArgs;
pub use server::serve;
pub use settings::ServeSettings;
#[cfg(unix)]
pub use shutdown::hang_up_is_ignored;
pub use shutdown::{Stop, on_stop_signals, shutdown_signal};
pub use status::{DOMAIN, detailed};
pub use suggest::{Meant, Synonym, meant, unknown, unknown_but};
pub use telemetry::{flush_telemetry, init_telemetry};
pub use version::{this_server, this_version};
pub use violations::Violations;
