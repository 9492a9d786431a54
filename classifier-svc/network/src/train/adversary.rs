//! Adversarial training in the L2 norm (Madry et al. 2018): the network learns from views that are moved, by a distance
//! that people do not notice, to where it errs most. The image gradients of such networks look like the attributes
//! (Tsipras et al. 2019; Santurkar et al. 2019), which is why they are of interest here.

use super::loss::Loss;
use crate::{Architecture, Isa, cpu::CpuNetwork, parameters::Parameters};

/// Steps of training after which the attacked network is brought up to date.
const REFRESHED: usize = 16;
/// Length of all steps of an attack together, in units of the largest distance.
const REACH: f32 = 2.5;

/// Moves views to where the network errs most.
pub(super) struct Adversary {
    architecture: Architecture,
    /// Largest distance of an image from its view, in units of the network's input.
    epsilon: f32,
    steps: usize,
    network: Option<CpuNetwork>,
    age: usize,
}

impl Adversary {
    /// An adversary that moves images by at most `epsilon`, in units of the network's input.
    pub(super) fn new(architecture: &Architecture, epsilon: f32, steps: usize) -> Self {
        Self {
            architecture: architecture.clone(),
            epsilon,
            steps,
            network: None,
            age: 0,
        }
    }

    /// Moves a batch of images, `[n, 3, S, S]`, away from targets, `[n, logits]`. `current` returns the weights that
    /// learn; it is called now and then.
    pub(super) fn disturb(
        &mut self,
        current: impl FnOnce() -> Vec<Parameters>,
        loss: &Loss,
        images: &mut [f32],
        targets: &[f32],
    ) {
        if self.age.is_multiple_of(REFRESHED) {
            let threads = rayon::current_num_threads();
            let network = CpuNetwork::new(&self.architecture, &current(), Isa::detect(), threads);
            self.network = Some(network);
        }
        self.age += 1;
        let Some(network) = &mut self.network else {
            return;
        };
        let pixels = 3 * self.architecture.input * self.architecture.input;
        let capacity = network.capacity();
        let parts = images.chunks_mut(capacity * pixels);
        for (images, targets) in parts.zip(targets.chunks(capacity * loss.logits())) {
            attack(network, loss, images, targets, self.epsilon, self.steps);
        }
    }
}

/// Climbs the loss of images, each within `epsilon` of where it was.
fn attack(
    network: &mut CpuNetwork,
    loss: &Loss,
    images: &mut [f32],
    targets: &[f32],
    epsilon: f32,
    steps: usize,
) {
    let size = loss.logits();
    let n = targets.len() / size;
    let top = network.stages().len() - 1;
    let pixels = images.len() / n;
    let origin = images.to_vec();
    for _ in 0..steps {
        let mut cotangent = network.forward(images, n, &[top]).remove(0);
        let logits = cotangent.chunks_exact_mut(size);
        for (logits, targets) in logits.zip(targets.chunks_exact(size)) {
            loss.cross_entropy(logits, targets);
        }
        let gradient = network.backward(n, &[(top, cotangent)]);
        let all = images.chunks_exact_mut(pixels);
        let all = all
            .zip(gradient.chunks_exact(pixels))
            .zip(origin.chunks_exact(pixels));
        for ((image, gradient), origin) in all {
            let step = REACH * epsilon / steps as f32 / norm(gradient.iter().copied()).max(1e-12);
            let moved = image.iter().zip(gradient).zip(origin);
            let moved: Vec<f32> = moved.map(|((x, g), o)| x + step * g - o).collect();
            let back = (epsilon / norm(moved.iter().copied()).max(1e-12)).min(1.0);
            for ((x, o), m) in image.iter_mut().zip(origin).zip(moved) {
                *x = o + back * m;
            }
        }
    }
}

fn norm(values: impl Iterator<Item = f32>) -> f32 {
    let squares = values.map(|x| f64::from(x).powi(2)).sum::<f64>();
    squares.sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{noise::noise, random::weights, train::loss};

    /// The loss rises, more than by a random move of the same length, and nothing goes too far.
    #[test]
    fn an_attack_climbs_the_loss_within_its_bounds() {
        let (architecture, n, epsilon) = (Architecture::tiny(), 5, 2.0);
        let stages = architecture.stages();
        let parameters = weights(architecture.clone()).parameters;
        let mut network = CpuNetwork::new(&architecture, &parameters, Isa::detect(), 1);
        let (heads, targets) = loss::example(n);
        let top = stages.len() - 1;
        let capacity = network.capacity();
        let pixels = 3 * architecture.input.pow(2);
        let mut loss = |images: &[f32]| -> f64 {
            let parts = images.chunks(capacity * pixels);
            let parts = parts.zip(targets.chunks(capacity * heads.logits()));
            parts
                .map(|(images, targets)| {
                    let n = targets.len() / heads.logits();
                    let mut logits = network.forward(images, n, &[top]).remove(0);
                    let both = logits.chunks_exact_mut(heads.logits());
                    both.zip(targets.chunks_exact(heads.logits()))
                        .map(|(l, t)| heads.cross_entropy(l, t))
                        .sum::<f64>()
                })
                .sum()
        };
        let views = noise(1, n * pixels);
        let by_chance = noise(2, n * pixels);
        let random: Vec<f32> = views
            .chunks(pixels)
            .zip(by_chance.chunks(pixels))
            .flat_map(|(view, chance)| {
                let length = epsilon / norm(chance.iter().copied());
                view.iter().zip(chance).map(move |(v, c)| v + length * c)
            })
            .collect();
        let (before, random) = (loss(&views), loss(&random));
        let mut adversary = Adversary::new(&architecture, epsilon, 3);
        let mut moved = views.clone();
        adversary.disturb(|| parameters.clone(), &heads, &mut moved, &targets);
        let after = loss(&moved);
        assert!(
            after - before > 3.0 * (random - before).abs(),
            "{before} {random} {after}"
        );
        for (moved, view) in moved.chunks(pixels).zip(views.chunks(pixels)) {
            let far = norm(moved.iter().zip(view).map(|(m, v)| m - v));
            assert!(far <= epsilon * 1.0001 && far > 0.5 * epsilon, "{far}");
        }
    }
}
