//! A whole reproduction, from photographs to the report.

use std::path::PathBuf;
use std::sync::Arc;

use deepface_client::{ClassifierClient, GeneratorClient};
use deepface_evaluate::{Watch, schema};
use deepface_files::sha256;
use serde::{Serialize, de::DeserializeOwned};

use crate::bench::{Bench, digest, read};
use crate::effort::Effort;
use crate::error::{PaperError, bytes};
use crate::experiments::{
    autoencoder, discussion, frequencies, inversion, likeness, methods, mixture, normality,
    samples, separability, transfer, visualization,
};
use crate::page::{self, Files};
use crate::paper::Paper;
use crate::settings::Settings;
use crate::store::{Basis, Identity, Store};

/// Makes what is missing, and writes the report.
///
/// # Errors
/// The data cannot be read, a service or a training fails, the folder belongs to another run, or a file cannot be written.
/// What is finished is kept, and the next run continues from there.
///
/// # Panics
/// Outside of a Tokio runtime with several threads.
pub async fn reproduce(
    generator: &GeneratorClient,
    classifier: &ClassifierClient,
    settings: &Settings,
    watch: &Watch,
) -> Result<(Paper, Files), PaperError> {
    let (model, list) = tokio::try_join!(classifier.get_model(), generator.list_attributes())?;
    let served = model.model.map(|model| model.digest).unwrap_or_default();
    let run = || -> Result<(Identity, Bench<'_>), PaperError> {
        let data = read(settings, schema(&list)?, watch)?;
        let statistics = settings.statistics.load();
        let statistics = statistics.map_err(|e| PaperError::Statistics(e.to_string()))?;
        let run = Identity {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            data: digest(&data),
            initial: initial(settings)?,
            quick: settings.quick,
            seed: settings.seed,
        };
        let network = sha256(&settings.model.bytes()?);
        same("classifier", &served, &network)?;
        same("generator", &list.digest, &statistics.digest)?;
        let bench = Bench {
            settings,
            effort: Effort::of(settings.quick),
            store: Store::open(&settings.output, &run)?,
            data,
            basis: Basis {
                classifier: Some(network),
                generator: Some(statistics.digest.clone()),
            },
            statistics: Arc::new(statistics),
            generator,
            classifier,
            watch,
        };
        Ok((run, bench))
    };
    let (run, bench) = tokio::task::block_in_place(run)?;
    let paper = experiments(&bench, run).await?;
    let files = page::write(&bench.store, &paper)?;
    Ok((paper, files))
}

/// All experiments, or what they found in an earlier run; the quick ones first.
async fn experiments(bench: &Bench<'_>, run: Identity) -> Result<Paper, PaperError> {
    let (nothing, network, faces) = (Basis::default(), bench.network_basis(), bench.basis.clone());
    let samples = part(bench, "samples", &nothing, || samples::make(bench))?;
    let frequencies = part(bench, "frequencies", &nothing, || {
        Ok(frequencies::make(bench))
    })?;
    let normality = part(bench, "normality", &network, || normality::make(bench))?;
    let mixture = part(bench, "mixture", &faces, || mixture::make(bench))?;
    let discussion = part(bench, "discussion", &network, || discussion::make(bench))?;
    let inversions = asked(bench, "inversions", inversion::make(bench)).await?;
    let visualizations = asked(bench, "visualizations", visualization::make(bench)).await?;
    let likenesses = asked(bench, "likenesses", likeness::make(bench)).await?;
    let transfer = part(bench, "transfer", &nothing, || transfer::make(bench))?;
    let separability = part(bench, "separability", &network, || {
        separability::of_networks(bench)
    })?;
    let autoencoder = part(bench, "autoencoder", &network, || autoencoder::make(bench))?;
    let methods = asked(bench, "methods", methods::make(bench)).await?;
    Ok(Paper {
        run,
        served: faces,
        remarks: bench.data.remarks.clone(),
        samples,
        frequencies,
        transfer,
        separability,
        normality,
        mixture,
        visualizations,
        inversions,
        likenesses,
        discussion,
        autoencoder,
        methods,
    })
}

/// What an experiment found that asks no service: in an earlier run on the same basis, or now.
fn part<T: Serialize + DeserializeOwned>(
    bench: &Bench<'_>,
    name: &str,
    basis: &Basis,
    make: impl FnOnce() -> Result<T, PaperError>,
) -> Result<T, PaperError> {
    if let Some(found) = bench.store.part(name, basis)? {
        return Ok(found);
    }
    let found = tokio::task::block_in_place(make)?;
    bench.store.keep(name, basis, &found)?;
    Ok(found)
}

/// What an experiment found that asks the services: in an earlier run with the same models, or now.
async fn asked<T: Serialize + DeserializeOwned>(
    bench: &Bench<'_>,
    name: &str,
    make: impl Future<Output = Result<T, PaperError>>,
) -> Result<T, PaperError> {
    if let Some(found) = bench.store.part(name, &bench.basis)? {
        return Ok(found);
    }
    let found = make.await?;
    bench.store.keep(name, &bench.basis, &found)?;
    Ok(found)
}

/// SHA-256 of the network to fine-tune, if one is given.
fn initial(settings: &Settings) -> Result<Option<String>, PaperError> {
    let digest = |path: &PathBuf| Ok(sha256(&bytes(path)?));
    settings.initial.as_ref().map(digest).transpose()
}

/// Checks that a service has the file that is analysed in this process.
fn same(service: &str, served: &str, expected: &str) -> Result<(), PaperError> {
    match served == expected {
        true => Ok(()),
        false => Err(PaperError::Data(format!(
            "the {service} service has other weights than this program: expected SHA-256 {expected}, got {served}"
        ))),
    }
}
