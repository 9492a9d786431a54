//! Training of the classifier (paper, section 3.2): photographs in, a weights file out.

mod adversary;
mod args;
pub(crate) mod batch_norm;
pub(crate) mod below;
mod cache;
mod calibration;
pub(crate) mod checkpoint;
pub(crate) mod convolution;
mod data;
pub(crate) mod dense;
mod dropout;
mod fine_tune;
mod frozen;
mod init;
mod layer;
pub(crate) mod license;
mod loss;
mod metrics;
mod mixup;
pub(crate) mod optimizer;
mod output;
pub(crate) mod random;
mod rehearsal;
mod report;
mod soft;
mod source;
mod splits;
mod teacher;
mod trainee;
mod validation;

use std::{path::PathBuf, time::Instant};

use anyhow::anyhow;
use deepface_attributes::Schema;
use deepface_files::Destination;
use indicatif::{ProgressBar, ProgressStyle};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    ChannelOrder, Description, Preprocessing, VGG_FACE_MEAN, parameters::Parameters, seal::seal,
    weights::Weights,
};
use adversary::Adversary;
pub use args::TrainArgs;
use data::{Faces, Photographs};
use fine_tune::Start;
use init::Init;
use loss::{Labels, Loss};
use mixup::Mixup;
use optimizer::Step;
pub use rehearsal::Rehearsal;
use source::Source;
use splits::Splits;
use teacher::Teacher;
use trainee::Trainee;

/// Number of batches that represent the whole training set when batch normalisation is folded.
const FOLD_BATCHES: usize = 32;

/// Trains, measures and writes. Resumes from the checkpoint beside the output if there is one.
///
/// # Errors
/// The data cannot be read, a setting is out of range, or a file cannot be written.
pub fn run(args: &TrainArgs) -> anyhow::Result<()> {
    args.check()?;
    let output = output::check(args)?;
    let init = args.init.as_deref().map(Init::load).transpose()?;
    let own = init.as_ref().map(|i| &i.weights.description);
    let mut architecture = args.architecture(own.map(|d| &d.architecture))?;
    let preprocessing = own.map_or_else(preprocessing, |d| d.preprocessing.clone());
    let below = match (&init, &args.freeze_below) {
        (Some(init), Some(name)) => init.below(name)?,
        _ => 0,
    };
    let own = own.map(|d| &d.schema).filter(|_| !args.new_heads);
    let dataset = splits::dataset(args, own)?;
    let license = args.license(&dataset);
    let Splits {
        train,
        validation,
        test,
    } = Splits::of(&dataset, args)?;

    let teachers = args.teacher.iter();
    let schema = &dataset.schema;
    let load = |path: &PathBuf| Teacher::load(path, architecture.input, &preprocessing, schema);
    let teachers = teachers.map(load);
    let teachers = teachers.collect::<anyhow::Result<Vec<_>>>()?;
    let mut identity = checkpoint::identity(args, [&train, &validation, &test]);
    for teacher in &teachers {
        identity = format!("{identity} taught by {}", teacher.digest);
    }
    if let Some(init) = &init {
        identity = format!("{identity} begun with {}", init.digest);
    }
    let (schema, loss) = (schema.clone(), Loss::new(schema, &dataset.known));
    architecture.logits = loss.logits();
    let soft = args.soft_labels.then(|| soft::probabilities(&train));
    let photographs = Photographs::load(&train, architecture.input)?;
    let validation = Faces::load(&validation, &dataset.known, architecture.input)?;
    let test = Faces::load(&test, &dataset.known, architecture.input)?;
    let mut training = match init {
        None => Training {
            trainee: Trainee::new(
                &architecture,
                args.batch,
                args.dropout,
                !args.plain,
                args.seed,
            )
            .drop_everywhere(args.dropout_everywhere),
            args,
            preprocessing,
            photographs,
            source: Source::Pixels,
            teachers,
            adversary: None,
            output,
            license,
            half: !args.full_precision,
            loss,
            schema,
            soft,
        },
        Some(init) => {
            let start = Start {
                init,
                below,
                args,
                output,
                schema,
                loss,
                soft,
                teachers,
                license,
            };
            Training::begun_with(start, photographs, &validation)?
        }
    };
    let parameters = training.learn(&validation, &identity)?;
    training.finish(parameters, &validation, &test)
}

