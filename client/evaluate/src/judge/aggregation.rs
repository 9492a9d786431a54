//! The second judge's body: one-shot aggregation (VoVNet, Lee et al. 2019).

use candle_core::{Error, Module, Tensor};
use candle_nn::Conv2d;
use serde::Deserialize;

use super::JudgeError;
use super::file::{Layers, check_count, check_width};

/// A stem of two 3x3 convolutions, the first of which halves the image, then stages with max pooling between them.
#[derive(Debug)]
pub(super) struct Aggregation {
    stem: [Conv2d; 2],
    stages: Vec<Stage>,
    /// Channels of the last stage's output.
    width: usize,
}

/// 3x3 convolutions, each of the previous one's output; a 1x1 convolution of the input and all their outputs. A ReLU
/// follows each, batch normalisation is folded into them.
#[derive(Debug)]
struct Stage {
    layers: Vec<Conv2d>,
    all: Conv2d,
}

/// What the header says of the body.
#[derive(Deserialize)]
struct Shape {
    /// Channels of the stem.
    stem: usize,
    stages: Vec<StageShape>,
}

/// What the header says of a stage.
#[derive(Deserialize)]
struct StageShape {
    /// How many 3x3 convolutions.
    layers: usize,
    /// Channels of each.
    width: usize,
    /// Channels of the stage's output.
    output: usize,
}

impl Aggregation {
    /// Takes the body's tensors.
    ///
    /// # Errors
    /// The description or a tensor is not as expected.
    pub(super) fn read(layers: &Layers<'_>) -> Result<Self, JudgeError> {
        let Shape { stem, stages } = layers.description()?;
        check_width("stem", stem)?;
        check_count("stages", stages.len())?;
        let first = layers.convolution("stem.0", [stem, 3, 3, 3], 2)?;
        let second = layers.convolution("stem.1", [stem, stem, 3, 3], 1)?;
        let mut body = Self {
            stem: [first, second],
            stages: Vec::new(),
            width: stem,
        };
        for (number, shape) in stages.iter().enumerate() {
            let stage = Stage::read(layers, number, shape, body.width)?;
            body.stages.push(stage);
            body.width = shape.output;
        }
        Ok(body)
    }

    /// Output `[n, channels, side, side]` of the last stage for images `[n, 3, S, S]`.
    pub(super) fn forward(&self, images: &Tensor) -> Result<Tensor, Error> {
        let mut xs = images.clone();
        for convolution in &self.stem {
            xs = convolution.forward(&xs)?.relu()?;
        }
        for (number, stage) in self.stages.iter().enumerate() {
            if number > 0 {
                xs = xs.max_pool2d(2)?;
            }
            xs = stage.forward(xs)?;
        }
        Ok(xs)
    }

    /// Channels of the output.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// How often the image is halved: by the stem, and before every stage but the first.
    pub(super) fn halvings(&self) -> usize {
        self.stages.len()
    }
}

impl Stage {
    fn read(
        layers: &Layers<'_>,
        number: usize,
        shape: &StageShape,
        input: usize,
    ) -> Result<Self, JudgeError> {
        let name = |part: &str| format!("stages[{number}].{part}");
        check_count(&name("layers"), shape.layers)?;
        check_width(&name("width"), shape.width)?;
        check_width(&name("output"), shape.output)?;
        let mut before = input;
        let mut convolutions = Vec::new();
        for layer in 0..shape.layers {
            let name = format!("stages.{number}.layers.{layer}");
            let kernels = [shape.width, before, 3, 3];
            convolutions.push(layers.convolution(&name, kernels, 1)?);
            before = shape.width;
        }
        let all = input + shape.layers * shape.width;
        let kernels = [shape.output, all, 1, 1];
        Ok(Self {
            layers: convolutions,
            all: layers.convolution(&format!("stages.{number}.all"), kernels, 1)?,
        })
    }

    fn forward(&self, input: Tensor) -> Result<Tensor, Error> {
        let mut outputs = vec![input];
        for layer in &self.layers {
            let last = &outputs[outputs.len() - 1];
            outputs.push(layer.forward(last)?.relu()?);
        }
        self.all.forward(&Tensor::cat(&outputs, 1)?)?.relu()
    }
}
