//! The VGG-16 topology of VGG-Face (paper, figure 1) with free widths, and its stages by name.

use deepface_attributes::GROUPS;

use super::cpu::{Convolution, Layout, Linear, MaxPool};

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
}

impl Architecture {
    /// VGG-Face itself: 64 to 512 channels, 224 pixels, 4096 features.
    pub fn vgg_face() -> Self {
        Self {
            name: "vgg-face".into(),
            widths: [64, 128, 256, 512, 512],
            input: 224,
            features: 4096,
        }
    }

    /// Its small sibling, about a quarter as wide, which is the embedded default.
    pub fn vgg_face_mini() -> Self {
        Self {
            name: "vgg-face-mini".into(),
            widths: [16, 32, 64, 128, 192],
            input: 96,
            features: 512,
        }
    }

    /// A network small enough for tests: everything is there, nothing takes time.
    pub fn tiny() -> Self {
        Self {
            name: "vgg-face-tiny".into(),
            widths: [16, 16, 16, 32, 32],
            input: 32,
            features: 32,
        }
    }

    /// The architecture of a name that `--arch` takes.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::vgg_face(), Self::vgg_face_mini(), Self::tiny()]
            .into_iter()
            .find(|a| a.name == name)
    }

    /// Whether the network can be built: five poolings must leave a pixel, and widths fill whole registers.
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
        let (mut channels, mut side) = (3, self.input);
        for (block, (&width, depth)) in self.widths.iter().zip(DEPTHS).enumerate() {
            for i in 0..depth {
                let conv = Convolution::new(channels, width, side, side);
                stages.push(Stage::new(
                    format!("conv{}_{}", block + 1, i + 1),
                    Op::Conv(Box::new(conv)),
                ));
                channels = width;
            }
            // What fc6 reads needs no border.
            let border = usize::from(block < 4);
            let pool = MaxPool::new(Layout::bordered(width, side, side), border);
            stages.push(Stage::new(format!("pool{}", block + 1), Op::Pool(pool)));
            side /= 2;
        }
        let logits = deepface_attributes::ATTRIBUTE_COUNT + GROUPS.len();
        let mut input = Layout {
            border: 0,
            ..Layout::bordered(channels, side, side)
        };
        for (name, outputs) in [
            ("fc6", self.features),
            ("fc7", self.features),
            ("heads", logits),
        ] {
            stages.push(Stage::new(
                name.into(),
                Op::Linear(Linear { input, outputs }),
            ));
            input = Layout::vector(outputs);
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

/// What a stage computes.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Convolution, bias, rectifier.
    Conv(Box<Convolution>),
    /// Max-pooling.
    Pool(MaxPool),
    /// Fully connected layer and bias; all but the heads rectified.
    Linear(Linear),
}

impl Stage {
    fn new(name: String, op: Op) -> Self {
        Self { name, op }
    }

    /// Whether a rectifier ends the stage.
    pub(crate) fn rectified(&self) -> bool {
        !matches!(self.op, Op::Pool(_)) && self.name != "heads"
    }

    /// Layout of the activation.
    pub(crate) fn layout(&self) -> Layout {
        match &self.op {
            Op::Conv(conv) => conv.output,
            Op::Pool(pool) => pool.output,
            Op::Linear(linear) => Layout::vector(linear.outputs),
        }
    }

    /// Bits that backward needs of one image, see [`super::cpu::Bits`]: those of the output, or of what a pooling reads.
    pub(crate) fn bits(&self) -> usize {
        match &self.op {
            Op::Pool(pool) => pool.input.bits(),
            _ => self.layout().bits(),
        }
    }

    /// Shape of the activation of one image.
    pub(crate) fn shape(&self) -> Vec<usize> {
        let layout = self.layout();
        match &self.op {
            Op::Linear(linear) => vec![linear.outputs],
            _ => vec![layout.channels, layout.height, layout.width],
        }
    }

    /// Shapes of the weights as PyTorch has them, or `None` for a pooling.
    pub(crate) fn weight_shape(&self) -> Option<Vec<usize>> {
        match &self.op {
            Op::Conv(conv) => Some(vec![conv.output.channels, conv.input.channels, 3, 3]),
            Op::Linear(linear) => Some(vec![linear.outputs, linear.inputs()]),
            Op::Pool(_) => None,
        }
    }

    /// Number of weights and biases.
    pub(crate) fn parameters(&self) -> usize {
        let weights = self.weight_shape();
        weights.map_or(0, |w| w.iter().product::<usize>() + self.outputs())
    }

    /// Number of outputs with a bias of their own.
    pub(crate) fn outputs(&self) -> usize {
        self.layout().channels
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
