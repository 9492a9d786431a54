//! The adversarial term: a critic that learns to tell photographs from decoded faces, and the gradient that makes faces more
//! like photographs by its measure. It sees the classifier's activations, as in projected GANs (Sauer et al. 2021), and the
//! pixels: a frozen network has blind spots, which a decoder finds, such as spots in loud colours.
//!
//! Squared errors leave out what they cannot predict, such as strands of hair, and so blur it. A critic notices that.

use super::{
    fold::Fold,
    layer::{Backward, Layer},
    perceptual::Perceptual,
    stack::Stack,
    topology::{Op, Spec, Topology},
};
use crate::{
    cpu::{Convolution, Layout, MaxPool},
    train::{
        optimizer::{Parameter, Step, update},
        random::{Purpose, Random},
    },
};

/// Channels of a head's hidden layers.
const WIDTH: usize = 32;
/// Faces that a head looks at together.
const TOGETHER: usize = 8;
/// Where the random streams of the critic's first weights begin, behind those of the networks.
const STREAMS: usize = 1 << 16;

/// A head on one layer's activations: convolutions that end with a logit for each place.
struct Head {
    stack: Stack,
    /// Values of an activation.
    size: usize,
    /// Logits of an activation.
    logits: usize,
    /// Brings activations to a mean square of about 1.
    scale: f32,
}

/// Grey, around which a head sees pixels, and what brings them to a mean square of about 1.
const GREY: f32 = 0.5;
const CONTRAST: f32 = 4.0;

/// A critic with a head on the pixels, and one on each of the perceptual loss's layers.
pub(super) struct Critic {
    /// The first sees pixels.
    heads: Vec<Head>,
    folding: Fold,
}

/// What the heads see of faces: pixels, and the activations of each layer, one face behind the other.
pub(super) type Views = Vec<Vec<f32>>;

impl Critic {
    /// A critic that looks at what the perceptual loss looks at, and at faces of these sizes.
    pub(super) fn new(perceptual: &Perceptual, topology: &Topology, seed: u64) -> Self {
        let [channels, side] = topology.blocks();
        let pixels = ([channels, side, side], CONTRAST);
        let layers = std::iter::once(pixels).chain(perceptual.compared());
        let layers = layers.enumerate();
        let heads = layers.map(|(number, (shape, scale))| Head::new(shape, scale, number, seed));
        Self {
            heads: heads.collect(),
            folding: topology.folding(),
        }
    }

    /// What the heads see of faces, `[n, 3, S, S]`, of these activations.
    pub(super) fn views(&self, faces: &[f32], activations: Views) -> Views {
        let pixels = faces.iter().map(|x| x - GREY).collect();
        let mut all = vec![self.folding.apply(pixels)];
        all.extend(activations.into_iter().take(self.heads.len() - 1));
        all
    }

    /// The adversarial gradient with respect to faces, which `perceptual` saw last.
    pub(super) fn flattery(&mut self, perceptual: &mut Perceptual, views: &Views) -> Vec<f32> {
        let pairs = self.heads.iter_mut().zip(views);
        let mut cotangents: Vec<_> = pairs.map(|(head, seen)| head.flattery(seen)).collect();
        let mut gradient = self.folding.undo(cotangents.remove(0));
        let pulled = perceptual.pull_back(gradient.len(), cotangents);
        gradient.iter_mut().zip(pulled).for_each(|(g, d)| *g += d);
        gradient
    }

    /// Learns to tell photographs, the first, from decoded faces. Returns the mean hinge loss before the step: 1 is chance.
    pub(super) fn learn(&mut self, [real, made]: [&Views; 2], step: Step) -> f64 {
        let layers = self.heads.iter_mut().zip(real.iter().zip(made));
        let losses = layers.map(|(head, (real, made))| head.learn([real, made], step));
        losses.sum::<f64>() / self.heads.len().max(1) as f64
    }

    /// Everything that is learned, always in the same order.
    pub(super) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        self.heads.iter_mut().flat_map(|h| h.stack.parameters_mut())
    }
}

impl Head {
    fn new([channels, height, width]: [usize; 3], scale: f32, number: usize, seed: u64) -> Self {
        let input = Layout::bordered(channels, height, width);
        let first = Convolution::new(channels, WIDTH, height, width);
        let pool = MaxPool::new(first.output, 1);
        let second = Convolution::new(WIDTH, WIDTH, pool.output.height, pool.output.width);
        let last = Convolution::new(WIDTH, 1, pool.output.height, pool.output.width);
        let [first, second, last] = [(first, true), (second, true), (last, false)]
            .map(|(conv, rectified)| ("critic", Op::Convolution(conv.into()), rectified))
            .map(|(name, op, rectified)| Spec::learned(name.into(), op, rectified));
        let specs = [first, Spec::fixed(Op::Pool(pool)), second, last];
        let logits = specs[3].layout();
        let mut layer = 0;
        let stack = Stack::new(&specs, input, TOGETHER, |spec| {
            layer += 1;
            let stream = STREAMS + number * specs.len() + layer;
            let random = Random::new(seed, Purpose::Weights, stream);
            Layer::random(spec, TOGETHER, random, 1.0)
        });
        Self {
            stack: stack.differentiable(),
            size: channels * height * width,
            logits: logits.height * logits.width,
            scale,
        }
    }

    /// The logits of `n <= TOGETHER` activations.
    fn forward(&mut self, activations: &[f32]) -> Vec<f32> {
        let n = activations.len() / self.size;
        let scaled: Vec<f32> = activations.iter().map(|a| self.scale * a).collect();
        self.stack.set_inputs(&scaled, self.size);
        self.stack.forward(n);
        self.stack.outputs(n)
    }

