//! What all experiments work with: the photographs, the services, the networks and the folder of the report.

use std::collections::HashSet;
use std::sync::Arc;

use classifier_svc::source::ModelSource;
use deepface_attributes::Schema;
use deepface_client::{ClassifierClient, GeneratorClient};
use deepface_dataset::{Dataset, Photograph, Source, Split, Vocabulary};
use deepface_evaluate::Watch;
use deepface_files::sha256_of;
use deepface_network::{DeviceChoice, Model};
use generator_svc::gaussian::Statistics;
use generator_svc::inversion::Start;
use generator_svc::workers::Workers;

use crate::descent::PixelDescent;
use crate::effort::Effort;
use crate::error::PaperError;
use crate::settings::Settings;
use crate::store::{Basis, Store};

/// What all experiments work with.
pub(crate) struct Bench<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) effort: Effort,
    pub(crate) data: Dataset,
    pub(crate) statistics: Arc<Statistics>,
    pub(crate) generator: &'a GeneratorClient,
    pub(crate) classifier: &'a ClassifierClient,
    pub(crate) watch: &'a Watch,
    pub(crate) store: Store,
    /// The models that are served.
    pub(crate) basis: Basis,
}

impl Bench<'_> {
    /// The attributes of the data set.
    pub(crate) fn schema(&self) -> &Schema {
        &self.data.schema
    }

    /// The classifier that is served.
    pub(crate) fn network_basis(&self) -> Basis {
        Basis {
            generator: None,
            ..self.basis.clone()
        }
    }

    /// All photographs of a split.
    pub(crate) fn photographs(&self, split: Split) -> Vec<&Photograph> {
        self.data.split(split).collect()
    }

    /// The first photograph of every person of a split.
    pub(crate) fn people(&self, split: Split) -> Vec<&Photograph> {
        let mut seen = HashSet::new();
        let first = self.data.split(split).filter(|p| seen.insert(&p.person));
        first.collect()
    }

    /// Share of the training people that have each attribute, by their first photographs.
    pub(crate) fn frequencies(&self) -> Vec<f64> {
        let people = self.people(Split::Train);
        let share = |j: usize| {
            let positives = people.iter().filter(|p| p.labels[j]).count();
            positives as f64 / people.len().max(1) as f64
        };
        (0..self.schema().len()).map(share).collect()
    }

    /// The network that is served, in this process.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub(crate) fn served(&self) -> Result<Model, PaperError> {
        self.load(&self.settings.model)
    }

    /// A network, in this process.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub(crate) fn load(&self, source: &ModelSource) -> Result<Model, PaperError> {
        Ok(source.load(DeviceChoice::Cpu, self.settings.threads)?)
    }

    /// The paper's descent of pixels.
    ///
    /// # Errors
    /// Threads cannot be started.
    pub(crate) fn descent(&self, start: Start) -> Result<PixelDescent, PaperError> {
        let workers = Workers::new(self.settings.threads);
        let workers = workers.map_err(|e| PaperError::Data(format!("threads: {e}")))?;
        Ok(PixelDescent {
            classifier: self.classifier.clone(),
            statistics: self.statistics.clone(),
            workers,
            steps: self.effort.steps,
            start,
        })
    }

    /// Number of an attribute, if the data set has it.
    pub(crate) fn attribute(&self, name: &str) -> Option<usize> {
        Some(self.schema().find(name)?.index())
    }
}

/// Reads the data set and every photograph in it, so that no bad one is found after hours.
///
/// # Errors
/// The data set or a photograph cannot be read, or a split has no people.
pub(crate) fn read(
    settings: &Settings,
    schema: Schema,
    watch: &Watch,
) -> Result<Dataset, PaperError> {
    let source = Source {
        dir: settings.data.clone(),
        labels: settings.labels.clone(),
        vocabulary: Vocabulary::Of(schema),
        crop: settings.crop,
    };
    let mut data = Dataset::read(&source)?;
    let unknown = data.schema.names().zip(&data.known);
    let unknown: Vec<&str> = unknown
        .filter(|(_, known)| !**known)
        .map(|(n, _)| n)
        .collect();
    if !unknown.is_empty() {
        return Err(PaperError::Data(format!(
            "expected labels of all {} attributes of the served models; the label file has none for {}",
            data.schema.len(),
            unknown.join(", ")
        )));
    }
    data.leave_out_unreadable(
        |_| true,
        settings.skip_unreadable,
        |done, total| watch.at("reading photographs", done, total),
    )?;
    for split in [Split::Train, Split::Validation, Split::Test] {
        if data.people(split) < 2 {
            return Err(PaperError::Data(format!(
                "expected at least two {split} people, got {}: the name of a person decides the split (80 in 100 for training, \
                 8 for validation, 12 for test) unless a list of splits does",
                data.people(split)
            )));
        }
    }
    Ok(data)
}

/// SHA-256 of the names and labels of all photographs.
pub(crate) fn digest(data: &Dataset) -> String {
    let parts = data.photographs.iter().flat_map(|photograph| {
        let name = photograph.path.file_name().unwrap_or_default();
        let labels: Vec<u8> = photograph.labels.iter().map(|&l| u8::from(l)).collect();
        [name.as_encoded_bytes().to_vec(), labels]
    });
    sha256_of(parts)
}
