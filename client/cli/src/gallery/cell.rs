//! One face of a page: its picture, its iterates, and what the classifier sees in it.

use anyhow::Context;
use deepface_client::v1;

use crate::{faces::Face, pictures};

/// Most iterates that a face shows, evenly spaced.
const MAX_FRAMES: usize = 48;
/// Quality of their JPEG: each is shown for a tenth of a second only.
const QUALITY: u8 = 85;

/// One face of a page.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// The face as PNG, `side` pixels a side.
    pub(crate) picture: Vec<u8>,
    pub(crate) side: u32,
    /// The iterates as JPEG, one below the other.
    pub(crate) film: Vec<u8>,
    /// Step and loss of each.
    pub(crate) moments: Vec<(i32, f64)>,
    /// Every attribute.
    pub(crate) seen: Vec<v1::ResultAttribute>,
    /// The settings in force, and the models.
    pub(crate) started: v1::Started,
    pub(crate) steps: i32,
    pub(crate) loss: f64,
}

/// An attribute whose probability differs from that of another face.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change<'a> {
    pub(super) name: &'a str,
    pub(super) before: f32,
    pub(super) after: f32,
}

impl Cell {
    /// Packs a face for the page.
    pub(crate) fn of(face: Face) -> anyhow::Result<Self> {
        let image = face.result.image.as_ref();
        let iterates = pictures::evenly_spaced(&face.iterates, MAX_FRAMES);
        let frames = iterates
            .iter()
            .map(|iterate| pictures::decode(iterate.image.as_ref()))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let moment = |iterate: &&v1::Iterate| {
            let loss = iterate.loss.unwrap_or_default().total;
            (iterate.step, loss)
        };
        Ok(Self {
            side: pictures::decode(image)?.width(),
            picture: pictures::encoded(image)?.to_vec(),
            film: pictures::film(&frames, QUALITY).context("the service sent no iterates")?,
            moments: iterates.iter().map(moment).collect(),
            seen: face.result.attributes,
            started: face.started,
            steps: face.result.steps,
            loss: face.result.loss.unwrap_or_default().total,
        })
    }

    /// What the classifier sees of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&v1::ResultAttribute> {
        self.seen.iter().find(|attribute| attribute.name == name)
    }

    /// The requested attributes, in the network's order.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &v1::ResultAttribute> {
        let asked = |attribute: &&v1::ResultAttribute| attribute.requested.is_some();
        self.seen.iter().filter(asked)
    }

    /// The attributes that were not requested and that differ most from another face, at most `most`.
    pub(super) fn changes(&self, other: &Self, most: usize) -> Vec<Change<'_>> {
        let change = |attribute: &'_ v1::ResultAttribute| {
            let before = other.attribute(&attribute.name)?.probability;
            Some((before, attribute.probability))
        };
        let unasked = self.seen.iter().filter(|a| a.requested.is_none());
        let mut changes: Vec<_> = unasked
            .filter_map(|attribute| {
                let (before, after) = change(attribute)?;
                Some(Change {
                    name: &attribute.name,
                    before,
                    after,
                })
            })
            .collect();
        let size = |change: &Change<'_>| (change.after - change.before).abs();
        changes.sort_by(|a, b| size(b).total_cmp(&size(a)));
        changes.truncate(most);
        changes
    }

    /// The attributes that were not requested and that the classifier sees, likeliest first, at most `most`.
    pub(super) fn also_seen(&self, most: usize) -> Vec<&v1::ResultAttribute> {
        let unasked = |a: &&v1::ResultAttribute| a.requested.is_none() && a.present;
        let mut seen: Vec<_> = self.seen.iter().filter(unasked).collect();
        seen.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        seen.truncate(most);
        seen
    }
}

/// The average probability of an attribute in several faces.
pub(crate) fn mean(cells: &[Cell], name: &str) -> f32 {
    let seen = cells.iter().filter_map(|cell| cell.attribute(name));
    let sum: f32 = seen.map(|attribute| attribute.probability).sum();
    sum / cells.len().max(1) as f32
}

/// Whether the classifier agrees with the request.
pub(super) fn granted(attribute: &v1::ResultAttribute) -> bool {
    attribute.requested == Some(attribute.present)
}

#[cfg(test)]
pub(super) mod tests {
    use deepface_client::{encoded_image, v1::Framing};
    use image::RgbImage;

    use super::*;

    /// A face with this many iterates, and what the classifier sees in it: name, probability, what was asked.
    pub(in crate::gallery) fn face(
        iterates: i32,
        seen: &[(&str, f32, Option<bool>)],
    ) -> anyhow::Result<Cell> {
        let png = deepface_images::png(&RgbImage::from_pixel(8, 8, image::Rgb([9, 8, 7])))?;
        let image = Some(encoded_image(png, Framing::Face));
        let loss = |total| {
            Some(v1::LossTerms {
                total,
                ..Default::default()
            })
        };
        let iterate = |i: i32| v1::Iterate {
            step: 10 * i,
            loss: loss(1.0 / f64::from(i)),
            image: image.clone(),
            ..Default::default()
        };
        let attribute =
            |&(name, probability, requested): &(&str, f32, Option<bool>)| v1::ResultAttribute {
                name: name.to_owned(),
                probability,
                present: probability > 0.5,
                requested,
                ..Default::default()
            };
        Cell::of(Face {
            started: v1::Started {
                digest: "0123abcd".to_owned(),
                ..Default::default()
            },
            iterates: (1..=iterates).map(iterate).collect(),
            result: v1::Result {
                image: image.clone(),
                loss: loss(0.25),
                attributes: seen.iter().map(attribute).collect(),
                steps: 10 * iterates,
                ..Default::default()
            },
        })
    }

    #[test]
    fn a_film_has_a_frame_for_every_moment_and_not_too_many() {
        for (iterates, frames) in [(1, 1), (7, 7), (500, MAX_FRAMES)] {
            let cell = face(iterates, &[]).unwrap();
            assert_eq!(cell.moments.len(), frames);
            assert_eq!(cell.moments[frames - 1].0, 10 * iterates);
            let film = image::load_from_memory(&cell.film).unwrap();
            assert_eq!((film.width(), film.height()), (8, 8 * frames as u32));
        }
        assert!(face(0, &[]).is_err());
    }

    #[test]
    fn what_changed_most_comes_first_and_what_was_asked_does_not_count() {
        let before = [
            ("Male", 0.9, None),
            ("Bald", 0.5, None),
            ("Smiling", 0.1, None),
        ];
        let after = [
            ("Male", 0.7, None),
            ("Bald", 0.8, None),
            ("Smiling", 1.0, Some(true)),
        ];
        let (before, after) = (face(1, &before).unwrap(), face(1, &after).unwrap());
        let names = |most| {
            let changes = after.changes(&before, most);
            changes.iter().map(|c| c.name).collect::<Vec<_>>()
        };
        assert_eq!(names(5), ["Bald", "Male"]);
        assert_eq!(names(1), ["Bald"]);
        let seen: Vec<_> = after.also_seen(5).iter().map(|a| a.name.as_str()).collect();
        assert_eq!(seen, ["Bald", "Male"]);
    }
}
