//! How good generated faces are: `deepface evaluate`.
//!
//! For attribute sets taken from photographs of people that nothing was fitted to, every method makes faces; they are
//! measured beside controls (the photographs themselves, the mean face, and faces made without a network), by the
//! classifier that the methods invert and by a [`Judge`] that nobody inverts. [`evaluate`] does it all and can be
//! stopped and gone on with; [`measures`] are the measures themselves.

mod assessment;
mod control;
mod detection;
mod error;
mod eyes;
mod gallery;
mod generation;
mod judge;
pub mod measures;
mod methods;
mod page;
mod photographs;
mod probes;
mod progress;
mod report;
mod run;
mod sheet;
mod store;
mod table;
mod view;

pub use control::PixelRegression;
pub use error::EvaluateError;
pub use judge::{EMBEDDED, Judge, JudgeError};
pub use methods::{METHODS, Method, Recipe, method};
pub use progress::{Progress, Watch};
pub use report::{AttributeAuc, Flip, Probes, Report, Row, Set, Shown, Varied, Variety, Verdict};
pub use run::{Files, Settings, evaluate};
pub use store::{Entry, Identity, Key, Store, StoreError};
pub use view::View;

/// Runs what computes on a thread where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
