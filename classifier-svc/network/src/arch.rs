//! The VGG-16 topology of VGG-Face (paper, figure 1) with free widths: its stages by name, with their shapes as
//! numbers.

use deepface_attributes::Schema;

use crate::Heads;

/// Convolutions per block of VGG-16.
const DEPTHS: [usize; 5] = [2, 2, 3, 3, 3];

/// What distinguishes one VGG-16 from another.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Architecture {
    /// Name, such as `vgg-face`.
    pub name: String,
    /// Channels of the five blocks.
    pub widths: [usize; 5],
    /// Side of the square input, pixels.
    pub input: usize,
    /// Features of fc6 and fc7.
    pub features: usize,
    /// Logits of the heads. A file does not store them: they follow from its schema.
    #[serde(skip, default = "default_logits")]
    pub logits: usize,
}

/// Logits of the default schema.
pub(crate) fn default_logits() -> usize {
    Heads::of(&Schema::default()).logits()
}

impl Architecture {
    /// VGG-Face itself: 64 to 512 channels, 224 pixels, 4096 features.
    pub fn vgg_face() -> Self {
        Self {
            name: "vgg-face".into(),
            widths: [64, 128, 256, 512, 512],
            input: 224,
            features: 4096,
            logits: default_logits(),
        }
    }

    /// A smaller one, about a quarter as wide: the built-in default.
    pub fn vgg_face_mini() -> Self {
        Self {
            name: "vgg-face-mini".into(),
            widths: [16, 32, 64, 128, 192],
            input: 96,
            features: 512,
            logits: default_logits(),
        }
    }

    /// A network small enough for tests: complete, but fast.
    pub fn tiny() -> Self {
        Self {
            name: "vgg-face-tiny".into(),
            widths: [16, 16, 16, 32, 32],
            input: 32,
            features: 32,
            logits: default_logits(),
        }
    }

    /// The architecture with this name, as `--arch` takes it.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::vgg_face(), Self::vgg_face_mini(), Self::tiny()]
            .into_iter()
            .find(|a| a.name == name)
    }

    /// Checks that the network can be built: five poolings must leave a pixel, and widths fill whole registers.
    ///
    /// # Errors
    /// What was expected, and what came.
    pub fn check(&self) -> Result<(), String> {
        if !(32..=1024).contains(&self.input) {
            return Err(format!(
                "input: expected 32 to 1024 pixels, got {}",
                self.input
            ));
        }
        let sizes = self.widths.iter().chain([&self.features]);
        match sizes
            .into_iter()
            .find(|&&w| w == 0 || w % 16 != 0 || w > 8192)
        {
            Some(w) => Err(format!(
                "widths and features must be multiples of 16 up to 8192, got {w}"
            )),
            None => Ok(()),
        }
    }

    /// The stages, from the image up.
    pub(crate) fn stages(&self) -> Vec<Stage> {
        let mut stages = Vec::new();
        let mut add = |name: String, op| stages.push(Stage { name, op });
        let (mut channels, mut side) = (3, self.input);
        for (block, (&width, depth)) in (1..).zip(self.widths.iter().zip(DEPTHS)) {
            for i in 1..=depth {
                let conv = Op::Conv {
                    inputs: channels,
                    outputs: width,
                    side,
                };
                add(format!("conv{block}_{i}"), conv);
                channels = width;
            }
            add(format!("pool{block}"), Op::Pool { channels, side });
            side /= 2;
        }
        for (name, outputs) in [
            ("fc6", self.features),
            ("fc7", self.features),
            ("heads", self.logits),
        ] {
            let linear = Op::Linear {
                channels,
                side,
                outputs,
            };
            add(name.into(), linear);
            (channels, side) = (outputs, 1);
        }
        stages
    }
}

/// A named stage of the network.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// Name: `conv1_1` ... `pool5`, `fc6`, `fc7`, `heads`.
    pub(crate) name: String,
    /// What it computes.
    pub(crate) op: Op,
}

/// What a stage computes. Planes are square; `side` is that of the input, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// 3x3 convolution with padding 1, bias, rectifier.
    Conv {
        /// Input channels.
        inputs: usize,
        /// Output channels.
        outputs: usize,
        /// Side of input and output.
        side: usize,
    },
    /// 2x2 max-pooling; an odd last row or column is dropped.
    Pool {
        /// Input and output channels.
        channels: usize,
        /// Side of the input.
        side: usize,
    },
    /// Fully connected layer and bias; all but the heads rectified. It reads `channels * side * side` values.
    Linear {
        /// Input channels.
        channels: usize,
        /// Side of the input; 1 for a vector.
        side: usize,
        /// Output features.
        outputs: usize,
    },
}

impl Stage {
    /// Whether a rectifier ends the stage.
    pub(crate) fn rectified(&self) -> bool {
        !matches!(self.op, Op::Pool { .. }) && self.name != "heads"
    }

    /// Shape of the activation of one image.
    pub(crate) fn shape(&self) -> Vec<usize> {
        match self.op {
            Op::Conv { outputs, side, .. } => vec![outputs, side, side],
            Op::Pool { channels, side } => vec![channels, side / 2, side / 2],
            Op::Linear { outputs, .. } => vec![outputs],
        }
    }

    /// Shapes of the weights as PyTorch has them, or `None` for a pooling.
    pub(crate) fn weight_shape(&self) -> Option<Vec<usize>> {
        match self.op {
            Op::Conv {
                inputs, outputs, ..
            } => Some(vec![outputs, inputs, 3, 3]),
            Op::Linear {
                channels,
                side,
                outputs,
            } => Some(vec![outputs, channels * side * side]),
            Op::Pool { .. } => None,
        }
    }

    /// Number of weights and biases.
    pub(crate) fn parameters(&self) -> usize {
        let weights = self.weight_shape();
        weights.map_or(0, |w| w.iter().product::<usize>() + self.outputs())
    }

    /// Number of outputs with a bias of their own; of a pooling, its channels.
    pub(crate) fn outputs(&self) -> usize {
        match self.op {
            Op::Conv { outputs, .. } | Op::Linear { outputs, .. } => outputs,
            Op::Pool { channels, .. } => channels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vgg_face_has_the_published_number_of_weights() {
        let mut stages = Architecture::vgg_face().stages();
        let heads = stages.pop().unwrap();
        assert_eq!(heads.shape(), [115]);
        let body: usize = stages.iter().map(Stage::parameters).sum();
        // 145,002,878 with the 2622-way fc8 (Parkhi et al. 2015).
        assert_eq!(body + 2622 * 4097, 145_002_878);
        assert_eq!(stages.len(), 13 + 5 + 2);
        assert_eq!(stages[17].name, "pool5");
        assert_eq!(stages[17].shape(), [512, 7, 7]);
    }
}
