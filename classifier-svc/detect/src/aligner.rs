//! The network that says how a face lies: which way is up, and where exactly the models' square is.

use std::sync::LazyLock;

use image::{RgbImage, imageops};

use crate::layers::{Linear, Map, Separable, Stem, halved, relu};
use crate::view::{View, wrapped};
use crate::weights::Weights;

static ALIGNER: LazyLock<Aligner> = LazyLock::new(|| {
    let file = include_bytes!("../../../models/aligner.safetensors");
    let weights = Weights::new(file);
    Aligner {
        stem: weights.stem(),
        layers: [0, 1, 2, 3, 4, 5].map(|i| weights.separable(&format!("layers.{i}"))),
        hidden: weights.linear("hidden"),
        head: weights.linear("head"),
    }
});

/// Pixels a side of what the network sees.
const INPUT: u32 = 64;
/// Side of what the network sees over that of the square.
const VIEW: f32 = 1.1;

struct Aligner {
    stem: Stem,
    layers: [Separable; 6],
    hidden: Linear,
    head: Linear,
}

/// A better view of the face that is somewhere in this one.
pub(crate) fn aligned(levels: &[RgbImage], view: View) -> View {
    let seen = wider(view);
    let output = ALIGNER.forward(normalised(&seen.shown(levels, INPUT)));
    moved(seen, output)
}

/// The same from what is seen and from its mirror image, which halves the noise.
pub(crate) fn aligned_twice(levels: &[RgbImage], view: View) -> View {
    let seen = wider(view);
    let shown = seen.shown(levels, INPUT);
    let mut output = ALIGNER.forward(normalised(&shown));
    let mirrored = ALIGNER.forward(normalised(&imageops::flip_horizontal(&shown)));
    let signs = [1.0, -1.0, -1.0, 1.0, 1.0];
    for ((value, mirrored), sign) in output.iter_mut().zip(mirrored).zip(signs) {
        *value = (*value + sign * mirrored) / 2.0;
    }
    moved(seen, output)
}

fn wider(view: View) -> View {
    View {
        side: view.side * VIEW,
        ..view
    }
}

fn moved(seen: View, output: Vec<f32>) -> View {
    let (x, y) = seen.point(output[2].clamp(-1.0, 1.0), output[3].clamp(-1.0, 1.0));
    View {
        x,
        y,
        side: seen.side * output[4].clamp(-1.0, 1.0).exp(),
        roll: wrapped(seen.roll + output[1].atan2(output[0]).to_degrees()),
    }
}

impl Aligner {
    /// Cosine and sine of the roll, centre and logarithm of the side of the square in the view.
    fn forward(&self, input: Map) -> Vec<f32> {
        let [first, second, third, fourth, fifth, sixth] = &self.layers;
        let map = halved(&first.of(&self.stem.of(&input)));
        let map = halved(&third.of(&second.of(&map)));
        let map = halved(&fifth.of(&fourth.of(&map)));
        let mut hidden = self.hidden.of(&sixth.of(&map).values);
        relu(&mut hidden);
        self.head.of(&hidden)
    }
}

/// Mean 0 and deviation 1 within the circle that fits the view, 0 outside, so that the scene's light does not matter.
fn normalised(view: &RgbImage) -> Map {
    let side = INPUT as usize;
    let at = |pixel: usize| (pixel as f32 + 0.5) / INPUT as f32 * 2.0 - 1.0;
    let inside = |i: usize| at(i / side).powi(2) + at(i % side).powi(2) < 1.0;
    let pixels = || view.pixels().enumerate().filter(|(i, _)| inside(*i));
    let values = || pixels().flat_map(|(_, pixel)| pixel.0.map(|v| f32::from(v) / 255.0));
    let count = values().count() as f32;
    let mean = values().sum::<f32>() / count;
    let variance = values().map(|v| (v - mean).powi(2)).sum::<f32>() / count;
    let scale = 1.0 / (variance.sqrt() + 1.0 / 255.0);
    let mut map = Map::zeros(side, side, 3);
    for (i, pixel) in pixels() {
        let values = pixel.0.map(|v| (f32::from(v) / 255.0 - mean) * scale);
        map.values[3 * i..3 * i + 3].copy_from_slice(&values);
    }
    map
}
