//! Figure 2: photographs of the user's own data set in several lights and at several angles.

use deepface_dataset::{Photograph, Split};
use serde::{Deserialize, Serialize};

use super::angle::turns;
use crate::bench::Bench;
use crate::error::PaperError;
use crate::faces::face_of;
use crate::sheet::{Row, sheet};

/// Name of the picture.
pub(crate) const PICTURE: &str = "samples";
/// Attributes that say how a photograph is lit.
const LIGHTS: [&str; 4] = ["Soft Lighting", "Harsh Lighting", "Flash", "Outdoor"];
/// Photographs of each, from heads that are turned to one side to heads that are turned to the other.
const COLUMNS: usize = 9;
/// Side of a face, pixels.
const SIDE: usize = 96;

/// How many test people there are in each light.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// The light and its number of people, one photograph each; a row of the picture each.
    pub lights: Vec<(String, usize)>,
}

/// Draws the picture: a row for every light that the data set knows, and a column for every angle.
///
/// # Errors
/// A photograph cannot be read, or the picture cannot be written.
pub(crate) fn make(bench: &Bench<'_>) -> Result<Samples, PaperError> {
    let people = bench.people(Split::Test);
    let mut turned: Vec<_> = turns(&people)?.into_iter().zip(people).collect();
    turned.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut rows = Vec::new();
    let mut lights = Vec::new();
    for light in LIGHTS {
        let Some(j) = bench.attribute(light) else {
            continue;
        };
        let lit: Vec<&Photograph> = turned.iter().map(|t| t.1).filter(|p| p.labels[j]).collect();
        let faces = spread(&lit).into_iter().map(|p| face_of(p, SIDE));
        rows.push(Row {
            name: light.to_owned(),
            faces: faces.collect::<Result<_, PaperError>>()?,
        });
        lights.push((light.to_owned(), lit.len()));
    }
    bench
        .store
        .keep_picture(PICTURE, &sheet(&rows, SIDE as u32))?;
    Ok(Samples { lights })
}

/// Some of the photographs at equal distances, without the ends, where the detector of angles errs most.
fn spread<'a>(all: &[&'a Photograph]) -> Vec<&'a Photograph> {
    let count = COLUMNS.min(all.len());
    let at = |k: usize| (2 * k + 1) * all.len() / (2 * count);
    (0..count).map(|k| all[at(k)]).collect()
}
