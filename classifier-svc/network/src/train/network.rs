//! The network in training: from the image up to the loss, back down to every gradient, and folded to what is served.

use deepface_statistics::standard_normal;
use rayon::prelude::*;

use super::{
    batch_norm::{Moments, Norm},
    convolution::Branched,
    dense::Dense,
    dropout::Dropout,
    optimizer::{Parameter, Step, update},
};
use crate::{
    arch::{Architecture, Op, Stage},
    cpu::{Aligned, Isa, Layout, MaxPool, Parameters},
    heads::{self, LOGITS},
};

/// What a stage computes and learns.
enum Kind {
    Convolution(Box<Branched>),
    Pool(MaxPool),
    Dense(Box<Dense>),
}

/// A stage, and its buffers for one batch.
struct Layer {
    kind: Kind,
    layout: Layout,
    /// The activation.
    y: Aligned,
    /// Cotangent of the activation.
    d: Aligned,
    /// Where the rectifier, or of a pooling the maxima, passed; see [`crate::cpu::Bits`].
    bits: Vec<u16>,
}

/// Where a stage leaves the cotangent of its input.
pub(super) struct Below<'a> {
    pub(super) d: &'a mut [f32],
    /// Where the rectifier passed that ends the stage below; `None` where none does.
    pub(super) mask: Option<&'a [u16]>,
}

impl Kind {
    /// A stage with random weights.
    fn random(stage: &Stage, batch: usize, branches: bool, seed: u64) -> Self {
        match &stage.op {
            Op::Conv(conv) => Self::Convolution(Branched::new(conv, batch, branches, seed).into()),
            Op::Pool(pool) => Self::Pool(pool.clone()),
            Op::Linear(linear) => {
                Self::Dense(Dense::new(linear, batch, stage.rectified(), seed).into())
            }
        }
    }

    /// A stage that begins with these weights.
    fn with(stage: &Stage, parameters: Parameters) -> Self {
        match &stage.op {
            Op::Conv(conv) => Self::Convolution(Branched::with(conv, parameters).into()),
            Op::Pool(pool) => Self::Pool(pool.clone()),
            Op::Linear(linear) => {
                Self::Dense(Dense::with(linear, stage.rectified(), parameters).into())
            }
        }
    }
}

impl Layer {
    fn new(stage: &Stage, batch: usize, kind: Kind) -> Self {
        let layout = stage.layout();
        Self {
            kind,
            layout,
            y: Aligned::zeros(batch * layout.len()),
            d: Aligned::zeros(batch * layout.len()),
            bits: vec![0; batch * stage.bits()],
        }
    }

    fn below(&mut self) -> Below<'_> {
        let rectified = !matches!(self.kind, Kind::Pool(_));
        Below {
            mask: rectified.then_some(&self.bits),
            d: &mut self.d,
        }
    }

    fn norms_mut(&mut self) -> &mut [Norm] {
        match &mut self.kind {
            Kind::Convolution(branched) => &mut branched.norms,
            Kind::Pool(_) => &mut [],
            Kind::Dense(dense) => dense.norm.as_mut_slice(),
        }
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        match &mut self.kind {
            Kind::Convolution(branched) => branched.parameters_mut(),
            Kind::Pool(_) => Vec::new(),
            Kind::Dense(dense) => dense.parameters_mut(),
        }
    }

    fn fold(&self) -> Parameters {
        match &self.kind {
            Kind::Convolution(branched) => branched.fold(),
            Kind::Pool(_) => Parameters::default(),
            Kind::Dense(dense) => dense.fold(),
        }
    }
}

/// A network that learns, or the upper part of one, whose inputs are then the activations of the stages below.
pub(super) struct Trainee {
    architecture: Architecture,
    /// Of the stages below, which do not learn.
    below: Vec<Parameters>,
    layers: Vec<Layer>,
    input: Layout,
    inputs: Aligned,
    isa: Isa,
    /// Share of the features of fc6 and fc7 that a step leaves out.
    dropout: f32,
    /// Whether it is left out of the convolutions' too.
    dropout_everywhere: bool,
}

