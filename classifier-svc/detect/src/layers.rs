//! The layers that the detector and the aligner consist of.
//!
//! Arrays are `[height, width, channels]`, channels last, so that a 1x1 convolution is one matrix product.

use std::ops::Range;

use nalgebra::{DMatrixView, DMatrixViewMut};

/// Rows that a layer computes at once: what lies between its input and its output is never held for a whole photograph.
const BAND: usize = 32;

/// Values with a height, a width and channels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Map {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    /// `[height, width, channels]`
    pub(crate) values: Vec<f32>,
}

impl Map {
    pub(crate) fn zeros(height: usize, width: usize, channels: usize) -> Self {
        Self {
            height,
            width,
            channels,
            values: vec![0.0; height * width * channels],
        }
    }

    /// The channels of one place.
    pub(crate) fn at(&self, y: usize, x: usize) -> &[f32] {
        let start = (y * self.width + x) * self.channels;
        &self.values[start..start + self.channels]
    }

    fn row(&self, y: usize) -> &[f32] {
        let row = self.width * self.channels;
        &self.values[y * row..(y + 1) * row]
    }
}

/// Weights `[inputs, outputs]` and a bias `[outputs]`.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl Linear {
    /// From `[n, inputs]` to `[n, outputs]`.
    pub(crate) fn of(&self, inputs: &[f32]) -> Vec<f32> {
        let outputs = self.bias.len();
        let width = self.weight.len() / outputs;
        let n = inputs.len() / width;
        let mut values = self.bias.repeat(n);
        // A matrix whose rows are stored one after the other is the transpose of one that is stored by columns.
        let weight = DMatrixView::from_slice(&self.weight, outputs, width);
        let inputs = DMatrixView::from_slice(inputs, width, n);
        DMatrixViewMut::from_slice(&mut values, outputs, n).gemm(1.0, &weight, &inputs, 1.0);
        values
    }
}

/// A 3x3 convolution of stride 2: weights `[27, outputs]` of rows, columns and RGB.
#[derive(Clone, Debug)]
pub(crate) struct Stem(pub(crate) Linear);

impl Stem {
    /// From `[height, width, 3]` of even sides to half the sides, with ReLU.
    pub(crate) fn of(&self, image: &Map) -> Map {
        let (height, width) = (image.height / 2, image.width / 2);
        let channels = self.0.bias.len();
        let mut values = Vec::with_capacity(height * width * channels);
        for start in (0..height).step_by(BAND) {
            let rows = start..(start + BAND).min(height);
            values.extend(self.0.of(&patches(image, rows)));
        }
        relu(&mut values);
        Map {
            height,
            width,
            channels,
            values,
        }
    }
}

/// What the kernel sees at every place of these rows of the output: `[rows, width, 27]`.
fn patches(image: &Map, rows: Range<usize>) -> Vec<f32> {
    let width = image.width / 2;
    let mut patches = vec![0.0; rows.len() * width * 27];
    for (i, patch) in patches.chunks_exact_mut(27).enumerate() {
        let (y, x) = (2 * (rows.start + i / width), 2 * (i % width));
        for (dy, to) in patch.chunks_exact_mut(9).enumerate() {
            let Some(from) = (y + dy).checked_sub(1) else {
                continue;
            };
            let row = image.row(from);
            if x == 0 {
                to[3..].copy_from_slice(&row[..6]);
            } else {
                to.copy_from_slice(&row[3 * (x - 1)..3 * (x + 2)]);
            }
        }
    }
    patches
}

/// A 1x1 convolution and then a 3x3 one of each channel: weights `[inputs, outputs]` and `[9, outputs]`.
#[derive(Clone, Debug)]
pub(crate) struct Separable {
    pub(crate) pointwise: Linear,
    pub(crate) depthwise: Linear,
}

