//! The shapes of an autoencoder: an encoder like VGG's lower layers made narrow, and a decoder that mirrors it.

use super::fold::Fold;
use crate::{
    cpu::{Convolution, Layout, Linear, MaxPool, Upsample},
    parameters::Parameters,
};

/// Largest side of a face, pixels.
const LARGEST_SIDE: usize = 512;
/// Most channels of a layer, and values of a latent.
const LARGEST_WIDTH: usize = 4096;
/// Most times that the side is halved.
const MOST_LEVELS: usize = 7;
/// Largest side of a block of pixels.
const LARGEST_FOLD: usize = 4;
/// Least side of the planes at the top.
const LEAST_TOP: usize = 2;

/// Name of the layer that reads the pixels.
pub(super) const PIXELS: &str = "encoder.conv1";
/// Name of the layer that writes them.
pub(super) const IMAGE: &str = "decoder.image";

/// The sizes of an autoencoder.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Topology {
    /// Side of a face, pixels.
    pub side: usize,
    /// Channels of the convolutions, from the image up; after each a pooling halves the side.
    pub channels: Vec<usize>,
    /// Values of a latent.
    pub latent: usize,
    /// Side of the blocks of pixels that are one place of the lowest planes, with a channel for each of their numbers.
    #[serde(default = "unfolded")]
    pub fold: usize,
}

/// What older files are, which do not say so.
fn unfolded() -> usize {
    1
}

impl Topology {
    /// Checks that the networks can be built.
    ///
    /// # Errors
    /// What was expected, and what came.
    pub fn check(&self) -> Result<(), String> {
        let levels = self.channels.len();
        if !(1..=MOST_LEVELS).contains(&levels) {
            return Err(format!(
                "channels: expected 1 to {MOST_LEVELS} numbers, got {levels}"
            ));
        }
        let wrong =
            |width: &&usize| !width.is_multiple_of(16) || !(1..=LARGEST_WIDTH).contains(*width);
        if let Some(width) = self.channels.iter().find(wrong) {
            return Err(format!(
                "channels: expected multiples of 16 up to {LARGEST_WIDTH}, got {width}"
            ));
        }
        if !(1..=LARGEST_WIDTH).contains(&self.latent) {
            return Err(format!(
                "latent: expected 1 to {LARGEST_WIDTH}, got {}",
                self.latent
            ));
        }
        if !(1..=LARGEST_FOLD).contains(&self.fold) {
            return Err(format!(
                "fold: expected 1 to {LARGEST_FOLD}, got {}",
                self.fold
            ));
        }
        let (step, side) = (self.fold << levels, self.side);
        let least = LEAST_TOP * step;
        if !side.is_multiple_of(step) || !(least..=LARGEST_SIDE.max(least)).contains(&side) {
            return Err(format!(
                "side: expected a multiple of {step} from {least} to {LARGEST_SIDE}, got {side}"
            ));
        }
        Ok(())
    }

    /// Values of a face, `[3, side, side]`.
    pub(super) fn pixels(&self) -> usize {
        3 * self.side * self.side
    }

    /// Channels of the lowest planes, and their side.
    pub(super) fn blocks(&self) -> [usize; 2] {
        [3 * self.fold * self.fold, self.side / self.fold]
    }

    /// Between faces and the lowest planes.
    pub(super) fn folding(&self) -> Fold {
        Fold::new(self.side, self.fold)
    }

    /// The planes of the face.
    pub(super) fn image(&self) -> Layout {
        let [channels, side] = self.blocks();
        Layout::bordered(channels, side, side)
    }

    /// The planes at the top, without a border.
    pub(super) fn top(&self) -> Layout {
        let side = self.blocks()[1] >> self.channels.len();
        let channels = self.channels.last().copied().unwrap_or(0);
        Layout {
            border: 0,
            ..Layout::bordered(channels, side, side)
        }
    }

    /// From the face to the planes at the top.
    pub(super) fn body(&self) -> Vec<Spec> {
        let mut all = Vec::new();
        let [mut below, mut side] = self.blocks();
        let levels = self.channels.len();
        for (level, &width) in (1..).zip(&self.channels) {
            let conv = Convolution::new(below, width, side, side);
            let border = usize::from(level < levels);
            let pool = MaxPool::new(conv.output, border);
            all.push(Spec::learned(
                format!("encoder.conv{level}"),
                Op::Convolution(conv.into()),
                true,
            ));
            all.push(Spec::fixed(Op::Pool(pool)));
            (below, side) = (width, side / 2);
        }
        all
    }

    /// From the planes at the top and the attributes to the latent's mean and log-variance. The planes come first, as they
    /// lie in memory: `[channels / 16, row, column, 16]`.
    pub(super) fn head(&self, attributes: usize) -> Vec<Spec> {
        let linear = Linear {
            input: Layout::vector(self.top().len() + attributes),
            outputs: 2 * self.latent,
        };
        vec![Spec::learned(
            "encoder.latent".into(),
            Op::Dense(linear),
            false,
        )]
    }

