//! How good generated faces are: `deepface evaluate`.
//!
//! Every method makes faces for attribute sets taken from photographs of held-out people. The faces are measured beside
//! controls (the photographs themselves, the mean face, and faces made without a network), by the classifier that the
//! methods invert and by a judge, a network that no method inverts. [`evaluate`] does all of it, and continues where an
//! earlier call was stopped.

mod assessment;
mod control;
mod detection;
mod edits;
mod error;
mod eyes;
mod figure;
mod gallery;
mod generation;
mod guest;
mod identity;
mod judge;
mod labels;
mod measured;
mod measures;
mod methods;
mod mover;
mod page;
mod panel;
mod photographs;
mod probes;
mod progress;
mod report;
mod run;
mod settings;
mod sheet;
mod store;
mod table;
mod training;
mod verification;
mod view;

pub use deepface_dataset::{Crop, Split};
pub use detection::faces_in;
pub use error::EvaluateError;
pub use eyes::{Eyes, Network, Views};
pub use figure::Figure;
pub use guest::{Guest, GuestError, Painting, Wanted};
pub use identity::IdentityError;
pub use judge::JudgeError;
pub use methods::{METHODS, Method, Recipe, method};
pub use mover::{Moved, Mover};
pub use progress::{Progress, REST, Watch};
pub use report::{
    AttributeAuc, Calibration, Difference, Edits, Estimate, Figures, Flip, Probes, Report, Row,
    Set, Shown, Varied, Variety, Verdict, Verification, WishRow, Wished,
};
pub use run::{Files, evaluate, schema};
pub use settings::Settings;
pub use store::{Identity, StoreError};
pub use view::View;

/// Runs a computation on a thread where it blocks no other task.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
