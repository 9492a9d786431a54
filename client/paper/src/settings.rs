//! What is to be reproduced, from what.

use std::path::PathBuf;

use classifier_svc::source::ModelSource;
use deepface_dataset::Crop;
use generator_svc::source::StatisticsSource;

/// What is to be reproduced, from what.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The photographs, in a layout that training takes.
    pub data: PathBuf,
    /// The label file, if it is not in the folder.
    pub labels: Option<PathBuf>,
    /// Where the faces are in the photographs.
    pub crop: Option<Crop>,
    /// The network that the classifier service serves.
    pub model: ModelSource,
    /// The statistics that the generator service uses.
    pub statistics: StatisticsSource,
    /// A network that has not seen the labels, to fine-tune: VGG-Face as `classifier-svc import` writes it. Without one,
    /// a network is first trained to tell the people of the data set apart.
    pub initial: Option<PathBuf>,
    /// Whether everything is made as small as it can be: minutes instead of hours, and figures without meaning.
    pub quick: bool,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Whether photographs that cannot be read are left out.
    pub skip_unreadable: bool,
    /// Threads of the networks that run in this process.
    pub threads: usize,
    /// Folder of the report.
    pub output: PathBuf,
}
