//! Whether fine structure is like that of photographs, without a network: the sliced Wasserstein distance of patches of a
//! Laplacian pyramid (Karras et al., "Progressive growing of GANs", ICLR 2018, section 5).

use deepface_images::pixels_of;
use image::{RgbImage, imageops};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::bootstrap::Weights;

/// Sides of the pyramid's levels, pixels.
pub(crate) const SIDES: [usize; 3] = [160, 80, 40];
/// Side of a patch, pixels.
const PATCH: usize = 7;
/// Values of a patch.
const VALUES: usize = 3 * PATCH * PATCH;
/// Patches of one level, in all pictures together.
const PATCHES: usize = 4096;
/// Directions that patches are projected on.
const DIRECTIONS: usize = 32;
/// Weights of a pixel and its neighbours when a level is halved.
const BLUR: [f32; 5] = [1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0];

/// Projections of patches, and who they are of.
#[derive(Clone, Debug)]
pub(crate) struct Textures {
    /// Per level and direction, the lowest projection first; the number is the owner's.
    levels: [Vec<Vec<(f32, usize)>>; 3],
}

/// How values become comparable: per level and channel, mean and deviation over the reference's patches.
#[derive(Clone, Debug)]
pub(crate) struct Ruler([[(f32, f32); 3]; 3]);

/// A level of a picture: `[3, side, side]`.
type Level = Vec<f32>;

/// Patches of one level, with their owners.
type Patches = Vec<(usize, Vec<f32>)>;

impl Textures {
    /// Of reference pictures, each its own owner, and the ruler that they are.
    pub(crate) fn of_references(pictures: &[&RgbImage]) -> (Self, Ruler) {
        let owned: Vec<_> = pictures.iter().copied().enumerate().collect();
        let patches = patches(&owned);
        let ruler = Ruler(patches.each_ref().map(channels));
        (Self::projected(patches, &ruler), ruler)
    }

    /// Of pictures with their owners.
    pub(crate) fn new(pictures: &[(usize, &RgbImage)], ruler: &Ruler) -> Self {
        Self::projected(patches(pictures), ruler)
    }

    fn projected(patches: [Patches; 3], ruler: &Ruler) -> Self {
        let directions = directions();
        let mut level = 0;
        let levels = patches.map(|mut patches| {
            let scale = ruler.0[level];
            level += 1;
            for (_, patch) in &mut patches {
                for (channel, (mean, deviation)) in patch.chunks_exact_mut(PATCH * PATCH).zip(scale)
                {
                    channel
                        .iter_mut()
                        .for_each(|x| *x = (*x - mean) / deviation);
                }
            }
            let sorted = |direction: &Vec<f32>| {
                let all = patches.iter().map(|(owner, patch)| {
                    let product = patch.iter().zip(direction).map(|(x, d)| x * d);
                    (product.sum::<f32>(), *owner)
                });
                let mut all: Vec<_> = all.collect();
                all.sort_by(|a, b| a.0.total_cmp(&b.0));
                all
            };
            directions.par_iter().map(sorted).collect()
        });
        Self { levels }
    }

    /// Mean Wasserstein distance over the directions on one level, in standard deviations of the references' pixels, with
    /// these weights of sets and references; 0 is equal.
    pub(crate) fn distance(
        &self,
        references: &Self,
        level: usize,
        weights: &Weights,
    ) -> Option<f64> {
        let pairs = self.levels[level].iter().zip(&references.levels[level]);
        super::mean(
            pairs.filter_map(|(own, other)| {
                wasserstein(own, &weights.sets, other, &weights.references)
            }),
        )
    }
}

/// Area between the distribution functions of two sorted lists with weights by owner; `None` where a list has none.
fn wasserstein(a: &[(f32, usize)], of_a: &[f64], b: &[(f32, usize)], of_b: &[f64]) -> Option<f64> {
    let total = |list: &[(f32, usize)], weights: &[f64]| {
        let all = list.iter().map(|(_, owner)| weights[*owner]);
        Some(all.sum::<f64>()).filter(|&sum| sum > 0.0)
    };
    let (all_a, all_b) = (total(a, of_a)?, total(b, of_b)?);
    let (mut i, mut j, mut lead, mut area) = (0, 0, 0.0, 0.0);
    let mut before: Option<f32> = None;
    while i < a.len() || j < b.len() {
        let from_a = j == b.len() || (i < a.len() && a[i].0 <= b[j].0);
        let (value, change) = match from_a {
            true => (a[i].0, of_a[a[i].1] / all_a),
            false => (b[j].0, -of_b[b[j].1] / all_b),
        };
        area += f64::abs(lead) * f64::from(value - before.unwrap_or(value));
        lead += change;
        before = Some(value);
        (i, j) = if from_a { (i + 1, j) } else { (i, j + 1) };
    }
    Some(area)
}

