//! Which kernel computes which stage, and how its activation lies in memory.

use crate::arch::{Architecture, Op, Stage};

use super::{convolution::Convolution, layout::Layout, linear::Linear, pool::MaxPool};

/// The kernel of a stage.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// Convolution, bias, rectifier.
    Conv(Box<Convolution>),
    /// Max-pooling.
    Pool(MaxPool),
    /// Fully connected layer and bias.
    Linear(Linear),
}

impl Plan {
    /// The kernel of every stage.
    pub(crate) fn of(stages: &[Stage]) -> Vec<Self> {
        let above = stages.iter().skip(1).map(Some).chain([None]);
        let both = stages.iter().zip(above);
        both.map(|(stage, above)| Self::new(stage.op, above.map(|s| s.op)))
            .collect()
    }

    fn new(op: Op, above: Option<Op>) -> Self {
        match op {
            Op::Conv {
                inputs,
                outputs,
                side,
            } => Self::Conv(Convolution::new(inputs, outputs, side, side).into()),
            Op::Pool { channels, side } => {
                // A fully connected layer needs no border.
                let border = usize::from(!matches!(above, Some(Op::Linear { .. })));
                Self::Pool(MaxPool::new(Layout::bordered(channels, side, side), border))
            }
            Op::Linear {
                channels,
                side,
                outputs,
            } => {
                let input = Layout {
                    border: 0,
                    ..Layout::bordered(channels, side, side)
                };
                Self::Linear(Linear { input, outputs })
            }
        }
    }

    /// The layout of the images that a network reads.
    pub(crate) fn image(architecture: &Architecture) -> Layout {
        Layout::bordered(3, architecture.input, architecture.input)
    }

    /// The layout of the activation.
    pub(crate) fn layout(&self) -> Layout {
        match self {
            Self::Conv(conv) => conv.output,
            Self::Pool(pool) => pool.output,
            Self::Linear(linear) => Layout::vector(linear.outputs),
        }
    }

    /// Bits that backward needs of one image, see [`super::Bits`]: those of the output, or of what a pooling reads.
    pub(crate) fn bits(&self) -> usize {
        match self {
            Self::Pool(pool) => pool.input.bits(),
            _ => self.layout().bits(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_makes_the_shape_of_its_stage_and_reads_what_the_one_below_makes() {
        for architecture in [Architecture::vgg_face_mini(), Architecture::tiny()] {
            let stages = architecture.stages();
            let mut below = Plan::image(&architecture);
            for (stage, plan) in stages.iter().zip(Plan::of(&stages)) {
                let input = match &plan {
                    Plan::Conv(conv) => conv.input,
                    Plan::Pool(pool) => pool.input,
                    Plan::Linear(linear) => linear.input,
                };
                assert_eq!(input, below, "{}", stage.name);
                below = plan.layout();
                let shape = [below.channels, below.height, below.width];
                assert_eq!(
                    shape[..stage.shape().len()],
                    stage.shape(),
                    "{}",
                    stage.name
                );
            }
        }
    }
}
