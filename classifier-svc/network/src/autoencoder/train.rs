//! Training: epochs of steps, a checkpoint after each, and the result.

use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use deepface_attributes::Schema;
use deepface_files::sha256_of;
use rand::seq::SliceRandom;

use super::{
    critic::Critic,
    curve::Epoch,
    description::{Description, Sampling},
    face::{Face, arrays},
    inputs::Inputs,
    learner::{Learner, Terms, Weights, rounded},
    looks::Weighting,
    matching::Matching,
    model::{Autoencoder, named},
    networks::{Networks, Posterior},
    perceptual::Perceptual,
    prior::Prior,
    settings::Settings,
    topology::Spec,
};
use crate::{
    parameters::Parameters,
    train::{
        checkpoint::{resume_parameters, save_parameters},
        optimizer::{Parameter, Rule, Schedule, Step, update},
        random::{Purpose, Random},
    },
};

/// Faces that the size of the classifier's activations is measured on.
const MEASURED: usize = 256;
/// Learning rate of the critic.
const CRITICAL_RATE: f32 = 5e-4;

/// What an autoencoder learns from.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// Faces to learn from; leave test people out.
    pub train: &'a [Face],
    /// Faces of other people, for the validation loss and the choice of the Gaussian that faces are drawn from.
    pub validation: &'a [Face],
    /// The attributes of the labels.
    pub schema: &'a Schema,
    /// Licence of what is learned.
    pub license: &'a str,
    /// The weights file of the classifier for the perceptual loss.
    pub classifier: Option<&'a [u8]>,
    /// Where training starts; from random weights if nowhere.
    pub start: Option<&'a Autoencoder>,
}

/// How far training is.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// Finished epochs were read from the checkpoint.
    Resumed {
        /// Steps that are done.
        done: usize,
        /// All steps.
        all: usize,
    },
    /// A step is done.
    Step {
        /// Steps that are done.
        done: usize,
        /// All steps.
        all: usize,
        /// The loss of this step.
        loss: f64,
    },
    /// An epoch is done: the whole curve.
    Epoch(&'a [Epoch]),
}

/// What training results in.
pub struct Trained {
    /// The autoencoder.
    pub autoencoder: Autoencoder,
    /// The losses of every epoch.
    pub curve: Vec<Epoch>,
}

/// Trains an autoencoder. With a `checkpoint`, every epoch is kept there, and a run that was killed goes on from it with
/// the same result. The file stays after the end.
///
/// # Errors
/// A setting or a face does not fit, the classifier cannot be used, or the checkpoint is another run's or cannot be
/// written.
pub fn train(
    settings: &Settings,
    data: &Data<'_>,
    checkpoint: Option<&Path>,
    watch: &mut dyn FnMut(Progress<'_>),
) -> anyhow::Result<Trained> {
    check(settings, data)?;
    let mut training = Training::new(settings, data)?;
    let curve = training.run(checkpoint, watch)?;
    let autoencoder = training.finish(&curve)?;
    Ok(Trained { autoencoder, curve })
}

fn check(settings: &Settings, data: &Data<'_>) -> anyhow::Result<()> {
    settings.check().map_err(|problem| anyhow!(problem))?;
    let (count, side) = (data.schema.len(), settings.topology.side as u32);
    for face in data.train.iter().chain(data.validation) {
        let (got, labels) = (face.image.dimensions(), face.labels.len());
        ensure!(
            got == (side, side),
            "faces: expected {side}x{side} pixels, got {got:?}"
        );
        ensure!(labels == count, "labels: expected {count}, got {labels}");
    }
    let (train, validation) = (data.train.len(), data.validation.len());
    ensure!(
        train >= settings.batch,
        "batch: expected at most {train}, the number of training faces, got {}",
        settings.batch
    );
    ensure!(validation > 0, "expected validation faces, got none");
    if let Some(start) = data.start {
        let theirs = &start.description().settings;
        ensure!(
            start.weights_for(&settings.topology).is_some()
                && theirs.conditional == settings.conditional
                && start.schema() == data.schema,
            "start: expected an autoencoder of the same sizes (of the side that is left by --fold, if it has none) and \
             attributes, got {:?}, {}",
            theirs.topology,
            if theirs.conditional {
                "conditional"
            } else {
                "unconditional"
            }
        );
    }
    Ok(())
}

struct Training<'a> {
    settings: &'a Settings,
    data: &'a Data<'a>,
    learner: Learner,
    steps: usize,
}

