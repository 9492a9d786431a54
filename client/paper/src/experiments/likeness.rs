//! Table 2 and figure 8: faces from the attributes of photographs of nine test people, and how like the people they are.
//!
//! The paper asks a web service for a similarity in percent, without saying what strangers get. Here similarity is a cosine
//! about the mean of many people, by two networks that see different things: the classifier's embedding, which
//! knows attributes and which `deepface compare` uses, and a network that knows people. Beside each face stand another
//! photograph of the person, the mean face, and strangers, which are the level of chance.

use std::collections::HashMap;

use deepface_client::v1::GenerationSettings;
use deepface_dataset::{Photograph, Split};
use deepface_evaluate::{Eyes, Network, Views};
use deepface_statistics::median;
use image::RgbImage;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::requests::{paper, present};
use crate::bench::Bench;
use crate::error::PaperError;
use crate::faces::{self, Likeness, face};
use crate::sheet::{Row, sheet};

/// Name of the picture.
pub(crate) const PICTURE: &str = "people";
/// The mean of the similarities in the paper's table 2, in percent.
pub(crate) const PAPER: [(&str, f64); 9] = [
    ("Barack Obama", 35.0),
    ("Clive Owen", 27.0),
    ("Cristiano Ronaldo", 45.0),
    ("Jared Leto", 52.0),
    ("Julia Roberts", 42.0),
    ("Mickey Rourke", 22.0),
    ("Miley Cyrus", 42.0),
    ("Nicole Richie", 30.0),
    ("Ryan Seacrest", 30.0),
];
/// Strangers, at most.
const STRANGERS: usize = 300;
/// Side of a face in the picture, pixels.
const TILE: u32 = 96;
/// Faces of the default in the picture, of each person.
const SHOWN: usize = 4;

/// How like people the faces are that were made from their attributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Likenesses {
    /// A row per person.
    pub people: Vec<Portrait>,
    /// Number of strangers.
    pub strangers: usize,
}

/// One person: similarities to a photograph, from -1 to 1, by attributes and by identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Portrait {
    /// The person.
    pub person: String,
    /// Number of attributes that were asked for.
    pub attributes: usize,
    /// Mean of the generator's default faces.
    pub default: [f64; 2],
    /// The most similar of them.
    pub best: [f64; 2],
    /// Mean of the faces of the paper's method.
    pub paper: [f64; 2],
    /// Another photograph of the person.
    pub other: [f64; 2],
    /// The mean face.
    pub mean_face: [f64; 2],
    /// The middle stranger.
    pub stranger: [f64; 2],
    /// Share of the strangers that are less similar than the default faces are, in the mean: 0.5 is chance.
    pub ahead: [f64; 2],
}

/// A person with two photographs.
struct Sitter<'a> {
    photograph: &'a Photograph,
    other: &'a Photograph,
}

/// Makes and compares the faces.
///
/// # Errors
/// The generator or a network fails, or a photograph cannot be read.
pub(crate) async fn make(bench: &Bench<'_>) -> Result<Likenesses, PaperError> {
    let eyes = faces::eyes(bench).await?;
    let mut people = bench.people(Split::Test);
    people.shuffle(&mut ChaCha8Rng::seed_from_u64(bench.settings.seed));
    let sitters = sitters(bench, &people);
    let chosen = |p: &&&Photograph| sitters.iter().all(|s| s.photograph.person != p.person);
    let strangers: Vec<_> = people.iter().filter(chosen).take(STRANGERS).collect();
    let pictures = strangers
        .iter()
        .map(|p| face(p))
        .collect::<Result<_, _>>()?;
    let strangers = faces::see(bench, &eyes, pictures).await?;
    let mean_face = mean_face(bench);
    let seen = faces::see(bench, &eyes, vec![mean_face.clone()]).await?;
    let (mut rows, mut portraits) = (Vec::new(), Vec::new());
    for (done, sitter) in sitters.iter().enumerate() {
        bench.watch.at("portraits", done, sitters.len());
        let (row, portrait) = sit(bench, &eyes, sitter, &seen[0], &strangers).await?;
        rows.push(row);
        portraits.push(portrait);
    }
    bench.store.keep_picture(PICTURE, &sheet(&rows, TILE))?;
    Ok(Likenesses {
        people: portraits,
        strangers: strangers.len(),
    })
}

/// People with more than one photograph, in the order of the list.
fn sitters<'a>(bench: &'a Bench<'_>, people: &[&'a Photograph]) -> Vec<Sitter<'a>> {
    let mut others: HashMap<&str, &Photograph> = HashMap::new();
    for photograph in bench.data.split(Split::Test) {
        let first = people.iter().any(|p| p.path == photograph.path);
        if !first {
            others.entry(&photograph.person).or_insert(photograph);
        }
    }
    let sitter = |&photograph: &&'a Photograph| {
        let other = others.get(&photograph.person[..])?;
        Some(Sitter { photograph, other })
    };
    let found = people.iter().filter_map(sitter);
    found.take(bench.effort.portraits).collect()
}

/// The mean of the training photographs, from the generator's statistics.
fn mean_face(bench: &Bench<'_>) -> RgbImage {
    let statistics = &bench.statistics;
    faces::picture(&statistics.prior.mean(), statistics.input_size)
}

async fn sit(
    bench: &Bench<'_>,
    eyes: &Eyes,
    sitter: &Sitter<'_>,
    mean_face: &Views,
    strangers: &[Views],
) -> Result<(Row, Portrait), PaperError> {
    let present = present(bench, sitter.photograph);
    let seeds = bench.effort.portrait_seeds;
    let mut pictures = vec![face(sitter.photograph)?, face(sitter.other)?];
    for method in [GenerationSettings::default(), paper(bench)] {
        for seed in 0..seeds {
            let made = faces::generate(bench, present.clone(), method.clone(), seed).await?;
            pictures.push(made);
        }
    }
    let views = faces::see(bench, eyes, pictures.clone()).await?;
    let count = seeds as usize;
    let (default, paper) = (&views[2..2 + count], &views[2 + count..]);
    let likeness =
        [Network::Classifier, Network::Identity].map(|network| Likeness::about(network, strangers));
    let each = |of: &dyn Fn(&Likeness) -> f64| likeness.each_ref().map(of);
    let like = |l: &Likeness, other: &Views| l.of(&views[0], other);
    let mean = |l: &Likeness, all: &[Views]| {
        all.iter().map(|v| like(l, v)).sum::<f64>() / all.len().max(1) as f64
    };
    let portrait = Portrait {
        person: sitter.photograph.person.replace('_', " "),
        attributes: present.len(),
        default: each(&|l| mean(l, default)),
        best: each(&|l| default.iter().map(|v| like(l, v)).fold(-1.0, f64::max)),
        paper: each(&|l| mean(l, paper)),
        other: each(&|l| like(l, &views[1])),
        mean_face: each(&|l| like(l, mean_face)),
        stranger: each(&|l| {
            median(strangers.iter().map(|v| like(l, v)).collect()).unwrap_or_default()
        }),
        ahead: each(&|l| {
            let own = mean(l, default);
            let behind = strangers.iter().filter(|v| like(l, v) < own).count();
            behind as f64 / strangers.len().max(1) as f64
        }),
    };
    let shown = pictures.iter().take(2 + SHOWN.min(count));
    let shown = shown.chain(&pictures[2 + count..][..2.min(count)]);
    let row = Row {
        name: portrait.person.clone(),
        faces: shown.cloned().collect(),
    };
    Ok((row, portrait))
}
