//! Training of the classifier (paper, section 3.2): photographs in, a weights file out.

mod adversary;
mod args;
pub(crate) mod batch_norm;
pub(crate) mod below;
mod cache;
mod calibration;
pub(crate) mod checkpoint;
pub(crate) mod convolution;
mod curve;
mod data;
pub(crate) mod dense;
mod dropout;
mod fine_tune;
mod frozen;
mod init;
mod layer;
pub(crate) mod license;
mod likeness;
mod loss;
mod mixup;
pub(crate) mod optimizer;
mod output;
pub(crate) mod random;
mod rehearsal;
mod soft;
mod source;
mod splits;
mod task;
mod teacher;
mod trainee;
mod validation;

use std::{path::PathBuf, time::Instant};

use anyhow::anyhow;
use deepface_attributes::Schema;
use deepface_files::Destination;
use indicatif::{ProgressBar, ProgressStyle};
use rand::seq::SliceRandom;

use crate::{
    ChannelOrder, Description, Preprocessing, VGG_FACE_MEAN,
    measure::{said, table},
    parameters::Parameters,
    seal::seal,
    weights::Weights,
};
use adversary::Adversary;
pub use args::TrainArgs;
use data::{Faces, Photographs};
use fine_tune::Start;
use init::Init;
use loss::Loss;
use mixup::Mixup;
use optimizer::{MOMENTUM, Step};
use random::{Purpose, Random};
pub use rehearsal::Rehearsal;
use source::Source;
use splits::Splits;
use task::Task;
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
    let photographs = Photographs::load(&train, &dataset.known, architecture.input)?;
    let task = match args.identities {
        true => Task::people(args, &photographs),
        false => Task::Attributes {
            soft: args.soft_labels.then(|| soft::probabilities(&train)),
        },
    };
    let schema = schema.clone();
    let loss = task.loss(&photographs, &schema, &dataset.known);
    architecture.logits = loss.logits();
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
            task,
        },
        Some(init) => {
            let start = Start {
                init,
                below,
                args,
                output,
                schema,
                loss,
                task,
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
    task: Task,
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
    fn inputs(&mut self, indices: &[usize], random: Random) -> anyhow::Result<Vec<f32>> {
        let (source, photographs) = (&mut self.source, &self.photographs);
        source.inputs(photographs, &self.preprocessing, indices, random)
    }

    fn targets(&self, indices: &[usize]) -> Vec<f32> {
        let logits = self.loss.logits();
        let mut targets = vec![0.0; indices.len() * logits];
        for (t, &i) in targets.chunks_exact_mut(logits).zip(indices) {
            let labels = self.task.labels(&self.photographs, i);
            self.loss.targets(labels, self.args.label_smoothing, t);
        }
        targets
    }

    /// Runs all epochs; returns the folded weights.
    fn learn(&mut self, validation: &Faces, identity: &str) -> anyhow::Result<Vec<Parameters>> {
        let args = self.args;
        let beside = self.output.is_file().then_some(args.output.as_path());
        let mut curve = beside.map(curve::Curve::open);
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
            let figures = self.validate(validation)?;
            if !args.quiet {
                bar.suspend(|| {
                    deepface_files::note!(
                        "epoch {:3}  loss {loss:.4}  validation: {}  {rate:.1} photographs/s",
                        epoch + 1,
                        said(&figures)
                    );
                });
            }
            if let Some(curve) = &mut curve {
                curve.add(epoch + 1, loss, &figures)?;
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
        order.shuffle(&mut Random::new(args.seed, Purpose::Order, epoch).stream(0));
        let mut total = 0.0;
        for (step, indices) in order.chunks_exact(args.batch).enumerate() {
            let index = epoch * steps + step;
            let random = |purpose| Random::new(args.seed, purpose, index);
            let mut inputs = self.inputs(indices, random(Purpose::View))?;
            let mut targets = self.targets(indices);
            if args.mixup > 0.0 {
                let mixup = Mixup::new(args.mixup, args.batch, random(Purpose::Mixup));
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
            let dropout = Some(random(Purpose::Dropout));
            self.trainee.forward(&inputs, args.batch, dropout);
            let loss = self.trainee.backward(args.batch, &self.loss, &targets);
            let progress = index as f32 / (args.epochs * steps) as f32;
            let step = Step {
                rule: args.optimizer,
                momentum: MOMENTUM,
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
                self.inputs(&indices, Random::new(self.args.seed, Purpose::Moments, b))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(self.trainee.fold(count, n, |b| batches[b].clone()))
    }

    /// The weights of a network that was not measured yet.
    fn weights(&self, mut parameters: Vec<Parameters>) -> Weights {
        let architecture = self.trainee.architecture().clone();
        let fc7_mean = vec![0.0; architecture.features];
        let mut description =
            Description::new(architecture, self.preprocessing.clone(), &self.license)
                .with_schema(self.schema.clone());
        self.task.finish(&mut description, &mut parameters);
        Weights {
            description,
            parameters,
            fc7_mean,
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
        match self.task {
            Task::Attributes { .. } => {
                let train = &self.photographs.truth;
                calibration::measure(&mut weights, validation, test, train)?;
                let beside = self.output.is_file().then_some(self.output.path());
                table::write(beside, &weights.description)?;
            }
            Task::People { .. } => {
                let figure = likeness::measure(&mut weights, validation, test)?;
                deepface_files::note!("test people: {}", said(&[figure]));
            }
        }
        seal(&mut weights)?;
        let written = weights.write_to(&self.output, self.half)?;
        deepface_files::note!("wrote {}", written.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