impl<'a> Training<'a> {
    fn new(settings: &'a Settings, data: &'a Data<'a>) -> anyhow::Result<Self> {
        let topology = &settings.topology;
        let perceptual = settings.perceives().then(|| {
            let file = data.classifier.context(
                "the perceptual loss needs a classifier; give one, or set its weight to 0",
            )?;
            let (faces, _) = arrays(data.train.iter().take(MEASURED));
            let sides = [topology.side, settings.perceptual_side];
            let layers = [&settings.perceptual_layers[..], settings.matched()];
            Perceptual::new(file, layers, sides, &faces)
        });
        let perceptual = perceptual.transpose()?;
        let matching = perceptual
            .as_ref()
            .filter(|_| settings.matching_weight > 0.0);
        let matching = matching.map(|p| Matching::new(p.shapes()));
        let critic = perceptual.as_ref().filter(|_| settings.contested());
        let critic = critic.map(|p| Critic::new(p, topology, settings.seed));
        let count = settings.read_of(data.schema.len());
        let batch = settings.batch + settings.mixed();
        let start = data.start.and_then(|start| start.weights_for(topology));
        let networks = match start {
            None => Networks::random(topology, count, batch, settings.seed),
            Some(weights) => {
                let take = |spec: &Spec| named(&weights, spec);
                Networks::given(topology, [count, batch], false, take)?
            }
        };
        Ok(Self {
            settings,
            data,
            learner: Learner {
                networks,
                perceptual,
                matching,
                critic,
            },
            steps: data.train.len() / settings.batch,
        })
    }

    /// Everything that decides the result.
    fn identity(&self) -> String {
        let all = self.data.train.iter().chain(self.data.validation);
        let bytes = |face: &Face| {
            let labels = face.labels.iter().map(|&l| u8::from(l));
            face.image
                .as_raw()
                .iter()
                .copied()
                .chain(labels)
                .collect::<Vec<u8>>()
        };
        let faces = sha256_of(all.map(bytes));
        let classifier = self.learner.perceptual.as_ref();
        let classifier = classifier.map_or("none", Perceptual::digest);
        let counts = [self.data.train.len(), self.data.validation.len()];
        let attributes: Vec<&str> = self.data.schema.names().collect();
        let attributes = sha256_of([attributes.join("\n")]);
        let start = self.data.start.map(|start| {
            let weights = start.weights().iter();
            let bits = |p: &Parameters| -> Vec<u8> {
                let all = p.weight.iter().chain(&p.bias);
                all.flat_map(|x| x.to_le_bytes()).collect()
            };
            sha256_of(weights.map(|(_, parameters)| bits(parameters)))
        });
        format!(
            "{:?} on {counts:?} faces {faces} with {attributes}, seen by {classifier}, from {start:?}",
            self.settings
        )
    }

