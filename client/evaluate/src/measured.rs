//! The figures of one gallery.

use std::collections::BTreeMap;

use deepface_images::{Framing, face_pixels};
use image::RgbImage;
use rayon::prelude::*;

use crate::assessment::{Repeated, Scale, Seen, most_alike, variety};
use crate::detection::shows_a_face;
use crate::eyes::{Network, Views};
use crate::figure::Figure;
use crate::gallery::{Face, Gallery};
use crate::labels::Labels;
use crate::measures::{ALL, Drawn, Measure, Ruler, SIDES, Samples, Textures, detail, mean_of_sets};
use crate::report::{AttributeAuc, Figures, Variety};
use crate::settings::{Settings, VARIETY_SETS};

/// Side at which detail and pixels are measured, whatever size the faces have.
const SIDE: usize = 64;
/// Draws of textures, which take long.
const TEXTURE_DRAWS: usize = 200;

/// One gallery, what was seen in it, and the photographs to compare it with.
pub(crate) struct Measured<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) samples: &'a Samples,
    /// Labels of the sources.
    pub(crate) labels: &'a [Labels],
    pub(crate) reference_labels: &'a [Labels],
    pub(crate) references: &'a [Views],
    /// The [`pixels`] of each reference.
    pub(crate) reference_pixels: &'a [Vec<f32>],
    pub(crate) textures: &'a (Textures, Ruler),
    pub(crate) gallery: &'a Gallery,
    /// The views of each face of the gallery.
    pub(crate) views: &'a [Views],
}

/// Figures before they are compared with another row's.
#[derive(Clone, Debug, Default)]
pub(crate) struct DrawnFigures(BTreeMap<Figure, Drawn>);

/// What one network says.
#[derive(Clone, Debug)]
pub(crate) struct Opinion {
    pub(crate) figures: DrawnFigures,
    pub(crate) variety: Option<Variety>,
    pub(crate) attributes: Vec<AttributeAuc>,
}

impl DrawnFigures {
    pub(crate) fn of(
        measures: BTreeMap<Figure, Measure<'_>>,
        samples: &Samples,
        draws: usize,
    ) -> Self {
        let drawn = measures.into_iter();
        let drawn = drawn.filter_map(|(figure, m)| Some((figure, samples.measure(&m, draws)?)));
        Self(drawn.collect())
    }

    /// With intervals, and the differences from another row.
    pub(crate) fn estimates(&self, from: Option<&Self>) -> Figures {
        let estimate = |(&figure, drawn): (&Figure, &Drawn)| {
            let other = from.and_then(|from| from.0.get(&figure));
            (figure, drawn.estimate(other))
        };
        Figures(self.0.iter().map(estimate).collect())
    }
}

impl Measured<'_> {
    /// The faces that figures are of: others are for variety only.
    fn first(&self) -> impl Iterator<Item = (&Face, &Views)> {
        let faces = self.gallery.faces.iter().zip(self.views);
        faces.filter(|(face, _)| face.seed < self.settings.seeds)
    }

    /// Number of those.
    pub(crate) fn count(&self) -> usize {
        self.first().count()
    }

    /// What needs no network.
    pub(crate) fn pixels(&self) -> DrawnFigures {
        let faces: Vec<(usize, &RgbImage)> = self
            .first()
            .map(|(face, _)| (face.set, &*face.picture))
            .collect();
        let per_set = |of: fn(&RgbImage) -> f64| {
            let values = faces.par_iter().map(|&(set, face)| (set, of(face)));
            mean_of_sets(values.collect())
        };
        let textures = Textures::new(&faces, &self.textures.1);
        let texture = |level| -> Measure<'_> {
            let (own, references) = (&textures, &self.textures.0);
            Box::new(move |weights| own.distance(references, level, weights))
        };
        let levels = [
            Figure::TextureFine,
            Figure::TextureMiddle,
            Figure::TextureCoarse,
        ];
        let levels: [_; SIDES.len()] = levels;
        let levels = levels.into_iter().enumerate();
        let levels = levels
            .map(|(level, figure)| (figure, texture(level)))
            .collect();
        let fast = BTreeMap::from([
            (
                Figure::Detected,
                per_set(|face| f64::from(u8::from(shows_a_face(face)))),
            ),
            (Figure::Detail, per_set(|face| detail(&grey(face), SIDE))),
        ]);
        let mut all = DrawnFigures::of(fast, self.samples, ALL);
        all.0
            .extend(DrawnFigures::of(levels, self.samples, TEXTURE_DRAWS).0);
        all
    }

    /// What a network says.
    pub(crate) fn opinion(&self, network: Network, scale: &Scale<'_>) -> Opinion {
        let seen = self.first().map(|(face, views)| Seen {
            set: face.set,
            seed: face.seed,
            view: views.by(network),
        });
        let seen: Vec<_> = seen.collect();
        let embedding = |views| -> &[f32] { &Views::by(views, network).embedding };
        let faces: Vec<_> = self.views.iter().map(embedding).collect();
        let photographs: Vec<_> = self.references.iter().map(embedding).collect();
        Opinion {
            figures: DrawnFigures::of(scale.measures(&seen), self.samples, ALL),
            variety: variety(&self.repeated(&faces, &photographs), &photographs),
            attributes: scale.attributes(&seen, self.samples),
        }
    }

    pub(crate) fn pixel_variety(&self) -> Option<Variety> {
        let faces = self.gallery.faces.par_iter();
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
