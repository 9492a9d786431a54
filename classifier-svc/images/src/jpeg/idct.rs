//! The inverse cosine transform of a block to 1, 2, 4 or 8 samples a side, from its lowest frequencies.
//!
//! Fewer samples from fewer frequencies is what a reduction by a good filter gives, without the work of decoding first
//! and reducing then.

use std::f32::consts::PI;

/// A row of frequencies or samples; what is beyond the kept ones is zero.
type Row = [f32; 8];

/// A transformation of dequantised blocks.
pub(super) struct Idct {
    /// Samples, across and down.
    kept: [usize; 2],
    /// Steps of the kept coefficients, row by row.
    steps: [Row; 8],
    /// By frequency across: what it adds to each sample.
    across: [Row; 8],
    /// By sample: what each frequency down adds to it.
    down: [Row; 8],
}

impl Idct {
    /// For blocks of which `kept` frequencies are left, with the quantisation table of all 64.
    pub(super) fn new(kept: [usize; 2], table: &[u16; 64]) -> Self {
        let mut steps = [[0.0; 8]; 8];
        for (row, steps) in steps.iter_mut().enumerate() {
            for (column, step) in steps.iter_mut().enumerate() {
                *step = table[8 * row + column].into();
            }
        }
        let mut across = [[0.0; 8]; 8];
        for (frequency, row) in across.iter_mut().enumerate().take(kept[0]) {
            for (sample, weight) in row.iter_mut().enumerate().take(kept[0]) {
                *weight = basis(kept[0], frequency, sample);
            }
        }
        let mut down = [[0.0; 8]; 8];
        for (sample, row) in down.iter_mut().enumerate().take(kept[1]) {
            for (frequency, weight) in row.iter_mut().enumerate().take(kept[1]) {
                *weight = basis(kept[1], frequency, sample);
            }
        }
        Self {
            kept,
            steps,
            across,
            down,
        }
    }

    /// Writes a block's samples, 0 to 255, into rows that are `row` apart.
    pub(super) fn draw(&self, coefficients: &[i16], samples: &mut [u8], row: usize) {
        let [width, height] = self.kept;
        let rows = samples.chunks_mut(row.max(1)).take(height);
        if coefficients[1..].iter().all(|&c| c == 0) {
            let grey = sample(f32::from(coefficients[0]) * self.steps[0][0] / 8.0);
            rows.for_each(|to| to[..width].fill(grey));
            return;
        }
        let mut block = [[0.0; 8]; 8];
        for ((block, steps), values) in block
            .iter_mut()
            .zip(&self.steps)
            .zip(coefficients.chunks_exact(width))
        {
            for ((to, step), &value) in block.iter_mut().zip(steps).zip(values) {
                *to = f32::from(value) * step;
            }
        }
        for (to, weights) in rows.zip(&self.down) {
            let frequencies = sum(weights, &block, height);
            let values = sum(&frequencies, &self.across, width);
            for (to, value) in to.iter_mut().zip(&values[..width]) {
                *to = sample(*value);
            }
        }
    }
}

/// The sum of the first rows, each times its weight.
#[inline]
fn sum(weights: &Row, rows: &[Row; 8], count: usize) -> Row {
    let mut all = [0.0; 8];
    for (weight, row) in weights.iter().zip(rows).take(count) {
        for (all, value) in all.iter_mut().zip(row) {
            *all += weight * value;
        }
    }
    all
}

fn sample(value: f32) -> u8 {
    (value + 128.5) as u8
}

/// What a frequency of an eight-point transform adds to one of `count` samples.
fn basis(count: usize, frequency: usize, sample: usize) -> f32 {
    let scale = if frequency == 0 { 1.0_f32 } else { 2.0 };
    let angle = (2 * sample + 1) as f32 * frequency as f32 * PI / (2 * count) as f32;
    // Normalised for `count` points, times the square root of count / 8.
    (scale / 8.0).sqrt() * angle.cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The samples of a block of 8x8 by the definition of the transform.
    fn reference(coefficients: &[i16; 64]) -> [f32; 64] {
        std::array::from_fn(|i| {
            let (x, y) = (i % 8, i / 8);
            let value =
                |(j, &c): (usize, &i16)| f32::from(c) * basis(8, j % 8, x) * basis(8, j / 8, y);
            128.0 + coefficients.iter().enumerate().map(value).sum::<f32>()
        })
    }

    #[test]
    fn eight_samples_are_the_whole_transform_and_fewer_are_means_of_a_smooth_block() {
        let mut coefficients = [0; 64];
        (coefficients[0], coefficients[1], coefficients[8]) = (-90, 80, 40);
        let all = reference(&coefficients);
        for kept in [1, 2, 4, 8] {
            let few: Vec<i16> = (0..kept * kept)
                .map(|i| coefficients[i / kept * 8 + i % kept])
                .collect();
            let mut samples = vec![0; kept * kept];
            Idct::new([kept; 2], &[1; 64]).draw(&few, &mut samples, kept);
            let each = 8 / kept;
            for (i, &sample) in samples.iter().enumerate() {
                let (x, y) = (i % kept * each, i / kept * each);
                let square = (0..each * each).map(|j| all[(y + j / each) * 8 + x + j % each]);
                let mean = square.sum::<f32>() / (each * each) as f32;
                assert!(
                    (f32::from(sample) - mean).abs() < 2.0,
                    "{kept}: {sample} for {mean}"
                );
            }
        }
    }

    #[test]
    fn samples_are_clipped() {
        let mut samples = [7; 2];
        for (dc, expected) in [(30_000, 255), (-30_000, 0)] {
            Idct::new([1; 2], &[9; 64]).draw(&[dc], &mut samples, 2);
            assert_eq!(samples, [expected, 7]);
        }
    }
}
