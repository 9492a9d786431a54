//! The network that finds faces: YuNet (Wu, Peng and Yu, *YuNet: A Tiny Millisecond-level Face Detector*, 2023).

use std::sync::LazyLock;

use image::RgbImage;

use crate::boxes::Candidate;
use crate::layers::{Map, Separable, Stem, add_doubled, halved};
use crate::weights::Weights;

static YUNET: LazyLock<Yunet> = LazyLock::new(|| {
    let file = include_bytes!("../../../models/yunet.safetensors");
    let weights = Weights::new(file);
    let layer = |of: &str, i: usize| weights.separable(&format!("{of}.{i}"));
    Yunet {
        stem: weights.stem(),
        backbone: (0..11).map(|i| layer("backbone", i)).collect(),
        neck: [0, 1, 2].map(|i| layer("neck", i)),
        head: [0, 1, 2].map(|i| layer("head", i)),
    }
});

/// Pixels from one place of a head to the next.
const STRIDES: [u32; 3] = [8, 16, 32];

struct Yunet {
    stem: Stem,
    backbone: Vec<Separable>,
    neck: [Separable; 3],
    head: [Separable; 3],
}

/// Every place that looks like a face with at least this score, in the image's pixels; one face has several.
pub(crate) fn candidates(image: &RgbImage, lowest: f32) -> Vec<Candidate> {
    let maps = YUNET.forward(padded(image));
    let of_scale = |(map, stride): (&Map, u32)| decoded(map, stride as f32, lowest);
    maps.iter().zip(STRIDES).flat_map(of_scale).collect()
}

/// The image with black to the right and below, so that its sides are multiples of the largest stride.
fn padded(image: &RgbImage) -> Map {
    let side = |pixels: u32| pixels.next_multiple_of(STRIDES[2]) as usize;
    let mut map = Map::zeros(side(image.height()), side(image.width()), 3);
    let row = image.width() as usize * 3;
    let rows = map.values.chunks_exact_mut(map.width * 3);
    for (to, from) in rows.zip(image.as_raw().chunks_exact(row)) {
        for (to, &from) in to.iter_mut().zip(from) {
            *to = f32::from(from);
        }
    }
    map
}

impl Yunet {
    /// The heads' 16 channels at each stride: face or not, quality, box (4), landmarks (10).
    fn forward(&self, image: Map) -> [Map; 3] {
        let two = |input: &Map, first: usize| {
            let middle = self.backbone[first].of(input);
            self.backbone[first + 1].of(&middle)
        };
        // A photograph's first maps take tens of megabytes: each is dropped as soon as the next is there.
        let stem = self.stem.of(&image);
        drop(image);
        let first = self.backbone[0].of(&stem);
        drop(stem);
        let half = halved(&first);
        drop(first);
        let quarter = two(&two(&half, 1), 3);
        let fine = two(&halved(&quarter), 5);
        let middle = two(&halved(&fine), 7);
        let coarse = two(&halved(&middle), 9);
        let [to_fine, to_middle, to_coarse] = &self.neck;
        let coarse = to_coarse.of(&coarse);
        let middle = to_middle.of(&with_doubled(middle, &coarse));
        let fine = to_fine.of(&with_doubled(fine, &middle));
        let [fine_head, middle_head, coarse_head] = &self.head;
        [
            fine_head.linear(&fine),
            middle_head.linear(&middle),
            coarse_head.linear(&coarse),
        ]
    }
}

fn with_doubled(mut map: Map, half: &Map) -> Map {
    add_doubled(&mut map, half);
    map
}

fn decoded(map: &Map, stride: f32, lowest: f32) -> Vec<Candidate> {
    let places = (0..map.height).flat_map(|y| (0..map.width).map(move |x| (y, x)));
    let candidate = |(y, x): (usize, usize)| {
        let values = map.at(y, x);
        let score = (sigmoid(values[0]) * sigmoid(values[1])).sqrt();
        (score >= lowest).then(|| Candidate {
            x: (x as f32 + values[2]) * stride,
            y: (y as f32 + values[3]) * stride,
            width: values[4].exp() * stride,
            height: values[5].exp() * stride,
            score,
        })
    };
    places.filter_map(candidate).collect()
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