struct Training<'a> {
    args: &'a TrainArgs,
    output: Destination,
    preprocessing: Preprocessing,
    photographs: Photographs,
    source: Source,
    trainee: Trainee,
    teachers: Vec<Teacher>,
    adversary: Option<Adversary>,
    schema: Schema,
    loss: Loss,
    /// The probability of each attribute of each photograph, where labels are soft.
    soft: Option<Vec<Vec<f32>>>,
    /// Licence of the weights that are written.
    license: String,
    /// Whether the weights are written with 16 bits.
    half: bool,
}

/// The published means of VGG-Face; the scale brings pixels to about unit deviation.
fn preprocessing() -> Preprocessing {
    Preprocessing {
        order: ChannelOrder::Rgb,
        mean: VGG_FACE_MEAN,
        scale: 1.0 / 64.0,
    }
}

impl Training<'_> {
    /// The inputs of the trainee for some photographs.
    fn inputs(&mut self, indices: &[usize], seed: u64) -> anyhow::Result<Vec<f32>> {
        let (source, photographs) = (&mut self.source, &self.photographs);
        source.inputs(photographs, &self.preprocessing, indices, seed)
    }

    fn targets(&self, indices: &[usize]) -> Vec<f32> {
        let logits = self.loss.logits();
        let mut targets = vec![0.0; indices.len() * logits];
        for (t, &i) in targets.chunks_exact_mut(logits).zip(indices) {
            let labels = match &self.soft {
                Some(soft) => Labels::Soft(&soft[i]),
                None => Labels::Hard(&self.photographs.labels[i]),
            };
            self.loss.targets(labels, self.args.label_smoothing, t);
        }
        targets
    }

    /// Runs all epochs; returns the folded weights.
    fn learn(&mut self, validation: &Faces, identity: &str) -> anyhow::Result<Vec<Parameters>> {
        let args = self.args;
        let beside = self.output.is_file().then_some(args.output.as_path());
        let mut curve = beside.map(report::Curve::open);
        let checkpoint = beside.map(|output| output.with_extension("checkpoint"));
        let mut done = 0;
        if let Some(path) = &checkpoint {
            done = checkpoint::resume(path, &mut self.trainee, identity)?;
            if done > 0 {
                deepface_files::note!("resuming after epoch {done} from {}", path.display());
            }
        }
        let steps = self.photographs.len() / args.batch;
        let style = ProgressStyle::with_template(
            "{msg} [{bar:40}] {pos}/{len} steps, {per_sec}, {eta} left",
        )?;
        let bar =
            ProgressBar::new((args.epochs * steps) as u64).with_style(style.progress_chars("=> "));
        bar.set_position((done * steps) as u64);
        bar.reset_eta();
        for epoch in done..args.epochs {
            let began = Instant::now();
            let loss = self.epoch(epoch, steps, &bar)?;
            let rate = (steps * args.batch) as f64 / began.elapsed().as_secs_f64();
            let (accuracy, auc) = self.validate(validation)?;
            bar.suspend(|| {
                deepface_files::note!(
                    "epoch {:3}  loss {loss:.4}  validation: accuracy {accuracy:.4}, AUC {auc:.4}  {rate:.1} photographs/s",
                    epoch + 1
                );
            });
            if let Some(curve) = &mut curve {
                curve.add(epoch + 1, loss, accuracy, auc)?;
            }
            if let Some(path) = &checkpoint {
                checkpoint::save(path, &mut self.trainee, epoch + 1, identity)?;
            }
        }
        bar.finish_and_clear();
        self.fold()
    }

    /// Runs one pass over the photographs; returns the mean loss.
    fn epoch(&mut self, epoch: usize, steps: usize, bar: &ProgressBar) -> anyhow::Result<f64> {
        let args = self.args;
        let mut order: Vec<usize> = (0..self.photographs.len()).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(args.seed ^ ((epoch as u64) << 32));
        order.shuffle(&mut rng);
        let mut total = 0.0;
        for (step, indices) in order.chunks_exact(args.batch).enumerate() {
            let index = epoch * steps + step;
            let seed = args.seed.wrapping_add(index as u64 + 1);
            let (mut inputs, mut targets) = (self.inputs(indices, seed)?, self.targets(indices));
            if args.mixup > 0.0 {
                let mixup = Mixup::new(args.mixup, args.batch, seed);
                (inputs, targets) = (mixup.blend(&inputs), mixup.blend(&targets));
            }
            teacher::correct(
                &mut self.teachers,
                args.teacher_weight,
                &inputs,
                &mut targets,
            );
            if let Some(adversary) = &mut self.adversary {
                let current = || self.trainee.current();
                adversary.disturb(current, &self.loss, &mut inputs, &targets);
            }
            self.trainee.forward(&inputs, args.batch, Some(seed));
            let loss = self.trainee.backward(args.batch, &self.loss, &targets);
            let progress = index as f32 / (args.epochs * steps) as f32;
            let step = Step {
                rule: args.optimizer,
                rate: args.schedule.rate(args.learning_rate, progress),
                decay: args.weight_decay,
                index,
            };
            self.trainee.learn(step, args.layer_decay);
            total += loss;
            bar.set_message(format!("epoch {}, loss {loss:.3}", epoch + 1));
            bar.inc(1);
        }
        Ok(total / steps as f64)
    }

    fn fold(&mut self) -> anyhow::Result<Vec<Parameters>> {
        let n = self.args.batch;
        let count = if self.trainee.normalised() {
            (self.photographs.len() / n).min(FOLD_BATCHES)
        } else {
            0
        };
        let batches: Vec<Vec<f32>> = (0..count)
            .map(|b| {
                // Spread over the whole set.
                let indices: Vec<usize> = (0..n)
                    .map(|i| (i * count + b) * self.photographs.len() / (n * count))
                    .collect();
                self.inputs(&indices, u64::MAX - b as u64)
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(self.trainee.fold(count, n, |b| batches[b].clone()))
    }

    /// The weights of a network that was not measured yet.
    fn weights(&self, parameters: Vec<Parameters>) -> Weights {
        let architecture = self.trainee.architecture().clone();
        Weights {
            parameters,
            fc7_mean: vec![0.0; architecture.features],
            description: Description::new(architecture, self.preprocessing.clone(), &self.license)
                .with_schema(self.schema.clone()),
        }
    }

    /// Calibrates, measures, writes the weights and the report.
    fn finish(
        &self,
        mut parameters: Vec<Parameters>,
        validation: &Faces,
        test: &Faces,
    ) -> anyhow::Result<()> {
        if self.half {
            // The model that is measured has the weights that are stored.
            for rounded in parameters.iter_mut().map(Parameters::round_to_half) {
                rounded.map_err(|x| {
                    anyhow!("a weight of {x} is too large for 16 bits; use --full-precision")
                })?;
            }
        }
        let mut weights = self.weights(parameters);
        calibration::measure(&mut weights, validation, test, |attribute| {
            self.photographs.positives(attribute)
        })?;
        let beside = self.output.is_file().then_some(self.output.path());
        report::write(beside, &weights.description)?;
        seal(&mut weights)?;
        let written = weights.write_to(&self.output, self.half)?;
        deepface_files::note!("wrote {}", written.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