    /// The gradient with respect to activations of the sum over faces of the mean of `max(0, 1 - logit)`: places that pass for
    /// photographs' are left alone, so that all of it goes to those that do not.
    fn flattery(&mut self, activations: &[f32]) -> Vec<f32> {
        let mut gradient = Vec::with_capacity(activations.len());
        for part in activations.chunks(TOGETHER * self.size) {
            let n = part.len() / self.size;
            let each = -1.0 / self.logits as f32;
            let logits = self.forward(part).into_iter();
            let slopes = logits.map(|logit| if logit < 1.0 { each } else { 0.0 });
            self.stack.set_cotangents(&slopes.collect::<Vec<_>>());
            self.stack.backward(n, Backward::Input);
            let found = self.stack.input_cotangents(n);
            gradient.extend(found.iter().map(|d| self.scale * d));
        }
        gradient
    }

    /// A step along the gradient of the hinge loss; returns the loss before it.
    fn learn(&mut self, kinds: [&[f32]; 2], step: Step) -> f64 {
        let loss = self.differentiate(kinds);
        self.stack.parameters_mut().for_each(|p| update(p, step));
        loss
    }

    /// The hinge loss of activations of photographs and of decoded faces, half the sum of their means, and the gradients of
    /// everything learned.
    fn differentiate(&mut self, kinds: [&[f32]; 2]) -> f64 {
        let mut loss = 0.0;
        let mut sums: Vec<Vec<f32>> = Vec::new();
        for (activations, sign) in kinds.into_iter().zip([1.0, -1.0]) {
            let logits = activations.len() / self.size * self.logits;
            let share = 0.5 / logits as f32;
            for part in activations.chunks(TOGETHER * self.size) {
                let n = part.len() / self.size;
                let lacks = self.forward(part).into_iter().map(|x| 1.0 - sign * x);
                let lacks: Vec<f32> = lacks.collect();
                let wrong = lacks.iter().filter(|&&lack| lack > 0.0);
                loss += f64::from(share) * wrong.map(|&lack| f64::from(lack)).sum::<f64>();
                let slope = |&lack: &f32| if lack > 0.0 { -sign * share } else { 0.0 };
                let slopes: Vec<f32> = lacks.iter().map(slope).collect();
                self.stack.set_cotangents(&slopes);
                self.stack.backward(n, Backward::Learn);
                let parts = self.stack.parameters_mut().map(|p| &p.gradient);
                if sums.is_empty() {
                    sums = parts.cloned().collect();
                } else {
                    sums.iter_mut().zip(parts).for_each(|(sum, part)| {
                        sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
                    });
                }
            }
        }
        let parameters = self.stack.parameters_mut().zip(sums);
        parameters.for_each(|(p, sum)| p.gradient = sum);
        loss
    }
}

#[cfg(test)]
impl Critic {
    /// What [`Critic::flattery`] is the gradient of.
    pub(super) fn lack(&mut self, views: &Views) -> f64 {
        let pairs = self.heads.iter_mut().zip(views);
        pairs.map(|(head, seen)| head.lack(seen)).sum()
    }
}

#[cfg(test)]
impl Head {
    fn lack(&mut self, activations: &[f32]) -> f64 {
        let logits = self.forward(activations);
        let lacks = logits.iter().map(|&x| f64::from(1.0 - x).max(0.0));
        lacks.sum::<f64>() / self.logits as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        autoencoder::tests::slopes::{assert_slope, slope, unsettle},
        noise::noise,
        train::optimizer::{MOMENTUM, Rule},
    };

    const N: usize = 3;

    fn head() -> Head {
        let mut head = Head::new([16, 8, 8], 1.5, 0, 1);
        unsettle(head.stack.parameters_mut());
        head
    }

    #[test]
    fn flattery_is_the_slope_of_what_logits_lack() {
        let mut head = head();
        let activations = noise(5, N * head.size);
        let gradient = head.flattery(&activations);
        let found = slope(&activations, &gradient, 2e-3, |moved| head.lack(moved));
        assert_slope("activations", found, 0.03);
    }

    #[test]
    fn the_gradient_of_the_hinge_loss_is_the_slope() {
        let mut head = head();
        // More than a head looks at together, and of two numbers.
        let real = noise(5, (TOGETHER + 2) * head.size);
        let made = noise(6, N * head.size);
        head.differentiate([&real, &made]);
        let learned: Vec<Parameter> = head.stack.parameters_mut().map(|p| p.clone()).collect();
        for (i, parameter) in learned.iter().enumerate() {
            let set = |head: &mut Head, value: Vec<f32>| {
                if let Some(own) = head.stack.parameters_mut().nth(i) {
                    own.value = value;
                }
            };
            let found = slope(&parameter.value, &parameter.gradient, 2e-3, |moved| {
                set(&mut head, moved.to_vec());
                head.differentiate([&real, &made])
            });
            assert_slope(&format!("parameter {i}"), found, 0.03);
            set(&mut head, parameter.value.clone());
        }
    }

    #[test]
    fn a_head_learns_to_tell_what_differs() {
        let mut head = Head::new([16, 8, 8], 1.0, 0, 1);
        let real = noise(5, 4 * head.size);
        let made: Vec<f32> = noise(6, 4 * head.size).iter().map(|x| 0.5 * x).collect();
        let mut loss = |index: usize| {
            let step = Step {
                rule: Rule::Adamw,
                momentum: MOMENTUM,
                rate: 3e-3,
                decay: 0.0,
                index,
            };
            head.learn([&real, &made], step)
        };
        let losses: Vec<f64> = (0..60).map(&mut loss).collect();
        assert!(losses[59] < 0.3 * losses[0], "{losses:?}");
    }
}