    /// From the latent and the attributes to the face. The first layer's outputs are the planes at the
    /// top, in the order of [`Topology::head`].
    pub(super) fn decoder(&self, attributes: usize) -> Vec<Spec> {
        let linear = Linear {
            input: Layout::vector(self.latent + attributes),
            outputs: self.top().len(),
        };
        let mut all = vec![Spec::learned("decoder.top".into(), Op::Dense(linear), true)];
        let mut below = self.top();
        for level in (0..self.channels.len()).rev() {
            let width = self.channels[level.saturating_sub(1)];
            let up = Upsample::new(below);
            let side = up.output.height;
            let conv = Convolution::new(below.channels, width, side, side);
            below = conv.output;
            all.push(Spec::fixed(Op::Upsample(up)));
            let name = format!("decoder.conv{}", level + 1);
            all.push(Spec::learned(name, Op::Convolution(conv.into()), true));
        }
        let [channels, side] = self.blocks();
        let image = Convolution::new(below.channels, channels, side, side);
        let image = Op::Convolution(image.into());
        all.push(Spec::learned(IMAGE.into(), image, false));
        all
    }
}

/// What a layer computes.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Convolution(Box<Convolution>),
    Pool(MaxPool),
    Upsample(Upsample),
    Dense(Linear),
}

/// A layer: its name in a file, empty if it learns nothing, and whether a rectifier ends it.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) name: String,
    pub(super) op: Op,
    pub(super) rectified: bool,
}

impl Spec {
    pub(super) fn learned(name: String, op: Op, rectified: bool) -> Self {
        Self {
            name,
            op,
            rectified,
        }
    }

    pub(super) fn fixed(op: Op) -> Self {
        Self::learned(String::new(), op, false)
    }

    /// The layout of the activation.
    pub(super) fn layout(&self) -> Layout {
        match &self.op {
            Op::Convolution(conv) => conv.output,
            Op::Pool(pool) => pool.output,
            Op::Upsample(up) => up.output,
            Op::Dense(linear) => Layout::vector(linear.outputs),
        }
    }

    /// Bits that backward needs of one image, see [`crate::cpu::Bits`].
    pub(super) fn bits(&self) -> usize {
        match &self.op {
            Op::Pool(pool) => pool.input.bits(),
            Op::Upsample(_) => 0,
            _ => self.layout().bits(),
        }
    }

    /// The shape of the weights; `None` for a layer that learns nothing.
    pub(super) fn weight_shape(&self) -> Option<Vec<usize>> {
        match &self.op {
            Op::Convolution(conv) => Some(vec![conv.output.channels, conv.input.channels, 3, 3]),
            Op::Dense(linear) => Some(vec![linear.outputs, linear.inputs()]),
            Op::Pool(_) | Op::Upsample(_) => None,
        }
    }

    /// Weights that are all 0.
    pub(super) fn zeros(&self) -> Parameters {
        let size = self
            .weight_shape()
            .map_or(0, |shape| shape.iter().product());
        Parameters {
            weight: vec![0.0; size],
            bias: vec![0.0; self.outputs()],
        }
    }

    /// Number of outputs with a bias of their own.
    pub(super) fn outputs(&self) -> usize {
        self.layout().channels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology(side: usize, channels: &[usize], latent: usize) -> Topology {
        Topology {
            side,
            channels: channels.to_vec(),
            latent,
            fold: 1,
        }
    }

    #[test]
    fn the_decoder_ends_with_the_face_that_the_encoder_reads() {
        let t = topology(64, &[32, 64, 96, 128], 128);
        assert_eq!(t.check(), Ok(()));
        let [body, head, decoder] = [t.body(), t.head(73), t.decoder(73)];
        assert_eq!(body.last().unwrap().layout(), t.top());
        assert_eq!(head[0].layout(), Layout::vector(256));
        assert_eq!(decoder.last().unwrap().layout(), t.image());
        let widths = |specs: &[Spec]| -> Vec<usize> {
            let convolutions = specs.iter().filter(|s| s.name.contains("conv"));
            convolutions.map(Spec::outputs).collect()
        };
        assert_eq!(widths(&body), [32, 64, 96, 128]);
        assert_eq!(widths(&decoder), [96, 64, 32, 32]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        for (bad, said) in [
            (
                topology(60, &[16, 16, 16], 8),
                "side: expected a multiple of 8 from 16 to 512, got 60",
            ),
            (
                topology(8, &[16, 16, 16], 8),
                "side: expected a multiple of 8 from 16 to 512, got 8",
            ),
            (
                topology(64, &[], 8),
                "channels: expected 1 to 7 numbers, got 0",
            ),
            (
                topology(64, &[16, 20], 8),
                "channels: expected multiples of 16 up to 4096, got 20",
            ),
            (
                topology(64, &[0], 8),
                "channels: expected multiples of 16 up to 4096, got 0",
            ),
            (topology(64, &[16], 0), "latent: expected 1 to 4096, got 0"),
        ] {
            assert_eq!(bad.check().unwrap_err(), said);
        }
    }
}
