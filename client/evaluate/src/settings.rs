//! What is to be evaluated.

use std::path::PathBuf;

use deepface_client::v1::GenerationSettings;
use deepface_dataset::{Crop, Split};

use crate::error::EvaluateError;
use crate::methods::Method;

/// Number of attribute sets, the first ones, that variety is measured on.
pub(crate) const VARIETY_SETS: usize = 4;

/// What is to be evaluated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The photographs, in a layout that training takes.
    pub data: PathBuf,
    /// The label file, if it is not in the folder.
    pub labels: Option<PathBuf>,
    /// Where the faces are in the photographs.
    pub crop: Option<Crop>,
    /// Whose photographs: [`Split::Test`] to report, [`Split::Validation`] to tune.
    pub split: Split,
    /// Number of attribute sets.
    pub sets: usize,
    /// Faces per set and method.
    pub seeds: u64,
    /// Faces of each of the first four sets, to measure variety.
    pub variety_seeds: u64,
    /// What the row `default`, its control, the short requests and the changed photographs change about the generator's defaults.
    pub changes: GenerationSettings,
    /// The methods; without any, there are no controls either, and the report is about changed photographs only.
    pub methods: Vec<&'static Method>,
    /// Whether attributes that a photograph does not have are requested as absent, where a method supports that.
    pub with_negatives: bool,
    /// Whether the generator's defaults are also tried on short requests.
    pub probes: bool,
    /// Number of people whose photographs are also changed, the first of the sets; 0 for none.
    pub edits: usize,
    /// Seed of the choice of photographs.
    pub seed: u64,
    /// Whether photographs that cannot be read are left out.
    pub skip_unreadable: bool,
    /// Folder of the results.
    pub output: PathBuf,
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), EvaluateError> {
        for (name, number) in [
            ("the number of sets", self.sets as u64),
            ("the number of seeds", self.seeds),
            (
                "the number of methods and of people whose photographs are changed",
                (self.methods.len() + self.edits) as u64,
            ),
        ] {
            if number == 0 {
                return Err(EvaluateError::Zero(name));
            }
        }
        Ok(())
    }
}
