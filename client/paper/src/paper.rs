//! Everything that a report says, as it is written to `report.json`.

use serde::{Deserialize, Serialize};

use crate::experiments::{
    Autoencoding, Discussion, Frequencies, Inversions, Likenesses, Mixture, Normality, Samples,
    Separability, Transfer, Visualizations,
};
use crate::store::{Basis, Identity};

/// Everything that a report says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paper {
    /// What was run.
    pub run: Identity,
    /// The models that made the faces and were looked at.
    pub served: Basis,
    /// What a reader should know about the data set.
    pub remarks: Vec<String>,
    /// Figure 2.
    pub samples: Samples,
    /// Figure 7.
    pub frequencies: Frequencies,
    /// Figure 4, table 1, and the rest of section 5.1.
    pub transfer: Transfer,
    /// Figure 3.
    pub separability: Separability,
    /// Figure 6.
    pub normality: Normality,
    /// Eqs. 2 to 4.
    pub mixture: Mixture,
    /// Section 5.2, the baseline.
    pub visualizations: Visualizations,
    /// Figure 5.
    pub inversions: Inversions,
    /// Table 2 and figure 8.
    pub likenesses: Likenesses,
    /// Section 7.
    pub discussion: Discussion,
    /// Section 8.
    pub autoencoder: Autoencoding,
    /// The table of methods: the report of an evaluation.
    pub methods: serde_json::Value,
}