impl Trainee {
    /// A network with random weights, whose convolutions have branches or their kernel alone.
    pub(super) fn new(
        architecture: &Architecture,
        batch: usize,
        dropout: f32,
        branches: bool,
        seed: u64,
    ) -> Self {
        let stages = architecture.stages();
        let layers = stages.iter().enumerate().map(|(i, stage)| {
            let kind = Kind::random(stage, batch, branches, seed.wrapping_add(i as u64));
            Layer::new(stage, batch, kind)
        });
        let image = Layout::bordered(3, architecture.input, architecture.input);
        Self {
            architecture: architecture.clone(),
            below: Vec::new(),
            layers: layers.collect(),
            input: image,
            inputs: Aligned::zeros(batch * image.len()),
            isa: Isa::detect(),
            dropout,
            dropout_everywhere: false,
        }
    }

    /// A network that begins with trained weights, an entry per stage, and of which the stages from `first` on learn.
    /// It has neither branches nor batch normalisation.
    pub(super) fn with(
        architecture: &Architecture,
        batch: usize,
        dropout: f32,
        mut parameters: Vec<Parameters>,
        first: usize,
    ) -> Self {
        let stages = architecture.stages();
        let above = parameters.split_off(first);
        let layers = stages[first..].iter().zip(above);
        let layers = layers.map(|(stage, p)| Layer::new(stage, batch, Kind::with(stage, p)));
        let image = Layout::bordered(3, architecture.input, architecture.input);
        let input = first.checked_sub(1).map_or(image, |i| stages[i].layout());
        Self {
            architecture: architecture.clone(),
            below: parameters,
            layers: layers.collect(),
            input,
            inputs: Aligned::zeros(batch * input.len()),
            isa: Isa::detect(),
            dropout,
            dropout_everywhere: false,
        }
    }

    /// Says whether a step leaves out features of the convolutions too.
    pub(super) fn drop_everywhere(mut self, everywhere: bool) -> Self {
        self.dropout_everywhere = everywhere;
        self
    }

    /// Forward in training mode. `inputs` is `[n, 3, S, S]` as the network expects them, or the activations of the stage
    /// below the first that learns.
    pub(super) fn forward(&mut self, inputs: &[f32], n: usize, dropout_seed: Option<u64>) {
        let (isa, input) = (self.isa, self.input);
        self.inputs
            .par_chunks_mut(input.len())
            .zip(inputs.par_chunks(inputs.len() / n))
            .for_each(|(to, from)| input.pack(from, to));
        for i in 0..self.layers.len() {
            let dropout = dropout_seed.map(|seed| Dropout {
                share: self.dropout,
                seed: seed ^ (self.below.len() + i) as u64,
            });
            let (below, above) = self.layers.split_at_mut(i);
            let x: &[f32] = below.last().map_or(&self.inputs, |b| &b.y);
            let Layer { kind, y, bits, .. } = &mut above[0];
            match kind {
                Kind::Convolution(branched) => {
                    let dropout = dropout.filter(|_| self.dropout_everywhere);
                    branched.forward(isa, n, x, y, bits, i > 0, dropout);
                }
                Kind::Pool(pool) => pool.forward(isa, n, x, y, bits),
                Kind::Dense(dense) => dense.forward(isa, n, x, y, bits, dropout),
            }
        }
    }

    /// What the averaged weights make of inputs, `[n, 115]`, for a network without batch normalisation: with it, what
    /// is served is what [`Trainee::fold`] gives.
    pub(super) fn logits(&mut self, inputs: &[f32], n: usize) -> Vec<f32> {
        self.swap_averages();
        self.forward(inputs, n, None);
        self.swap_averages();
        let Some(Layer { layout, y, .. }) = self.layers.last() else {
            return Vec::new();
        };
        let images = y[..n * layout.len()].chunks_exact(layout.len());
        images.flat_map(|image| &image[..LOGITS]).copied().collect()
    }

    /// Loss per image of the last forward pass against `targets`, `[n, 115]`, and the gradients of everything
    /// learned.
    pub(super) fn backward(&mut self, n: usize, targets: &[f32]) -> f64 {
        let top = self.layers.len() - 1;
        let Layer { layout, y, d, .. } = &mut self.layers[top];
        let stride = layout.len();
        let mut loss = 0.0;
        for image in 0..n {
            let logits = &mut d[image * stride..][..stride];
            logits.copy_from_slice(&y[image * stride..][..stride]);
            loss +=
                heads::cross_entropy(&mut logits[..LOGITS], &targets[image * LOGITS..][..LOGITS]);
            logits[..LOGITS].iter_mut().for_each(|g| *g /= n as f32);
            logits[LOGITS..].fill(0.0);
        }
        for i in (0..=top).rev() {
            self.backward_layer(i, n);
        }
        loss / n as f64
    }