impl Separable {
    /// Without ReLU.
    pub(crate) fn linear(&self, input: &Map) -> Map {
        let (height, width) = (input.height, input.width);
        let channels = self.pointwise.bias.len();
        let mut values = self.depthwise.bias.repeat(height * width);
        for (i, to) in values.chunks_mut(BAND * width * channels).enumerate() {
            let rows = BAND * i..BAND * i + to.len() / (width * channels);
            // With the row above and the row below, which the 3x3 kernel sees.
            let seen = rows.start.saturating_sub(1)..(rows.end + 1).min(height);
            let inputs = width * input.channels;
            let mixed = self
                .pointwise
                .of(&input.values[seen.start * inputs..seen.end * inputs]);
            let mixed = Map {
                height: seen.len(),
                width,
                channels,
                values: mixed,
            };
            add_depthwise(&self.depthwise, &mixed, rows.start - seen.start, to);
        }
        Map {
            channels,
            values,
            ..*input
        }
    }

    /// With ReLU.
    pub(crate) fn of(&self, input: &Map) -> Map {
        let mut output = self.linear(input);
        relu(&mut output.values);
        output
    }
}

/// Adds the 3x3 convolution of each channel to rows of the output, the first of which lies at the input's row `first`.
fn add_depthwise(layer: &Linear, input: &Map, first: usize, to: &mut [f32]) {
    let (width, channels) = (input.width, input.channels);
    for (i, to) in to.chunks_exact_mut(width * channels).enumerate() {
        let y = first + i;
        let rows = y.saturating_sub(1)..(y + 2).min(input.height);
        for from in rows {
            let weights = &layer.weight[(from + 1 - y) * 3 * channels..][..3 * channels];
            let (left, rest) = weights.split_at(channels);
            let (middle, right) = rest.split_at(channels);
            let row = input.row(from);
            let inner = (width - 1) * channels;
            add_products(&mut to[channels..], &row[..inner], left);
            add_products(to, row, middle);
            add_products(&mut to[..inner], &row[channels..], right);
        }
    }
}

/// Adds to each place its input times the weights of the channels.
fn add_products(to: &mut [f32], from: &[f32], weights: &[f32]) {
    let channels = weights.len();
    let places = to
        .chunks_exact_mut(channels)
        .zip(from.chunks_exact(channels));
    for (to, from) in places {
        for ((to, from), weight) in to.iter_mut().zip(from).zip(weights) {
            *to += from * weight;
        }
    }
}

pub(crate) fn relu(values: &mut [f32]) {
    for value in values {
        *value = value.max(0.0);
    }
}

/// The largest of each 2x2, for even sides.
pub(crate) fn halved(input: &Map) -> Map {
    let mut output = Map::zeros(input.height / 2, input.width / 2, input.channels);
    let channels = input.channels;
    for y in 0..output.height {
        for x in 0..output.width {
            let start = (y * output.width + x) * channels;
            let to = &mut output.values[start..start + channels];
            to.copy_from_slice(input.at(2 * y, 2 * x));
            for (dy, dx) in [(0, 1), (1, 0), (1, 1)] {
                let from = input.at(2 * y + dy, 2 * x + dx);
                for (to, from) in to.iter_mut().zip(from) {
                    *to = to.max(*from);
                }
            }
        }
    }
    output
}