    /// All epochs that the checkpoint does not have.
    fn run(
        &mut self,
        checkpoint: Option<&Path>,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> anyhow::Result<Vec<Epoch>> {
        let identity = self.identity();
        let mut curve: Vec<Epoch> = Vec::new();
        let all = self.settings.epochs * self.steps;
        if let Some(path) = checkpoint {
            let parameters = self.learner.parameters_mut().collect();
            if let Some((_, text)) = resume_parameters(path, parameters, &identity)? {
                let read = serde_json::from_str(&text);
                curve = read.with_context(|| {
                    format!("{} is damaged; delete it to start over", path.display())
                })?;
                let done = curve.len() * self.steps;
                watch(Progress::Resumed { done, all });
            }
        }
        for epoch in curve.len()..self.settings.epochs {
            let train = self.epoch(epoch, watch)?;
            curve.push(Epoch {
                number: epoch + 1,
                train: train.rounded(),
                validation: self.validate().rounded(),
            });
            if let Some(path) = checkpoint {
                let text = serde_json::to_string(&curve)?;
                let parameters = self.learner.parameters_mut();
                let parameters: Vec<&Parameter> = parameters.map(|p| &*p).collect();
                save_parameters(path, &parameters, epoch + 1, &identity, &text)?;
            }
            watch(Progress::Epoch(&curve));
        }
        Ok(curve)
    }

    fn epoch(
        &mut self,
        epoch: usize,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> anyhow::Result<Terms> {
        let settings = self.settings;
        let mut order: Vec<&Face> = self.data.train.iter().collect();
        let random = Random::new(settings.seed, Purpose::Order, epoch);
        order.shuffle(&mut random.stream(0));
        let all = settings.epochs * self.steps;
        let mut mean = Terms::default();
        for (step, faces) in order.chunks_exact(settings.batch).enumerate() {
            let index = epoch * self.steps + step;
            let progress = index as f64 / all as f64;
            let weights = Weights {
                pixels: settings.pixel_weight,
                range: settings.range_weight,
                chroma: settings.chroma_weight,
                beta: settings.beta_at(progress),
                looks: Weighting {
                    perceptual: settings.perceptual_at(progress),
                    matching: settings.matching_at(progress),
                    adversarial: settings.adversarial_at(progress),
                },
            };
            let inputs = Inputs::random(faces, settings, index);
            let step = Step {
                rule: Rule::Adamw,
                momentum: settings.momentum(),
                rate: Schedule::OneCycle.rate(settings.learning_rate, progress as f32),
                decay: settings.weight_decay,
                index,
            };
            let before = (all as f64 * (1.0 - settings.adversarial_share)).ceil() as usize;
            let critical = Step {
                rate: CRITICAL_RATE,
                index: index.saturating_sub(before),
                ..step
            };
            let terms = self.learner.learn(&inputs.batch(), &weights, critical);
            let loss = terms.total(&weights);
            ensure!(
                loss.is_finite(),
                "the loss is {loss} in epoch {}; use a lower learning rate than {}",
                epoch + 1,
                settings.learning_rate
            );
            let parameters = self.learner.networks.parameters_mut();
            parameters.for_each(|parameter| update(parameter, step));
            mean.add(&terms, 1.0 / self.steps as f64);
            let done = index + 1;
            watch(Progress::Step { done, all, loss });
        }
        Ok(mean)
    }

    /// The terms of the validation faces, with the averaged weights.
    fn validate(&mut self) -> Terms {
        self.learner.networks.swap_averages();
        let faces: Vec<&Face> = self.data.validation.iter().collect();
        let mut mean = Terms::default();
        for part in faces.chunks(self.settings.batch) {
            let inputs = Inputs::straight(part, self.settings);
            let terms = self.learner.terms(&inputs.batch());
            mean.add(&terms, part.len() as f64 / faces.len() as f64);
        }
        self.learner.networks.swap_averages();
        mean
    }

    /// The autoencoder of the averaged weights, rounded to the 16 bits that are stored.
    fn finish(mut self, curve: &[Epoch]) -> anyhow::Result<Autoencoder> {
        self.learner.networks.swap_averages();
        let mut weights = self.learner.networks.weights();
        for (name, parameters) in &mut weights {
            parameters.round_to_half().map_err(|x| {
                anyhow!(
                    "{name}: a weight of {x} is too large for 16 bits; use a lower learning rate"
                )
            })?;
        }
        let (settings, count) = (self.settings, self.data.schema.len());
        let topology = &settings.topology;
        let sizes = [settings.read_of(count), settings.batch];
        let take = |spec: &Spec| named(&weights, spec);
        let mut networks = Networks::given(topology, sizes, true, take)?;
        let [train, validation] = [self.data.train, self.data.validation]
            .map(|faces| latents(&mut networks, faces, settings.batch));
        let standard = Prior::standard(topology.latent, count);
        let fitted = Prior::fit(&train.0, &train.1, count);
        let divergence = |prior: &Prior| prior.divergence(&validation.0, &validation.1);
        let fitted = fitted.filter(|fitted| divergence(fitted) < divergence(&standard));
        let sampling = match &fitted {
            Some(_) => Sampling::Fitted,
            None => Sampling::Standard,
        };
        let prior = fitted.unwrap_or_else(|| standard.clone());
        let description = Description {
            settings: settings.clone(),
            schema: self.data.schema.clone(),
            license: self.data.license.to_owned(),
            sampling,
            divergences: [&standard, &prior].map(|prior| rounded(divergence(prior))),
            losses: curve.last().copied(),
        };
        Ok(Autoencoder::new(description, weights, prior)?)
    }
}

/// The latents of faces, and their attributes.
fn latents(networks: &mut Networks, faces: &[Face], batch: usize) -> (Posterior, Vec<f32>) {
    let mut all = Posterior {
        mean: Vec::new(),
        log_variance: Vec::new(),
    };
    let mut labels = Vec::new();
    for part in faces.chunks(batch) {
        let (pixels, attributes) = arrays(part);
        let found = networks.encode(&pixels, &attributes);
        all.mean.extend(found.mean);
        all.log_variance.extend(found.log_variance);
        labels.extend(attributes);
    }
    (all, labels)
}