    fn backward_layer(&mut self, i: usize, n: usize) {
        let isa = self.isa;
        let (below, above) = self.layers.split_at_mut(i);
        let Layer { kind, d, bits, .. } = &mut above[0];
        let mut below = below.last_mut();
        let y = below.as_deref_mut().map(|b| std::mem::take(&mut b.y));
        let x: &[f32] = y.as_deref().unwrap_or(&self.inputs);
        let to = below.as_deref_mut().map(Layer::below);
        match (kind, to) {
            (Kind::Convolution(branched), to) => branched.backward(isa, n, x, d, to),
            (Kind::Dense(dense), to) => dense.backward(isa, n, x, d, to),
            (Kind::Pool(pool), Some(to)) => pool.input_gradient_of_rectified(n, bits, d, to.d),
            (Kind::Pool(_), None) => {}
        }
        if let (Some(below), Some(y)) = (below, y) {
            below.y = y;
        }
    }

    /// Moves everything learned along its gradients: the heads at the rate of the step, every stage below that learns
    /// at `decay` times the rate of the one above.
    pub(super) fn learn(&mut self, step: Step, decay: f32) {
        let mut rate = step.rate;
        for layer in self.layers.iter_mut().rev() {
            let parameters = layer.parameters_mut();
            // A pooling is no distance.
            if parameters.is_empty() {
                continue;
            }
            let step = Step { rate, ..step };
            parameters.into_iter().for_each(|p| update(p, step));
            rate *= decay;
        }
    }

    /// Whether what is served depends on moments that [`Trainee::fold`] must measure.
    pub(super) fn normalised(&mut self) -> bool {
        self.layers.iter_mut().any(|l| !l.norms_mut().is_empty())
    }

    /// What is served: the averaged weights, normalised with their moments over the batches that `next` gives, all
    /// branches in one kernel. The weights themselves are put back.
    pub(super) fn fold(
        &mut self,
        batches: usize,
        n: usize,
        mut next: impl FnMut(usize) -> Vec<f32>,
    ) -> Vec<Parameters> {
        self.swap_averages();
        let mut total: Vec<Moments> = Vec::new();
        for batch in 0..batches {
            self.forward(&next(batch), n, None);
            let norms = self.layers.iter_mut().flat_map(Layer::norms_mut);
            let moments: Vec<&Moments> = norms.map(|norm| &norm.moments).collect();
            total.resize(moments.len(), Moments::default());
            for (total, part) in total.iter_mut().zip(moments) {
                total.add(part, 1.0 / batches as f32);
            }
        }
        let norms = self.layers.iter_mut().flat_map(Layer::norms_mut);
        norms.zip(total).for_each(|(norm, m)| norm.moments = m);
        let folded = self.current();
        self.swap_averages();
        folded
    }

    /// The weights as they are now, normalised with the moments that were measured last, all branches in one kernel.
    pub(super) fn current(&self) -> Vec<Parameters> {
        let learned = self.layers.iter().map(Layer::fold);
        self.below.iter().cloned().chain(learned).collect()
    }

    fn swap_averages(&mut self) {
        for parameter in self.parameters_mut() {
            std::mem::swap(&mut parameter.value, &mut parameter.average);
        }
    }

    /// Everything that is learned, always in the same order.
    pub(super) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        self.layers.iter_mut().flat_map(Layer::parameters_mut)
    }

    /// The topology.
    pub(super) fn architecture(&self) -> &Architecture {
        &self.architecture
    }
}