/// Directions of unit length, the same for all.
fn directions() -> Vec<Vec<f32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut direction = || {
        // The sum of some uniform numbers is nearly Gaussian, and so the direction nearly uniform.
        let mut normal = || (0..12).map(|_| rng.random_range(-0.5..0.5)).sum::<f32>();
        let values: Vec<f32> = (0..VALUES).map(|_| normal()).collect();
        let length = values.iter().map(|x| x * x).sum::<f32>().sqrt();
        values.iter().map(|x| x / length).collect()
    };
    (0..DIRECTIONS).map(|_| direction()).collect()
}

/// Patches at random places, as many of each picture; the places depend on the picture's number only.
fn patches(pictures: &[(usize, &RgbImage)]) -> [Patches; 3] {
    let each = PATCHES.div_ceil(pictures.len().max(1));
    let of = |(number, (owner, picture)): (usize, &(usize, &RgbImage))| {
        let mut rng = ChaCha8Rng::seed_from_u64(number as u64);
        let mut level = 0;
        pyramid(picture).map(|pixels| {
            let side = SIDES[level];
            level += 1;
            let mut place = || rng.random_range(0..=side - PATCH);
            let patch = |_| (*owner, cut(&pixels, side, place(), place()));
            (0..each).map(patch).collect::<Patches>()
        })
    };
    let all: Vec<[Patches; 3]> = pictures.par_iter().enumerate().map(of).collect();
    let mut levels = [const { Vec::new() }; 3];
    for picture in all {
        levels
            .iter_mut()
            .zip(picture)
            .for_each(|(level, patches)| level.extend(patches));
    }
    levels
}

fn cut(pixels: &Level, side: usize, left: usize, top: usize) -> Vec<f32> {
    let row = |channel: usize, y: usize| &pixels[(channel * side + y) * side + left..][..PATCH];
    let channel = |channel| (top..top + PATCH).flat_map(move |y| row(channel, y).iter().copied());
    (0..3).flat_map(channel).collect()
}

/// Mean and deviation of the channels.
fn channels(patches: &Patches) -> [(f32, f32); 3] {
    [0, 1, 2].map(|channel| {
        let values = || {
            patches
                .iter()
                .flat_map(|(_, p)| &p[channel * PATCH * PATCH..][..PATCH * PATCH])
        };
        let count = values().count().max(1) as f64;
        let mean = values().map(|&x| f64::from(x)).sum::<f64>() / count;
        let square = values()
            .map(|&x| (f64::from(x) - mean).powi(2))
            .sum::<f64>()
            / count;
        (mean as f32, square.sqrt().max(1e-6) as f32)
    })
}

/// What each halving takes away, and what is left at last.
fn pyramid(picture: &RgbImage) -> [Level; 3] {
    let side = SIDES[0] as u32;
    let full = match picture.dimensions() == (side, side) {
        true => pixels_of(picture),
        false => pixels_of(&imageops::resize(
            picture,
            side,
            side,
            imageops::FilterType::CatmullRom,
        )),
    };
    let half = halved(&full, SIDES[0]);
    let quarter = halved(&half, SIDES[1]);
    [
        less(full, &half, SIDES[0]),
        less(half, &quarter, SIDES[1]),
        quarter,
    ]
}

/// A level without what its half shows.
fn less(mut level: Level, half: &Level, side: usize) -> Level {
    let small = side / 2;
    let at = |channel: usize, y: usize, x: usize| half[(channel * small + y) * small + x];
    // Bilinear, the centres of the small pixels between those of the large ones.
    let place = |i: usize| {
        let near = i / 2;
        let other = if i.is_multiple_of(2) {
            near.saturating_sub(1)
        } else {
            (near + 1).min(small - 1)
        };
        (near, other)
    };
    for channel in 0..3 {
        for y in 0..side {
            for x in 0..side {
                let ((y0, y1), (x0, x1)) = (place(y), place(x));
                let row = |y| 0.75 * at(channel, y, x0) + 0.25 * at(channel, y, x1);
                level[(channel * side + y) * side + x] -= 0.75 * row(y0) + 0.25 * row(y1);
            }
        }
    }
    level
}

