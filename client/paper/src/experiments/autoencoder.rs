//! Section 8: the conditional variational autoencoder that the paper proposes to compare with, trained on the same
//! photographs. It is the only experiment with a network that generates.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use deepface_dataset::{Photograph, Split};
use deepface_network::autoencoder::{
    Autoencoder, Data, Face, Progress, Settings, Terms, Topology, train,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bench::Bench;
use crate::error::PaperError;
use crate::faces::{face, picture};
use crate::sheet::{Row, sheet};

/// Name of the network, and of the picture.
pub(crate) const NAME: &str = "autoencoder";
/// Columns of the picture: validation people.
const SHOWN: usize = 8;
/// Side of a face in the picture, pixels.
const TILE: u32 = 96;
const LICENSE: &str = "As the photographs and labels that it was trained on";

/// What training reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Autoencoding {
    /// Side of its faces, pixels.
    pub side: usize,
    /// Numbers in a latent.
    pub latent: usize,
    /// Photographs that it was trained on.
    pub photographs: usize,
    /// Seconds of training; those before an interruption are missing.
    pub seconds: f64,
    /// Losses of each epoch: pixels, perceptual, divergence (nats); of training, and of validation people.
    pub curve: Vec<[[f64; 3]; 2]>,
    /// How latents are drawn, in a word.
    pub sampling: String,
}

/// Trains it, or goes on with the training.
///
/// # Errors
/// A photograph cannot be read, training fails, or a file cannot be written.
pub(crate) fn make(bench: &Bench<'_>) -> Result<Autoencoding, PaperError> {
    let settings = settings(bench);
    let (train_faces, validation) = (
        faces(bench, &bench.photographs(Split::Train), &settings)?,
        faces(bench, &bench.photographs(Split::Validation), &settings)?,
    );
    let classifier = bench.settings.model.bytes()?;
    let data = Data {
        train: &train_faces,
        validation: &validation,
        schema: bench.schema(),
        license: LICENSE,
        start: None,
        classifier: Some(&classifier),
    };
    let output = network(bench);
    let begun = Instant::now();
    let failed = |problem: String| PaperError::Training {
        what: NAME.to_owned(),
        problem,
    };
    let trained = train(
        &settings,
        &data,
        Some(&output.with_extension("checkpoint")),
        &mut |progress| {
            if let Progress::Step { done, all, .. } = progress {
                bench.watch.at("autoencoder", done, all);
            }
        },
    );
    let trained = trained.map_err(|e| failed(format!("{e:#}")))?;
    trained.autoencoder.write(&output)?;
    let mut autoencoder = trained.autoencoder;
    bench
        .store
        .keep_picture(NAME, &sheet(&rows(bench, &mut autoencoder)?, TILE))?;
    let terms = |terms: Terms| [terms.pixels, terms.perceptual, terms.divergence];
    let curve = trained.curve.iter();
    Ok(Autoencoding {
        side: autoencoder.side(),
        latent: autoencoder.latent(),
        photographs: train_faces.len(),
        seconds: begun.elapsed().as_secs_f64(),
        curve: curve
            .map(|e| [terms(e.train), terms(e.validation)])
            .collect(),
        sampling: format!("{:?}", autoencoder.description().sampling).to_lowercase(),
    })
}

/// The trained network.
///
/// # Errors
/// Its file cannot be read.
pub(crate) fn load(bench: &Bench<'_>) -> Result<Autoencoder, PaperError> {
    Ok(Autoencoder::load(&network(bench))?)
}

/// Where it is trained, a place for each classifier, whose layers its loss looks at.
fn network(bench: &Bench<'_>) -> PathBuf {
    let name = format!("{NAME}-{}", bench.network_basis().name());
    bench.store.network(&name)
}

fn settings(bench: &Bench<'_>) -> Settings {
    let usual = Settings::default();
    match bench.settings.quick {
        false => Settings {
            seed: bench.settings.seed + 1,
            ..usual
        },
        true => Settings {
            topology: Topology {
                side: 16,
                channels: vec![16, 16],
                latent: 16,
                fold: 1,
            },
            epochs: 1,
            batch: bench.effort.batch,
            perceptual_side: 32,
            perceptual_layers: vec!["conv1_2".to_owned()],
            ..usual
        },
    }
}

fn faces(
    bench: &Bench<'_>,
    photographs: &[&Photograph],
    settings: &Settings,
) -> Result<Vec<Face>, PaperError> {
    let (side, done) = (settings.topology.side, AtomicUsize::new(0));
    let each = photographs.par_iter().map(|p| {
        let pixels = p.face(&p.image()?, side);
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        bench
            .watch
            .at("reading photographs", done, photographs.len());
        Ok(Face::new(&pixels, side, p.labels.clone()))
    });
    each.collect()
}

/// Photographs, their reconstructions, and two draws for the same attributes.
fn rows(bench: &Bench<'_>, autoencoder: &mut Autoencoder) -> Result<Vec<Row>, PaperError> {
    let people = bench.people(Split::Validation);
    let people: Vec<_> = people.into_iter().take(SHOWN).collect();
    let names = ["photograph", "reconstruction", "drawn", "drawn again"];
    let mut rows = names.map(|name| Row {
        name: name.to_owned(),
        faces: Vec::new(),
    });
    let side = autoencoder.side();
    for person in people {
        let attributes = attributes(person);
        let pixels = person.face(&person.image()?, side);
        let (mean, _) = autoencoder.encode(&pixels, &attributes)?;
        let made = [
            autoencoder.decode(&mean, &attributes)?,
            autoencoder.sample(&attributes, 0)?,
            autoencoder.sample(&attributes, 1)?,
        ];
        rows[0].faces.push(face(person)?);
        for (row, pixels) in rows[1..].iter_mut().zip(made) {
            row.faces.push(picture(&pixels, side));
        }
    }
    Ok(rows.into())
}

fn attributes(photograph: &Photograph) -> Vec<f32> {
    let labels = photograph.labels.iter();
    labels.map(|&label| f32::from(u8::from(label))).collect()
}