/// Independent normal values of mean 0.
pub(super) fn normal(seed: u64, n: usize, deviation: f32) -> Vec<f32> {
    use rand::SeedableRng;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    (0..n)
        .map(|_| deviation * standard_normal(&mut rng))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::optimizer::Rule;
    use crate::{
        cpu::{LANES, Network},
        random,
    };

    const N: usize = 6;

    fn images() -> Vec<f32> {
        let side = Architecture::tiny().input;
        normal(1, N * 3 * side * side, 1.0)
    }

    fn targets() -> Vec<f32> {
        let mut targets = vec![0.0; N * LOGITS];
        for (i, t) in targets.chunks_exact_mut(LOGITS).enumerate() {
            heads::soft_targets(&std::array::from_fn(|a| (a * 7 + i) % 5 == 0), 0.1, t);
        }
        targets
    }

    /// Along the gradient of each parameter the loss must rise with the square of the gradient's norm.
    #[test]
    fn every_gradient_is_the_slope_of_the_loss() {
        for branches in [false, true] {
            for everywhere in [false, true] {
                let trainee = Trainee::new(&Architecture::tiny(), N, 0.25, branches, 3);
                gradients_are_slopes(trainee.drop_everywhere(everywhere), &images());
            }
        }
        for first in [0, conv5_1(), conv5_1() + 4, conv5_1() + 6] {
            for everywhere in [false, true] {
                let mut parameters = random::weights(Architecture::tiny()).parameters;
                // Dropout after every layer makes logits so large that the loss stops at its smallest probability.
                let heads = parameters.last_mut().unwrap();
                heads.weight.iter_mut().for_each(|w| *w *= 0.1);
                let trainee = Trainee::with(&Architecture::tiny(), N, 0.25, parameters, first);
                let trainee = trainee.drop_everywhere(everywhere);
                let inputs = normal(1, N * inputs(first), 1.0);
                gradients_are_slopes(trainee, &inputs);
            }
        }
    }

    fn conv5_1() -> usize {
        let stages = Architecture::tiny().stages();
        stages.iter().position(|s| s.name == "conv5_1").unwrap()
    }

    /// Values that the stages from `first` on read.
    fn inputs(first: usize) -> usize {
        let side = Architecture::tiny().input;
        let stages = Architecture::tiny().stages();
        let below = first.checked_sub(1);
        below.map_or(3 * side * side, |i| stages[i].shape().iter().product())
    }

    /// A network that begins with weights, and of which the stages from `first` on learn.
    fn begun(first: usize) -> Trainee {
        let parameters = random::weights(Architecture::tiny()).parameters;
        Trainee::with(&Architecture::tiny(), N, 0.25, parameters, first)
    }

    fn network() -> Network {
        let parameters = random::weights(Architecture::tiny()).parameters;
        Network::new(&Architecture::tiny(), &parameters, Isa::detect(), 1)
    }

    #[test]
    fn a_network_begins_as_the_model_that_it_is_made_from() {
        let (images, targets, mut network) = (images(), targets(), network());
        let top = network.stages().len() - 1;
        for first in [0, conv5_1(), top - 2, top - 1, top] {
            let wanted = [first.saturating_sub(1), top];
            let mut said = network.forward(&images, N, &wanted);
            let inputs = if first == 0 { &images } else { &said[0] };
            let mut trainee = begun(first);
            let close = |a: &[f32], b: &[f32]| {
                assert_eq!(a.len(), b.len());
                a.iter()
                    .zip(b)
                    .for_each(|(a, b)| assert!((a - b).abs() < 1e-4, "{a} {b}"));
            };
            close(&trainee.logits(inputs, N), &said[1]);
            trainee.forward(inputs, N, None);
            let loss = trainee.backward(N, &targets);
            let each = said[1]
                .chunks_exact_mut(LOGITS)
                .zip(targets.chunks_exact(LOGITS));
            let own: f64 = each.map(|(l, t)| heads::cross_entropy(l, t)).sum();
            assert!((loss - own / N as f64).abs() < 1e-4, "{first}: {loss}");
            assert!(!trainee.normalised());
            assert!(
                trainee.fold(0, N, |_| unreachable!())
                    == random::weights(Architecture::tiny()).parameters
            );
        }
    }

    #[test]
    fn every_stage_learns_at_its_own_rate() {
        let mut trainee = begun(conv5_1());
        let inputs = normal(1, N * inputs(conv5_1()), 1.0);
        trainee.forward(&inputs, N, None);
        trainee.backward(N, &targets());
        let before: Vec<Parameter> = trainee.parameters_mut().map(|p| p.clone()).collect();
        let step = Step {
            rule: Rule::Sgd,
            rate: 0.1,
            decay: 0.0,
            index: 0,
        };
        trainee.learn(step, 0.5);
        // Weight and bias of conv5_1, conv5_2, conv5_3, fc6, fc7 and the heads.
        let rates = [1.0 / 32.0, 1.0 / 16.0, 1.0 / 8.0, 1.0 / 4.0, 1.0 / 2.0, 1.0].map(|r| 0.1 * r);
        let rates = rates.iter().flat_map(|r| [r; 2]);
        let after: Vec<&mut Parameter> = trainee.parameters_mut().collect();
        assert_eq!(after.len(), 12);
        for ((before, after), rate) in before.iter().zip(after).zip(rates) {
            assert!(before.gradient.iter().any(|&g| g != 0.0));
            let moved = before
                .value
                .iter()
                .zip(&before.gradient)
                .map(|(w, g)| w - rate * g);
            assert!(moved.zip(&after.value).all(|(m, &w)| (m - w).abs() <= 1e-7));
        }
    }

    #[test]
    fn what_does_not_learn_stays_as_it_is() {
        let first = conv5_1();
        let mut trainee = begun(first);
        let inputs = normal(1, N * inputs(first), 1.0);
        for index in 0..3 {
            trainee.forward(&inputs, N, Some(5));
            trainee.backward(N, &targets());
            let step = Step {
                rule: Rule::Adamw,
                rate: 0.1,
                decay: 0.1,
                index,
            };
            trainee.learn(step, 0.9);
        }
        let (before, after) = (
            random::weights(Architecture::tiny()).parameters,
            trainee.fold(0, N, |_| unreachable!()),
        );
        assert_eq!(before.len(), after.len());
        for (i, (before, after)) in before.iter().zip(&after).enumerate() {
            let learns = i >= first && !before.weight.is_empty();
            assert_eq!(before != after, learns, "stage {i}");
        }
    }

    fn gradients_are_slopes(mut trainee: Trainee, images: &[f32]) {
        let targets = targets();
        let loss = |trainee: &mut Trainee| {
            trainee.forward(images, N, Some(11));
            trainee.backward(N, &targets)
        };
        loss(&mut trainee);
        let gradients: Vec<Vec<f32>> = trainee
            .parameters_mut()
            .map(|p| p.gradient.clone())
            .collect();
        for (i, gradient) in gradients.iter().enumerate() {
            let norm = gradient
                .iter()
                .map(|&g| f64::from(g).powi(2))
                .sum::<f64>()
                .sqrt();
            let mut at = |step: f64| {
                let shift = |trainee: &mut Trainee, sign: f64| {
                    let parameter = trainee.parameters_mut().nth(i).unwrap();
                    for (w, g) in parameter.value.iter_mut().zip(gradient) {
                        *w += (sign * step * f64::from(*g) / norm) as f32;
                    }
                };
                shift(&mut trainee, 1.0);
                let l = loss(&mut trainee);
                shift(&mut trainee, -1.0);
                l
            };
            let step = 2e-4;
            let slope = (at(step) - at(-step)) / (2.0 * step);
            assert!(
                (slope - norm).abs() < 0.03 * norm + 2e-3,
                "parameter {i} of {}: {slope} instead of {norm}",
                gradients.len()
            );
        }
    }

    #[test]
    fn gradients_do_not_depend_on_the_number_of_threads() {
        let step = |threads: usize| -> Vec<Vec<f32>> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                let mut trainee = Trainee::new(&Architecture::tiny(), N, 0.25, true, 3);
                trainee.forward(&images(), N, Some(11));
                trainee.backward(N, &targets());
                let all = trainee.parameters_mut().map(|p| p.gradient.clone());
                all.collect()
            })
        };
        assert!(step(1) == step(3));
    }

    /// With the moments of a batch, the folded network computes what training computed of this batch.
    #[test]
    fn the_folded_network_is_the_trained_one() {
        let (architecture, images) = (Architecture::tiny(), images());
        for branches in [false, true] {
            let mut trainee = Trainee::new(&architecture, N, 0.25, branches, 3);
            for (i, p) in trainee.parameters_mut().enumerate() {
                for (x, noise) in p
                    .value
                    .iter_mut()
                    .zip(normal(i as u64, p.average.len(), 0.2))
                {
                    *x += noise;
                }
                p.average.clone_from(&p.value);
            }
            let parameters = trainee.fold(1, N, |_| images.clone());
            let mut network = Network::new(&architecture, &parameters, Isa::detect(), 1);
            let top = network.stages().len() - 1;
            let folded: Vec<f32> = images
                .chunks(network.capacity() * images.len() / N)
                .flat_map(|part| {
                    let n = part.len() * N / images.len();
                    network.forward(part, n, &[top]).remove(0)
                })
                .collect();
            trainee.forward(&images, N, None);
            let trained = trainee.layers[top]
                .y
                .chunks_exact(LOGITS.next_multiple_of(LANES));
            let trained: Vec<f32> = trained.flat_map(|y| &y[..LOGITS]).copied().collect();
            assert_eq!(folded.len(), trained.len());
            let largest = trained.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
            assert!(largest > 0.5, "{largest}");
            for (f, t) in folded.iter().zip(&trained) {
                assert!((f - t).abs() < 1e-3, "{branches}: {f} instead of {t}");
            }
        }
    }
}
