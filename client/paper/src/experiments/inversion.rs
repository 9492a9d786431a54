//! Figure 5 and section 5.2: a photograph reconstructed from its own activations ("vanilla" inversion) of several layers, in
//! pixels as in the paper and in the image prior, beside faces from its attributes alone.

use deepface_client::v1::{
    GenerationSettings, InversionSettings, Optimizer, Parametrization, Preset, Regularizers, Start,
    TargetSettings,
};
use deepface_dataset::Split;
use deepface_evaluate::{Network, Views};
use image::{RgbImage, imageops};
use serde::{Deserialize, Serialize};

use super::requests::{paper, present, steps};
use crate::bench::Bench;
use crate::error::PaperError;
use crate::faces::{self, Likeness, face};
use crate::sheet::{Row, sheet};

/// Name of the picture.
pub(crate) const PICTURE: &str = "inversion";
/// Layers, from the image up.
const LAYERS: [&str; 6] = ["conv2_2", "conv3_3", "conv4_3", "conv5_3", "fc6", "fc7"];
/// People.
const PEOPLE: usize = 8;
/// People in the picture.
const SHOWN: usize = 3;
/// Side of a face in the picture, pixels.
const TILE: u32 = 96;
/// Side at which pixels are compared.
const SIDE: u32 = 64;

/// How near reconstructions are to the photographs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inversions {
    /// Number of people.
    pub people: usize,
    /// Every kind of picture; they are the columns of the picture, after the photographs.
    pub kinds: Vec<Inversion>,
}

/// One kind of picture: means over the people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inversion {
    /// What it is.
    pub kind: String,
    /// Root mean square difference of pixels from the photograph, 0 to 1, at 64 pixels a side.
    pub pixels: f64,
    /// Similarity of attributes, by the classifier.
    pub attributes: f64,
    /// Similarity of the person, by the identity network.
    pub identity: f64,
}

/// How a picture is made.
enum Recipe {
    /// From the activations of a layer.
    Activations(&'static str, InversionSettings),
    /// From the attributes.
    Attributes(GenerationSettings),
}

/// Makes and compares the pictures.
///
/// # Errors
/// The generator or a network fails, or a photograph cannot be read.
pub(crate) async fn make(bench: &Bench<'_>) -> Result<Inversions, PaperError> {
    let eyes = faces::eyes(bench).await?;
    let people = bench.people(Split::Test);
    let count = PEOPLE.min(bench.effort.portraits).min(people.len());
    let recipes = recipes(bench);
    let mut rows = Vec::new();
    let mut names = Vec::new();
    for (done, &person) in people[..count].iter().enumerate() {
        bench.watch.at("inversions", done, count);
        let photograph = face(person)?;
        let mut row = vec![photograph.clone()];
        for (name, recipe) in &recipes {
            names.push(name.clone());
            row.push(match recipe {
                Recipe::Activations(layer, settings) => {
                    faces::invert(bench, &photograph, layer, *settings).await?
                }
                Recipe::Attributes(settings) => {
                    let present = present(bench, person);
                    faces::generate(bench, present, settings.clone(), 0).await?
                }
            });
        }
        rows.push(row);
    }
    let mut all = Vec::new();
    for row in &rows {
        all.push(faces::see(bench, &eyes, row.clone()).await?);
    }
    let others = people.iter().rev().take(100).map(|p| face(p));
    let others = others.collect::<Result<Vec<_>, _>>()?;
    let others = faces::see(bench, &eyes, others).await?;
    let kinds = (0..recipes.len()).map(|k| kind(&recipes[k].0, k + 1, &rows, &all, &others));
    let shown = rows.iter().take(SHOWN).map(|faces| Row {
        name: String::new(),
        faces: faces.clone(),
    });
    let picture = sheet(&shown.collect::<Vec<_>>(), TILE);
    bench.store.keep_picture(PICTURE, &picture)?;
    Ok(Inversions {
        people: count,
        kinds: kinds.collect(),
    })
}

/// Every kind of picture.
fn recipes(bench: &Bench<'_>) -> Vec<(String, Recipe)> {
    let mut recipes = Vec::new();
    for layer in LAYERS {
        let recipe = Recipe::Activations(layer, in_pixels(bench));
        recipes.push((format!("{layer} in pixels"), recipe));
    }
    for layer in LAYERS {
        let recipe = Recipe::Activations(layer, in_prior(bench));
        recipes.push((format!("{layer} in the prior"), recipe));
    }
    let fc6 = GenerationSettings {
        target: Some(TargetSettings {
            layer: "fc6".to_owned(),
            ..TargetSettings::default()
        }),
        ..paper(bench)
    };
    let baseline = GenerationSettings {
        target: Some(TargetSettings {
            method: deepface_client::v1::Method::ClassVisualization.into(),
            ..TargetSettings::default()
        }),
        preset: Preset::Paper.into(),
        inversion: Some(steps(bench)),
    };
    for (name, settings) in [
        ("cGMM on conv4_3, the paper's method", paper(bench)),
        ("cGMM on fc6, the paper's method", fc6),
        ("class visualisation, the paper's baseline", baseline),
        ("this project's default", GenerationSettings::default()),
    ] {
        recipes.push((name.to_owned(), Recipe::Attributes(settings)));
    }
    recipes
}

/// The paper's descent.
fn in_pixels(bench: &Bench<'_>) -> InversionSettings {
    InversionSettings {
        parametrization: Parametrization::Pixels.into(),
        optimizer: Optimizer::Sgd.into(),
        start: Start::Noise.into(),
        regularizers: Some(Regularizers {
            total_variation: Some(0.0),
            blur_every: Some(4),
            ..Regularizers::default()
        }),
        ..steps(bench)
    }
}

fn in_prior(bench: &Bench<'_>) -> InversionSettings {
    match bench.settings.quick {
        true => steps(bench),
        false => InversionSettings::default(),
    }
}

fn kind(
    name: &str,
    column: usize,
    rows: &[Vec<RgbImage>],
    views: &[Vec<Views>],
    others: &[Views],
) -> Inversion {
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let like = |network| {
        let likeness = Likeness::about(network, others);
        let each = views.iter().map(|row| likeness.of(&row[0], &row[column]));
        mean(each.collect())
    };
    let pixels = rows.iter().map(|row| difference(&row[0], &row[column]));
    Inversion {
        kind: name.to_owned(),
        pixels: mean(pixels.collect()),
        attributes: like(Network::Classifier),
        identity: like(Network::Identity),
    }
}

/// Root mean square difference of two pictures.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    let small = |picture: &RgbImage| {
        imageops::resize(picture, SIDE, SIDE, imageops::FilterType::Triangle).into_raw()
    };
    let (a, b) = (small(a), small(b));
    let squares = a.iter().zip(&b).map(|(&a, &b)| {
        let difference = (f64::from(a) - f64::from(b)) / 255.0;
        difference * difference
    });
    (squares.sum::<f64>() / a.len() as f64).sqrt()
}