/// Adds to each place that of a map of half the sides.
pub(crate) fn add_doubled(to: &mut Map, half: &Map) {
    for y in 0..to.height {
        for x in 0..to.width {
            let start = (y * to.width + x) * to.channels;
            let to = &mut to.values[start..start + to.channels];
            for (to, from) in to.iter_mut().zip(half.at(y / 2, x / 2)) {
                *to += from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that differ from place to place.
    fn values(n: usize) -> Vec<f32> {
        (0..n)
            .map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0)
            .collect()
    }

    fn map(height: usize, width: usize, channels: usize) -> Map {
        Map {
            values: values(height * width * channels),
            ..Map::zeros(height, width, channels)
        }
    }

    fn layer(inputs: usize, outputs: usize) -> Linear {
        Linear {
            weight: values(inputs * outputs),
            bias: values(outputs),
        }
    }

    /// A value, or 0 beyond the border.
    fn value(map: &Map, y: i64, x: i64, channel: usize) -> f32 {
        let inside = |at: i64, side: usize| usize::try_from(at).ok().filter(|&at| at < side);
        match (inside(y, map.height), inside(x, map.width)) {
            (Some(y), Some(x)) => map.at(y, x)[channel],
            _ => 0.0,
        }
    }

    /// The offsets of a 3x3 kernel.
    fn kernel() -> impl Iterator<Item = (usize, i64, i64)> {
        (0..9).map(|i| (i, i as i64 / 3 - 1, i as i64 % 3 - 1))
    }

    #[test]
    fn the_stem_is_the_plain_sum() {
        let height = BAND as i64 + 3;
        let (image, stem) = (map(2 * BAND + 6, 8, 3), Stem(layer(27, 5)));
        let output = stem.of(&image);
        let size = (output.height as i64, output.width, output.channels);
        assert_eq!(size, (height, 4, 5));
        let border = BAND as i64;
        for (y, x, o) in [
            (0, 0, 0),
            (0, 3, 4),
            (height - 1, 0, 1),
            (border - 1, 2, 3),
            (border, 3, 2),
        ] {
            let product = |(i, dy, dx): (usize, i64, i64)| {
                let of = |c| {
                    let seen = value(&image, 2 * y + dy, 2 * x + dx, c);
                    seen * stem.0.weight[(3 * i + c) * 5 + o]
                };
                (0..3).map(of).sum::<f32>()
            };
            let sum = stem.0.bias[o] + kernel().map(product).sum::<f32>();
            let off = output.at(y as usize, x as usize)[o] - sum.max(0.0);
            assert!(off.abs() < 1e-5, "{y}, {x}, {o}: {off}");
        }
    }

    #[test]
    fn a_separable_convolution_is_the_plain_sum() {
        for (height, width) in [(5, 4), (1, 1), (2, 1), (1, 3), (2 * BAND + 5, 2)] {
            let input = map(height, width, 3);
            let layer = Separable {
                pointwise: layer(3, 4),
                depthwise: Linear {
                    weight: values(36),
                    bias: values(4),
                },
            };
            let mixed = Map {
                channels: 4,
                values: layer.pointwise.of(&input.values),
                ..input
            };
            let (first, weight) = (input.at(0, 0), &layer.pointwise.weight);
            let sum: f32 = (0..3).map(|i| first[i] * weight[4 * i + 1]).sum();
            assert!((mixed.values[1] - sum - layer.pointwise.bias[1]).abs() < 1e-6);
            let output = layer.linear(&input);
            for y in 0..height {
                for x in 0..width {
                    for c in 0..4 {
                        let product = |(i, dy, dx)| {
                            value(&mixed, y as i64 + dy, x as i64 + dx, c)
                                * layer.depthwise.weight[4 * i + c]
                        };
                        let sum: f32 = kernel().map(product).sum();
                        let off = output.at(y, x)[c] - layer.depthwise.bias[c] - sum;
                        assert!(off.abs() < 1e-5, "{y}, {x}, {c}: {off}");
                    }
                }
            }
        }
    }

    #[test]
    fn halving_takes_the_largest_and_doubling_repeats() {
        let whole = map(4, 2, 1);
        let half = halved(&whole);
        let largest =
            |rows: Range<usize>| whole.values[rows].iter().copied().fold(f32::MIN, f32::max);
        assert_eq!(half.values, [largest(0..4), largest(4..8)]);
        let mut sum = Map::zeros(4, 2, 1);
        add_doubled(&mut sum, &half);
        assert_eq!(sum.values[..4], [half.values[0]; 4]);
        assert_eq!(sum.values[4..], [half.values[1]; 4]);
    }
}
