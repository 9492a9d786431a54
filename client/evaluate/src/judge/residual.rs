//! The first judge's body: residual blocks.

use candle_core::{Error, Module, Tensor};
use candle_nn::{Conv2d, Conv2dConfig};
use serde::Deserialize;

use super::JudgeError;
use super::file::{Layers, check_count, check_width};

/// Blocks of one width.
const DEPTH: usize = 2;

/// A 5x5 stem that halves the image, then two blocks of each width; each width after the first halves the image again.
#[derive(Debug)]
pub(super) struct Residual {
    stem: Conv2d,
    blocks: Vec<Block>,
    widths: Vec<usize>,
}

/// `relu(conv2(relu(conv1(x))) + shortcut(x))`, batch normalisation folded into the convolutions.
#[derive(Debug)]
struct Block {
    first: Conv2d,
    second: Conv2d,
    /// 1x1, where the width changes.
    shortcut: Option<Conv2d>,
    stride: usize,
}

/// What the header says of the body.
#[derive(Deserialize)]
struct Shape {
    /// Channels of each stage, the stem's first.
    widths: Vec<usize>,
}

impl Residual {
    /// Takes the body's tensors.
    ///
    /// # Errors
    /// The description or a tensor is not as expected.
    pub(super) fn read(layers: &Layers<'_>) -> Result<Self, JudgeError> {
        let Shape { widths } = layers.description()?;
        check_count("widths", widths.len())?;
        for &channels in &widths {
            check_width("widths", channels)?;
        }
        let mut width = widths[0];
        let stem = layers.convolution("stem", [width, 3, 5, 5], 2)?;
        let mut blocks = Vec::new();
        for (stage, &next) in widths.iter().enumerate() {
            for depth in 0..DEPTH {
                let stride = if stage > 0 && depth == 0 { 2 } else { 1 };
                blocks.push(Block::read(layers, blocks.len(), [width, next], stride)?);
                width = next;
            }
        }
        Ok(Self {
            stem,
            blocks,
            widths,
        })
    }

    /// Output `[n, channels, side, side]` of the last block for images `[n, 3, S, S]`.
    pub(super) fn forward(&self, images: &Tensor) -> Result<Tensor, Error> {
        let mut xs = self.stem.forward(images)?.relu()?;
        for block in &self.blocks {
            xs = block.forward(&xs)?;
        }
        Ok(xs)
    }

    /// Channels of the output.
    pub(super) fn width(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    /// How often the image is halved: by the stem, and by every width but the first.
    pub(super) fn halvings(&self) -> usize {
        self.widths.len()
    }
}

impl Block {
    fn read(
        layers: &Layers<'_>,
        number: usize,
        [width, next]: [usize; 2],
        stride: usize,
    ) -> Result<Self, JudgeError> {
        let name = |part: &str| format!("blocks.{number}.{part}");
        let shortcut = || -> Result<Conv2d, JudgeError> {
            let weight = layers.tensor(&name("shortcut.weight"), &[next, width, 1, 1])?;
            Ok(Conv2d::new(weight, None, Conv2dConfig::default()))
        };
        Ok(Self {
            first: layers.convolution(&name("conv1"), [next, width, 3, 3], stride)?,
            second: layers.convolution(&name("conv2"), [next, next, 3, 3], 1)?,
            shortcut: (width != next).then(shortcut).transpose()?,
            stride,
        })
    }

    fn forward(&self, xs: &Tensor) -> Result<Tensor, Error> {
        let ys = self.first.forward(xs)?.relu()?;
        let ys = self.second.forward(&ys)?;
        let pooled = match self.stride {
            1 => xs.clone(),
            stride => xs.avg_pool2d(stride)?,
        };
        let around = match &self.shortcut {
            Some(shortcut) => shortcut.forward(&pooled)?,
            None => pooled,
        };
        (ys + around)?.relu()
    }
}
