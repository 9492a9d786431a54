//! Photographs in memory, and the random views of them that training sees.

use deepface_dataset::Photograph;
use deepface_files::sha256;
use image::RgbImage;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::random::{Purpose, Random};
use crate::{Preprocessing, measure::Truth};

/// Faces exactly as the service sees them, for measuring.
pub(super) struct Faces {
    /// `[n, 3, S, S]`, 0 to 1.
    pub(super) pixels: Vec<f32>,
    /// What is known of them.
    pub(super) truth: Truth,
}

impl Faces {
    /// Reads and frames photographs.
    pub(super) fn load(
        photographs: &[&Photograph],
        known: &[bool],
        size: usize,
    ) -> anyhow::Result<Self> {
        let faces = photographs
            .par_iter()
            .map(|p| Ok(p.face(&p.image()?, size)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self {
            pixels: faces.concat(),
            truth: Truth::of(photographs, known),
        })
    }

    /// SHA-256 of every face.
    pub(super) fn digests(&self) -> Vec<String> {
        let size = self.pixels.len() / self.truth.len().max(1);
        let faces = self.pixels.par_chunks(size.max(1));
        let bytes = |face: &[f32]| {
            face.iter()
                .flat_map(|x| x.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        faces.map(|face| sha256(&bytes(face))).collect()
    }
}

/// How a view lies in its photograph.
struct Place {
    /// Of the angle, times the scale.
    sin: f32,
    cos: f32,
    /// Pixels.
    shift: [f32; 2],
    /// -1 where left and right change places, else 1.
    mirror: f32,
}

/// Photographs with a margin around the face.
pub(super) struct Photographs {
    size: usize,
    side: usize,
    images: Vec<RgbImage>,
    /// What is known of them.
    pub(super) truth: Truth,
}

impl Photographs {
    /// Reads photographs for faces of `size` pixels.
    pub(super) fn load(
        photographs: &[&Photograph],
        known: &[bool],
        size: usize,
    ) -> anyhow::Result<Self> {
        let side = size * 5 / 4;
        let images = photographs
            .par_iter()
            .map(|p| Ok(p.face_with_margin(&p.image()?, side as u32)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self {
            size,
            side,
            images,
            truth: Truth::of(photographs, known),
        })
    }

    /// Number of photographs.
    pub(super) fn len(&self) -> usize {
        self.truth.len()
    }

    /// Values of a view.
    pub(super) fn pixels(&self) -> usize {
        3 * self.size * self.size
    }

    /// SHA-256 of every photograph.
    pub(super) fn digests(&self) -> Vec<String> {
        let images = self.images.par_iter();
        images.map(|image| sha256(image.as_raw())).collect()
    }

    /// Gives the memory of the photographs back, when their labels are all that is needed from now on.
    pub(super) fn forget_images(&mut self) {
        self.images = Vec::new();
    }

    /// Random views of photographs, `[n, 3, S, S]`, as the network expects them.
    pub(super) fn views(
        &self,
        preprocessing: &Preprocessing,
        indices: &[usize],
        random: Random,
    ) -> Vec<f32> {
        let mut batch = vec![0.0; indices.len() * self.pixels()];
        batch
            .par_chunks_mut(self.pixels())
            .zip(indices)
            .for_each(|(view, &index)| {
                self.view(index, &mut random.stream(index), view);
                preprocessing.apply(view);
            });
        batch
    }

    /// Writes one of the views that never change, `[3, S, S]`, 0 to 1: the photograph, its mirror image, and then
    /// random views, which the seed decides.
    pub(super) fn fixed_view(&self, index: usize, number: usize, seed: u64, out: &mut [f32]) {
        let straight = |mirror| Place {
            sin: 0.0,
            cos: 1.0,
            shift: [0.0; 2],
            mirror,
        };
        match number {
            0 => self.draw(index, &straight(1.0), out),
            1 => self.draw(index, &straight(-1.0), out),
            _ => {
                let random = Random::new(seed, Purpose::FixedView, index);
                self.view(index, &mut random.stream(number), out);
            }
        }
    }

    /// Writes a random view, `[3, S, S]`, 0 to 1.
    fn view(&self, index: usize, rng: &mut ChaCha8Rng, out: &mut [f32]) {
        let mut random = |low: f32, high: f32| rng.random_range(low..high);
        let angle = random(-0.12, 0.12);
        let scale = random(0.9, 1.1);
        let shift = [random(-0.05, 0.05), random(-0.05, 0.05)].map(|s| s * self.size as f32);
        let mirror = if random(0.0, 1.0) < 0.5 { -1.0 } else { 1.0 };
        let (sin, cos) = (scale * angle.sin(), scale * angle.cos());
        let place = Place {
            sin,
            cos,
            shift,
            mirror,
        };
        self.draw(index, &place, out);
        let area = self.size * self.size;
        let (brightness, contrast, saturation) =
            (random(-0.12, 0.12), random(0.75, 1.25), random(0.6, 1.3));
        recolour(out, area, brightness, contrast, saturation);
        if random(0.0, 1.0) < 0.5 {
            let at =
                [random(0.0, 0.75), random(0.0, 0.75)].map(|a| (a * self.size as f32) as usize);
            cut_out(out, self.size, at);
        }
    }

    /// Writes the pixels of a view.
    fn draw(&self, index: usize, place: &Place, out: &mut [f32]) {
        let Place {
            sin,
            cos,
            shift,
            mirror,
        } = *place;
        let (centre, middle) = (
            (self.size as f32 - 1.0) / 2.0,
            (self.side as f32 - 1.0) / 2.0,
        );
        let area = self.size * self.size;
        for y in 0..self.size {
            for x in 0..self.size {
                let (u, v) = ((x as f32 - centre) * mirror, y as f32 - centre);
                let pixel = self.sample(
                    index,
                    middle + cos * u - sin * v + shift[0],
                    middle + sin * u + cos * v + shift[1],
                );
                for (c, value) in pixel.into_iter().enumerate() {
                    out[c * area + y * self.size + x] = value;
                }
            }
        }
    }

    /// Bilinear; beyond the edge the edge goes on.
    fn sample(&self, index: usize, x: f32, y: f32) -> [f32; 3] {
        let last = self.side as f32 - 1.0;
        let (x, y) = (x.clamp(0.0, last), y.clamp(0.0, last));
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(self.side - 1), (y0 + 1).min(self.side - 1));
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let raw = self.images[index].as_raw();
        std::array::from_fn(|c| {
            let at = |x: usize, y: usize| f32::from(raw[(y * self.side + x) * 3 + c]);
            let top = at(x0, y0) * (1.0 - fx) + at(x1, y0) * fx;
            let bottom = at(x0, y1) * (1.0 - fx) + at(x1, y1) * fx;
            (top * (1.0 - fy) + bottom * fy) / 255.0
        })
    }
}

fn recolour(image: &mut [f32], area: usize, brightness: f32, contrast: f32, saturation: f32) {
    for i in 0..area {
        let rgb = [image[i], image[area + i], image[2 * area + i]];
        let grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
        for (c, value) in rgb.into_iter().enumerate() {
            let coloured = grey + saturation * (value - grey);
            image[c * area + i] = (0.5 + contrast * (coloured - 0.5) + brightness).clamp(0.0, 1.0);
        }
    }
}

/// Covers a square of a quarter of the side with grey.
fn cut_out(image: &mut [f32], size: usize, at: [usize; 2]) {
    for plane in image.chunks_exact_mut(size * size) {
        for row in plane.chunks_exact_mut(size).skip(at[1]).take(size / 4) {
            row[at[0]..at[0] + size / 4].fill(0.5);
        }
    }
}
