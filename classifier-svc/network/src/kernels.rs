//! The convolution by itself, for benchmarks.

use super::{
    cpu::{Aligned, Convolution, Epilogue, Isa, Layout, Source},
    noise::noise,
};

pub use super::cpu::{Method, TileSize};

/// A convolution of random values with buffers of its own.
pub struct Kernel {
    convolution: Convolution,
    threads: rayon::ThreadPool,
    n: usize,
    x: Aligned,
    y: Aligned,
    gradient: Vec<f32>,
    weights: Aligned,
    adjoint: Aligned,
}

impl Kernel {
    /// A 3x3 convolution of `n` square images, computed in a given way, or in that chosen for its shape.
    ///
    /// # Errors
    /// The system cannot start threads.
    pub fn new(
        [inputs, outputs, side]: [usize; 3],
        n: usize,
        method: Option<Method>,
        threads: usize,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let input = Layout::bordered(inputs, side, side);
        let output = Layout::bordered(outputs, side, side);
        let convolution = match method {
            Some(m) => Convolution::with_methods(input, output, m, m),
            None => Convolution::new(inputs, outputs, side, side),
        };
        let plain = noise(1, inputs * outputs * 9);
        let weights = convolution.pack(&plain);
        let planes = |layout: &Layout| {
            let values = noise(2, layout.channels * side * side);
            let mut image = vec![0.0; layout.len()];
            layout.pack(&values, &mut image);
            Aligned::from(image.repeat(n))
        };
        Ok(Self {
            adjoint: convolution.pack_adjoint(&plain, &weights),
            gradient: vec![0.0; plain.len()],
            x: planes(&input),
            y: planes(&output),
            threads: rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()?,
            weights,
            convolution,
            n,
        })
    }

    /// Floating-point operations of the plain sum, in one direction.
    pub fn flops(&self) -> f64 {
        let Layout {
            channels,
            height,
            width,
            ..
        } = self.convolution.output;
        2.0 * 9.0 * (self.n * self.convolution.input.channels * channels * height * width) as f64
    }

    /// Computes the output.
    pub fn forward(&mut self) {
        let Self {
            convolution,
            threads,
            x,
            y,
            weights,
            ..
        } = self;
        let n = self.n;
        threads.install(|| convolution.forward(Isa::detect(), n, x, weights, y, Epilogue::None));
    }

    /// Computes the gradient of the input, in its place.
    pub fn input_gradient(&mut self) {
        let Self {
            convolution,
            threads,
            x,
            y,
            weights,
            adjoint,
            ..
        } = self;
        let (n, dy) = (self.n, Source::Planes(y));
        let both: [&[f32]; 2] = [weights, adjoint];
        threads
            .install(|| convolution.input_gradient(Isa::detect(), n, dy, both, x, Epilogue::None));
    }

    /// Computes the gradient of the weights.
    pub fn weight_gradient(&mut self) {
        let Self {
            convolution,
            threads,
            x,
            y,
            gradient,
            ..
        } = self;
        let n = self.n;
        threads.install(|| convolution.weight_gradient(Isa::detect(), n, x, y, gradient));
    }
}
