//! Nearest-neighbour upsampling to twice the side, and its adjoint.

use rayon::prelude::*;

use super::{lanes::LANES, layout::Layout};

/// Upsampling in which every pixel becomes a square of 2x2.
#[derive(Clone, Debug)]
pub(crate) struct Upsample {
    /// Input planes, with or without a border.
    pub(crate) input: Layout,
    /// Output planes, with the border that a convolution reads.
    pub(crate) output: Layout,
}

impl Upsample {
    /// Upsamples planes.
    pub(crate) fn new(input: Layout) -> Self {
        let (height, width) = (2 * input.height, 2 * input.width);
        Self {
            output: Layout::bordered(input.channels, height, width),
            input,
        }
    }

    /// Computes the pixels of `output` of `n` images; the border stays as it is.
    pub(crate) fn forward(&self, n: usize, x: &[f32], y: &mut [f32]) {
        let (input, output) = (&self.input, &self.output);
        y[..n * output.len()]
            .par_chunks_mut(output.plane())
            .zip(x.par_chunks_exact(input.plane()))
            .for_each(|(y, x)| {
                for row in 0..input.height {
                    let from = &x[input.pixel(row, 0)..][..input.width * LANES];
                    let from = from.as_chunks::<LANES>().0;
                    for to in [2 * row, 2 * row + 1] {
                        let to = &mut y[output.pixel(to, 0)..][..output.width * LANES];
                        let pairs = to.as_chunks_mut::<{ 2 * LANES }>().0;
                        for (pair, pixel) in pairs.iter_mut().zip(from) {
                            pair[..LANES].copy_from_slice(pixel);
                            pair[LANES..].copy_from_slice(pixel);
                        }
                    }
                }
            });
    }

    /// Computes the gradient of the input, the sum over each square, where the bits of `mask` are set.
    pub(crate) fn input_gradient(
        &self,
        n: usize,
        dy: &[f32],
        dx: &mut [f32],
        mask: Option<&[u16]>,
    ) {
        let (input, output) = (&self.input, &self.output);
        let area = input.height * input.width;
        dx[..n * input.len()]
            .par_chunks_mut(input.plane())
            .zip(dy.par_chunks_exact(output.plane()))
            .enumerate()
            .for_each(|(at, (dx, dy))| {
                for row in 0..input.height {
                    let from = |row| &dy[output.pixel(row, 0)..][..output.width * LANES];
                    let [upper, lower] = [2 * row, 2 * row + 1]
                        .map(|row| from(row).as_chunks::<{ 2 * LANES }>().0.iter());
                    let to = &mut dx[input.pixel(row, 0)..][..input.width * LANES];
                    let to = to.as_chunks_mut::<LANES>().0.iter_mut();
                    for (column, ((to, upper), lower)) in to.zip(upper).zip(lower).enumerate() {
                        let pixel = at * area + row * input.width + column;
                        let bits = mask.map_or(u16::MAX, |mask| mask[pixel]);
                        for lane in 0..LANES {
                            let next = lane + LANES;
                            let sum = upper[lane] + upper[next] + (lower[lane] + lower[next]);
                            to[lane] = if bits >> lane & 1 == 1 { sum } else { 0.0 };
                        }
                    }
                }
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    /// Images, channels, height, width.
    const SHAPES: [[usize; 4]; 3] = [[1, 16, 4, 4], [3, 18, 2, 5], [2, 40, 1, 3]];

    fn layouts(shape: [usize; 4]) -> [Layout; 2] {
        let bordered = Layout::bordered(shape[1], shape[2], shape[3]);
        let border = 0;
        [Layout { border, ..bordered }, bordered]
    }

    fn blocked(layout: &Layout, plain: &[f32]) -> Vec<f32> {
        let area = layout.channels * layout.height * layout.width;
        let mut all = vec![0.0; plain.len() / area * layout.len()];
        let images = all.chunks_exact_mut(layout.len());
        images
            .zip(plain.chunks_exact(area))
            .for_each(|(to, from)| layout.pack(from, to));
        all
    }

    #[test]
    fn every_pixel_becomes_a_square() {
        for shape @ [n, channels, height, width] in SHAPES {
            for input in layouts(shape) {
                let up = Upsample::new(input);
                let x = noise(1, n * channels * height * width);
                let mut y = vec![0.0; n * up.output.len()];
                up.forward(n, &blocked(&input, &x), &mut y);
                let plain: Vec<f32> = (0..4 * x.len())
                    .map(|at| {
                        let (plane, row, column) = (
                            at / (4 * height * width),
                            at / (2 * width) % (2 * height),
                            at % (2 * width),
                        );
                        x[(plane * height + row / 2) * width + column / 2]
                    })
                    .collect();
                assert_eq!(y, blocked(&up.output, &plain));
            }
        }
    }

    /// `<A x, y>` is `<x, A' y>`, and the mask applies to what comes back.
    #[test]
    fn the_adjoint_is_the_adjoint() {
        for shape @ [n, channels, height, width] in SHAPES {
            for input in layouts(shape) {
                let up = Upsample::new(input);
                let size = n * channels * height * width;
                let x = blocked(&input, &noise(1, size));
                let dy = blocked(&up.output, &noise(2, 4 * size));
                let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
                up.forward(n, &x, &mut y);
                up.input_gradient(n, &dy, &mut dx, None);
                let dot = |a: &[f32], b: &[f32]| -> f64 {
                    let pairs = a.iter().zip(b);
                    pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
                };
                let (left, right) = (dot(&y, &dy), dot(&x, &dx));
                assert!((left - right).abs() < 1e-4, "{left} {right}");
                let mask: Vec<u16> = (0..n * input.bits()).map(|i| i as u16 * 7).collect();
                let mut masked = vec![0.0; x.len()];
                up.input_gradient(n, &dy, &mut masked, Some(&mask));
                for image in 0..n {
                    for (at, bits) in mask[image * input.bits()..][..input.bits()]
                        .iter()
                        .enumerate()
                    {
                        let (block, pixel) = (at / (height * width), at % (height * width));
                        let first = image * input.len()
                            + block * input.plane()
                            + input.pixel(pixel / width, pixel % width);
                        for lane in 0..LANES {
                            let kept = bits >> lane & 1 == 1;
                            let expected = if kept { dx[first + lane] } else { 0.0 };
                            assert_eq!(masked[first + lane], expected);
                        }
                    }
                }
            }
        }
    }
}
