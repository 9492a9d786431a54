//! Section 5.2: class visualisation of the attributes that the paper boosts, and how many faces are in the pictures.
//!
//! The paper sees "multiple facial structures, i.e. multiple sets of noses, eyes, eyebrows" in its picture.

use deepface_client::v1::{GenerationSettings, Method, Preset, TargetSettings};
use deepface_evaluate::faces_in;
use generator_svc::inversion::Start;
use serde::{Deserialize, Serialize};

use super::requests::steps;
use crate::bench::Bench;
use crate::descent::probabilities;
use crate::error::PaperError;
use crate::faces;
use crate::sheet::{Row, sheet};

/// Name of the picture.
pub(crate) const PICTURE: &str = "visualization";
/// What the paper boosts.
pub(crate) const BOOSTED: [&str; 5] = ["Black", "Black Hair", "Middle Aged", "Smiling", "Male"];
/// Pictures of each kind.
const SEEDS: u64 = 12;
/// Side of a face in the picture, pixels.
const TILE: u32 = 96;

/// Pictures by kind; a row of the picture each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visualizations {
    /// The attributes.
    pub attributes: Vec<String>,
    /// The kinds.
    pub kinds: Vec<Visualization>,
}

/// One kind of class visualisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visualization {
    /// What it is.
    pub kind: String,
    /// Number of faces that a detector finds in each picture.
    pub faces: Vec<usize>,
}

/// Makes the pictures and looks for faces in them.
///
/// # Errors
/// The generator or the classifier fails.
pub(crate) async fn make(bench: &Bench<'_>) -> Result<Visualizations, PaperError> {
    let known = BOOSTED
        .iter()
        .filter(|name| bench.attribute(name).is_some());
    let attributes: Vec<String> = known.map(|name| (*name).to_owned()).collect();
    let count = SEEDS.min(4 * bench.effort.portrait_seeds);
    let mut rows = Vec::new();
    for (name, settings) in settings(bench) {
        let mut faces = Vec::new();
        for seed in 0..count {
            let made = faces::generate(bench, attributes.clone(), settings.clone(), seed);
            faces.push(made.await?);
        }
        rows.push(Row { name, faces });
    }
    let descent = bench.descent(Start::Mean)?;
    let mut literal = Vec::new();
    for seed in 0..count {
        let objective = probabilities(attributes.clone());
        let picture = descent.picture(vec![objective], seed).await;
        literal.push(picture.map_err(|e| PaperError::Data(e.to_string()))?);
    }
    rows.push(Row {
        name: "pixels, gradients 1 and 0 at the softmaxes, as written".to_owned(),
        faces: literal,
    });
    bench.store.keep_picture(PICTURE, &sheet(&rows, TILE))?;
    let kinds = rows.into_iter().map(|row| Visualization {
        faces: row.faces.iter().map(faces_in).collect(),
        kind: row.name,
    });
    Ok(Visualizations {
        attributes,
        kinds: kinds.collect(),
    })
}

/// Both ways to climb the likelihood: in pixels, and in the image prior.
fn settings(bench: &Bench<'_>) -> [(String, GenerationSettings); 2] {
    let target = TargetSettings {
        method: Method::ClassVisualization.into(),
        ..TargetSettings::default()
    };
    let in_prior = GenerationSettings {
        target: Some(target.clone()),
        inversion: bench.settings.quick.then(|| steps(bench)),
        ..GenerationSettings::default()
    };
    let in_pixels = GenerationSettings {
        target: Some(target),
        inversion: Some(steps(bench)),
        preset: Preset::Paper.into(),
    };
    [
        (
            "in the image prior, the log-likelihood".to_owned(),
            in_prior,
        ),
        ("pixels, the log-likelihood".to_owned(), in_pixels),
    ]
}
