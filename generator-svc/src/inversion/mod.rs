//! Feature inversion (paper, section 3.3.2): an image is found whose activations are the target's.
//!
//! Four independent parts: what the optimiser moves ([`Parametrization`]), the rule that moves it ([`Optimizer`]),
//! the terms that keep the image plausible ([`regularizers`]), and what evaluates an image ([`Oracle`]).

mod descent;
mod optimizer;
mod oracle;
mod parametrization;
pub mod regularizers;
mod session;
mod settings;
mod state;

pub use descent::{Iterate, View};
pub use optimizer::Optimizer;
pub use oracle::{Evaluation, Oracle};
pub use parametrization::Parametrization;
pub use session::{Session, StepError};
pub use settings::{Basis, Rule, Settings, Start};
pub use state::{Losses, State};
