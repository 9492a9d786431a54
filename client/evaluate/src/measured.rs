//! The figures of one gallery.

use deepface_images::{Framing, face_pixels};
use image::RgbImage;
use rayon::prelude::*;

use crate::assessment::{Repeated, Scale, Seen, most_alike, variety};
use crate::detection::shows_a_face;
use crate::eyes::Views;
use crate::gallery::Gallery;
use crate::labels::Labels;
use crate::measures::{detail, mean};
use crate::report::{Row, Variety, Verdict};
use crate::settings::{Settings, VARIETY_SETS};
use crate::view::View;

/// Side at which detail and pixels are measured, whatever size the faces have.
const SIDE: usize = 64;

/// One gallery, what was seen in it, and the photographs to compare it with.
pub(crate) struct Measured<'a> {
    pub(crate) settings: &'a Settings,
    /// Labels of the sources.
    pub(crate) labels: &'a [Labels],
    pub(crate) reference_labels: &'a [Labels],
    pub(crate) references: &'a [Views],
    /// The [`pixels`] of each reference.
    pub(crate) reference_pixels: &'a [Vec<f32>],
    pub(crate) gallery: &'a Gallery,
    /// A pair of views per face of the gallery.
    pub(crate) views: &'a [Views],
}

impl Measured<'_> {
    /// The row of the report.
    pub(crate) fn row(&self, judge: &Scale<'_>, classifier: &Scale<'_>) -> Row {
        let faces = self.gallery.faces.iter();
        let first = faces.filter(|face| face.seed < self.settings.seeds);
        let pictures: Vec<&RgbImage> = first.map(|face| &*face.picture).collect();
        let details = pictures.par_iter().map(|p| detail(&grey(p), SIDE));
        let details: Vec<f64> = details.collect();
        let detected = pictures.par_iter().filter(|p| shows_a_face(p)).count();
        Row {
            name: self.gallery.name.clone(),
            note: self.gallery.note,
            control: self.gallery.control,
            faces: pictures.len(),
            judge: self.verdict(judge, |views| &views.judge),
            classifier: self.verdict(classifier, |views| &views.classifier),
            detail: mean(details).unwrap_or_default(),
            detected,
            pixel_variety: self.pixel_variety(),
            seconds: self.gallery.seconds,
            settings: self.gallery.settings.clone(),
            losses: self.gallery.losses.clone(),
        }
    }

    fn verdict(&self, scale: &Scale<'_>, of: fn(&Views) -> &View) -> Verdict {
        let faces = self.gallery.faces.iter().zip(self.views);
        let first = faces.filter(|(face, _)| face.seed < self.settings.seeds);
        let seen = first.map(|(face, views)| Seen {
            set: face.set,
            view: of(views),
        });
        let seen: Vec<_> = seen.collect();
        let embedding = |views| &of(views).embedding[..];
        let faces: Vec<_> = self.views.iter().map(embedding).collect();
        let photographs: Vec<_> = self.references.iter().map(embedding).collect();
        scale.verdict(&seen, &self.repeated(&faces, &photographs))
    }

    fn pixel_variety(&self) -> Option<Variety> {
        let faces = self.gallery.faces.iter();
        let faces: Vec<_> = faces.map(|face| pixels(&face.picture)).collect();
        let faces: Vec<_> = faces.iter().map(|pixels| &pixels[..]).collect();
        let photographs: Vec<_> = self.reference_pixels.iter().map(|p| &p[..]).collect();
        variety(&self.repeated(&faces, &photographs), &photographs)
    }

    /// The requests with many seeds: a vector per face of the gallery, and per reference photograph.
    fn repeated<'v>(&self, faces: &[&'v [f32]], photographs: &[&'v [f32]]) -> Vec<Repeated<'v>> {
        let seeds = self.settings.variety_seeds;
        let request = |set: usize| {
            let faces = self.gallery.faces.iter().zip(faces);
            let own = faces.filter(|(face, _)| face.set == set && face.seed < seeds);
            let most = seeds.max(2) as usize;
            let alike = most_alike(&self.labels[set], self.reference_labels, most);
            Repeated {
                seeds: own.map(|(_, &vector)| vector).collect(),
                alike: alike.into_iter().map(|i| photographs[i]).collect(),
            }
        };
        (0..VARIETY_SETS.min(self.settings.sets))
            .map(request)
            .collect()
    }
}

/// Mean of the channels at 64 pixels a side, 0 to 1.
fn grey(face: &RgbImage) -> Vec<f32> {
    let pixels = face_pixels(face, Framing::Face, SIDE);
    let area = SIDE * SIDE;
    let mean = |i: usize| (pixels[i] + pixels[area + i] + pixels[2 * area + i]) / 3.0;
    (0..area).map(mean).collect()
}

/// Pixels at 64 a side, scaled so that distances are root mean square differences.
pub(crate) fn pixels(face: &RgbImage) -> Vec<f32> {
    let mut pixels = face_pixels(face, Framing::Face, SIDE);
    let scale = (pixels.len() as f32).sqrt();
    pixels.iter_mut().for_each(|x| *x /= scale);
    pixels
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn distances_of_pixels_are_root_mean_square_differences() {
        let [black, grey] = [0, 51].map(|x| pixels(&RgbImage::from_pixel(8, 8, Rgb([x; 3]))));
        let distance = crate::measures::distance(&black, &grey);
        assert!((distance - 0.2).abs() < 1e-6, "{distance}");
    }
}
