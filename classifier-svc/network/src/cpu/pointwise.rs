//! The convolution of single pixels, 1x1, on bordered planes: the sum of the 3x3 one with its centre tap alone.

use super::{
    convolution::{Direct, weight_gradient},
    direct::Walk,
    epilogue::Epilogue,
    lanes::Isa,
    layout::Layout,
};

/// A 1x1 convolution of planes of one size, and its adjoint.
#[derive(Clone, Debug)]
pub(crate) struct Pointwise {
    /// Input planes.
    pub(crate) input: Layout,
    /// Output planes.
    pub(crate) output: Layout,
    walk: Walk,
    down: Direct,
    up: Direct,
}

impl Pointwise {
    /// One between planes of the same height, width and border.
    pub(crate) fn new(input: Layout, output: Layout) -> Self {
        Self {
            walk: walk(&input, &output),
            down: Direct::new(input, output, walk(&input, &output)),
            up: Direct::new(output, input, walk(&output, &input)),
            input,
            output,
        }
    }

    /// Weights for [`Pointwise::forward`], from `[outputs, inputs]`.
    pub(crate) fn pack(&self, plain: &[f32]) -> Vec<f32> {
        self.down.pack(plain)
    }

    /// Weights for [`Pointwise::input_gradient`], from the same.
    pub(crate) fn pack_adjoint(&self, plain: &[f32]) -> Vec<f32> {
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        let transposed =
            (0..inputs * outputs).map(|at| plain[at % outputs * inputs + at / outputs]);
        self.up.pack(&transposed.collect::<Vec<_>>())
    }

    /// Computes `output` of `n` images.
    pub(crate) fn forward(&self, isa: Isa, n: usize, x: &[f32], w: &[f32], y: &mut [f32]) {
        self.down.run(isa, n, x, w, y, Epilogue::None);
    }

    /// Computes the gradient of the input of `n` images from the adjoint's weights.
    pub(crate) fn input_gradient(&self, isa: Isa, n: usize, dy: &[f32], w: &[f32], dx: &mut [f32]) {
        self.up.run(isa, n, dy, w, dx, Epilogue::None);
    }

    /// Computes the gradient of the weights, `[outputs, inputs]`, summed over `n` images.
    pub(crate) fn weight_gradient(
        &self,
        isa: Isa,
        n: usize,
        x: &[f32],
        dy: &[f32],
        dw: &mut [f32],
    ) {
        let layouts = [&self.input, &self.output];
        weight_gradient(isa, &self.walk, layouts, n, x, dy, dw);
    }
}

fn walk(input: &Layout, output: &Layout) -> Walk {
    Walk {
        inputs: input.channels,
        input_plane: input.plane(),
        taps: vec![0],
        input_offsets: input.pixel_offsets(),
        output_offsets: output.pixel_offsets(),
        output_plane: output.plane(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    /// Images, channels in, channels out, height, width: more and fewer images than parts of a sum, blocks that are
    /// not full.
    const SHAPES: [[usize; 5]; 4] = [
        [1, 16, 16, 8, 8],
        [6, 18, 40, 5, 7],
        [2, 3, 16, 12, 6],
        [5, 48, 32, 2, 3],
    ];

    fn blocked(layout: &Layout, plain: &[f32]) -> Vec<f32> {
        let area = layout.channels * layout.height * layout.width;
        let images = plain.chunks_exact(area).flat_map(|image| {
            let mut blocked = vec![0.0; layout.len()];
            layout.pack(image, &mut blocked);
            blocked
        });
        images.collect()
    }

    fn unblocked(layout: &Layout, blocked: &[f32]) -> Vec<f32> {
        let area = layout.channels * layout.height * layout.width;
        let images = blocked.chunks_exact(layout.len()).flat_map(|image| {
            let mut plain = vec![0.0; area];
            layout.unpack(image, &mut plain);
            plain
        });
        images.collect()
    }

    fn dot(a: impl IntoIterator<Item = f32>, b: impl IntoIterator<Item = f32>) -> f64 {
        let pairs = a.into_iter().zip(b);
        pairs.map(|(a, b)| f64::from(a) * f64::from(b)).sum()
    }

    #[test]
    fn it_is_the_plain_sum() {
        for [n, i, o, height, width] in SHAPES {
            let area = height * width;
            let (input, output) = (
                Layout::bordered(i, height, width),
                Layout::bordered(o, height, width),
            );
            let conv = Pointwise::new(input, output);
            let (x, w) = (noise(1, n * i * area), noise(2, o * i));
            let dy = noise(3, n * o * area);
            let at = |a: &[f32], image: usize, channels: usize, c: usize, pixel: usize| {
                a[(image * channels + c) * area + pixel]
            };
            for isa in Isa::available() {
                let mut y = vec![0.0; n * output.len()];
                conv.forward(isa, n, &blocked(&input, &x), &conv.pack(&w), &mut y);
                for (k, y) in unblocked(&output, &y).into_iter().enumerate() {
                    let (image, c, pixel) = (k / (o * area), k / area % o, k % area);
                    let pixels = (0..i).map(|from| at(&x, image, i, from, pixel));
                    let expected = dot(pixels, w[c * i..][..i].iter().copied());
                    assert!((f64::from(y) - expected).abs() < 1e-5, "{isa:?} {i} {o}");
                }
                let mut dw = vec![f32::NAN; o * i];
                let (x, dy) = (blocked(&input, &x), blocked(&output, &dy));
                conv.weight_gradient(isa, n, &x, &dy, &mut dw);
                let (x, dy) = (unblocked(&input, &x), unblocked(&output, &dy));
                for (k, dw) in dw.into_iter().enumerate() {
                    let of = |a, channels, c| {
                        (0..n * area).map(move |p| at(a, p / area, channels, c, p % area))
                    };
                    let expected = dot(of(&x, i, k % i), of(&dy, o, k / i));
                    assert!((f64::from(dw) - expected).abs() < 1e-4, "{isa:?} {i} {o}");
                }
            }
        }
    }

    /// `<A x, y>` is `<x, A' y>`.
    #[test]
    fn the_adjoint_is_the_adjoint() {
        for [n, i, o, height, width] in SHAPES {
            let (input, output) = (
                Layout::bordered(i, height, width),
                Layout::bordered(o, height, width),
            );
            let conv = Pointwise::new(input, output);
            let (x, w) = (noise(1, n * i * height * width), noise(2, o * i));
            let dy = noise(3, n * o * height * width);
            for isa in Isa::available() {
                let (mut y, mut dx) = (vec![0.0; n * output.len()], vec![0.0; n * input.len()]);
                conv.forward(isa, n, &blocked(&input, &x), &conv.pack(&w), &mut y);
                let adjoint = conv.pack_adjoint(&w);
                conv.input_gradient(isa, n, &blocked(&output, &dy), &adjoint, &mut dx);
                let y = unblocked(&output, &y);
                let (left, right) = (
                    dot(y.clone(), dy.clone()),
                    dot(x.clone(), unblocked(&input, &dx)),
                );
                let size = dot(y.clone(), y).sqrt() * dot(dy.clone(), dy.clone()).sqrt();
                assert!(
                    (left - right).abs() < 1e-6 * size,
                    "{isa:?} {i} {o}: {left} {right}"
                );
            }
        }
    }
}
