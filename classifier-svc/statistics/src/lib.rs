//! Statistics that are computed in several places and must not differ between them.

mod auc;
mod copula;
mod interval;
mod log_odds;
mod median;
mod moments;
mod normal;
mod sample;

pub use auc::{auc, weighted_auc};
pub use copula::AttributeCopula;
pub use interval::interval;
pub use log_odds::log_odds;
pub use median::median;
pub use moments::{AttributeMoments, regress};
pub use normal::standard_normal;
pub use sample::Sample;
