//! The paper by one command: `deepface paper` makes every table and figure of Cate, Dalvi and Hussain, "DeepFace: Face
//! Generation using Deep Learning", from a data set, beside the paper's own numbers, with the experiments that it only
//! proposes.
//!
//! [`reproduce`] runs one experiment after the other. Each leaves its figures as JSON in the folder of the report before
//! the next begins, so a run that was stopped goes on where it was; trainings have checkpoints of their own.

mod activations;
mod bench;
mod descent;
mod effort;
mod error;
mod experiments;
mod faces;
mod metrics;
mod normal;
mod page;
mod paper;
mod run;
mod settings;
mod sheet;
mod store;

pub use descent::{Descent, towards};
pub use error::PaperError;
pub use experiments::{
    Approval, Autoencoding, Discussion, Embedding, Frequencies, Frequency, Inversion, Inversions,
    Likenesses, Mixture, MixtureLayer, Normality, NormalityLayer, PHOTOGRAPHS, Portrait, SHAPES,
    Samples, Separability, Told, Transfer, TransferRun, Visualization, Visualizations,
};
pub use page::Files;
pub use paper::Paper;
pub use run::reproduce;
pub use settings::Settings;
pub use store::{Basis, Identity};