/// Blurred and halved, edges repeated.
fn halved(level: &Level, side: usize) -> Level {
    let small = side / 2;
    let clamp = |i: isize| i.clamp(0, side as isize - 1) as usize;
    let taps = |i: usize| {
        BLUR.iter()
            .enumerate()
            .map(move |(k, &w)| (clamp(2 * i as isize + k as isize - 2), w))
    };
    let mut rows = vec![0.0; 3 * side * small];
    for (line, row) in level.chunks_exact(side).zip(rows.chunks_exact_mut(small)) {
        row.iter_mut()
            .enumerate()
            .for_each(|(x, to)| *to = taps(x).map(|(at, w)| w * line[at]).sum());
    }
    let at = |channel: usize, y: usize, x: usize| rows[(channel * side + y) * small + x];
    let value = |i: usize| {
        let (channel, y, x) = (i / (small * small), i / small % small, i % small);
        taps(y).map(|(y, w)| w * at(channel, y, x)).sum()
    };
    (0..3 * small * small).map(value).collect()
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::super::bootstrap::Samples;
    use super::*;

    fn noise(seed: u64, blur: f32) -> RgbImage {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let side = SIDES[0] as u32;
        let picture = RgbImage::from_fn(side, side, |_, _| Rgb([0; 3].map(|_: u8| rng.random())));
        if blur > 0.0 {
            imageops::blur(&picture, blur)
        } else {
            picture
        }
    }

    #[test]
    fn it_is_the_area_between_the_distribution_functions() {
        let a = [(0.0, 0), (1.0, 1)];
        let b = [(3.0, 0), (4.0, 0)];
        assert_eq!(wasserstein(&a, &[1.0, 1.0], &b, &[1.0]), Some(3.0));
        // Only the first of the left ones: 0 moves to 3 or 4.
        assert_eq!(wasserstein(&a, &[1.0, 0.0], &b, &[1.0]), Some(3.5));
        assert_eq!(wasserstein(&a, &[1.0, 1.0], &a, &[2.0, 2.0]), Some(0.0));
        assert_eq!(wasserstein(&a, &[0.0, 0.0], &b, &[1.0]), None);
    }

    #[test]
    fn a_picture_is_the_sum_of_its_pyramid() {
        let picture = noise(1, 0.0);
        let [fine, middle, coarse] = pyramid(&picture);
        assert_eq!(
            [&fine, &middle, &coarse].map(Vec::len),
            SIDES.map(|side| 3 * side * side)
        );
        // Taking a level's half from nothing gives the half enlarged, with the sign turned.
        let enlarged = |half: &Level, side: usize| less(vec![0.0; 3 * side * side], half, side);
        let half: Level = middle
            .iter()
            .zip(enlarged(&coarse, SIDES[1]))
            .map(|(a, b)| a - b)
            .collect();
        let full = fine
            .iter()
            .zip(enlarged(&half, SIDES[0]))
            .map(|(a, b)| a - b);
        let wrong = full
            .zip(pixels_of(&picture))
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(wrong < 1e-5, "{wrong}");
        // A picture without structure has none on any level but the last.
        let [fine, middle, coarse] = pyramid(&RgbImage::from_pixel(32, 32, Rgb([51; 3])));
        assert!(fine.iter().chain(&middle).all(|x| x.abs() < 1e-5));
        assert!(coarse.iter().all(|x| (x - 0.2).abs() < 1e-5));
    }

    #[test]
    fn blurred_pictures_are_farther_than_others_of_the_kind() {
        let pictures =
            |seeds: std::ops::Range<u64>, blur| seeds.map(|s| noise(s, blur)).collect::<Vec<_>>();
        let references = pictures(0..6, 0.0);
        let (references, ruler) = Textures::of_references(&references.iter().collect::<Vec<_>>());
        let weights = Samples::new(6, 6).all()[0].clone();
        let distance = |pictures: &[RgbImage], level| {
            let owned: Vec<_> = pictures.iter().enumerate().collect();
            let textures = Textures::new(&owned, &ruler);
            textures.distance(&references, level, &weights).unwrap()
        };
        let (alike, blurred) = (pictures(6..12, 0.0), pictures(6..12, 2.0));
        for level in 0..3 {
            let (near, far) = (distance(&alike, level), distance(&blurred, level));
            assert!(far > 3.0 * near, "{level}: {near} {far}");
        }
    }
}
