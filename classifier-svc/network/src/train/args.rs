//! The settings of a training run, and their checks.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use deepface_dataset::{Crop, Dataset};
use deepface_files::same_file;

use super::{
    init::agree,
    license,
    optimizer::{Rule, Schedule},
};
use crate::Architecture;

/// Trains a classifier on labelled photographs: LFW, PubFig, CelebA, or any table of files and attributes.
///
/// People are split by name: 80 in 100 to learn from, 8 to calibrate thresholds on, 12 to report figures on. CelebA's own
/// list of splits is used where it is there.
#[derive(clap::Args, Clone, Debug)]
pub struct TrainArgs {
    /// Folder with the photographs and the label file: a folder per person and one `*_attributes.txt` as in LFW, or
    /// `list_attr_celeba.txt` and `img_align_celeba` as in CelebA.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The label file, if it is not in --data.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Table of groups for the attributes of the label file: a line per group, its name, a tab, and its attributes separated
    /// by commas. Attributes of a group exclude each other. Default: the 42 groups for LFW's attributes, else every
    /// attribute is a group of its own.
    #[arg(long, value_name = "FILE")]
    pub groups: Option<PathBuf>,
    /// Where the faces are in the photographs: lfw (the central 160 of 250 pixels), celeba (a square of 146 of 178 pixels, 49
    /// below the upper edge) or whole. Default: lfw where the label file names people, else celeba for pictures of
    /// 178x218 pixels.
    #[arg(long, value_name = "CROP")]
    pub crop: Option<Crop>,
    /// Leave out photographs that cannot be read instead of refusing to train.
    #[arg(long)]
    pub skip_unreadable: bool,
    /// Licence to state in the weights file. Default: research only for LFW's layout, else that nothing is stated.
    #[arg(long, value_name = "TEXT")]
    pub license: Option<String>,
    /// Weights file to write; the checkpoint, loss curve and metrics are written beside it. With - for standard output,
    /// or another place that is not a file, there are none of these, and an interrupted run cannot resume.
    #[arg(
        long,
        value_name = "FILE.safetensors",
        default_value = "out/vgg-face-mini.safetensors"
    )]
    pub output: PathBuf,
    /// Replace an existing weights file.
    #[arg(long)]
    pub force: bool,
    /// Topology: vgg-face-mini, vgg-face, or vgg-face-tiny (for experiments). Default: that of --init, else
    /// vgg-face-mini.
    #[arg(long, value_name = "NAME")]
    pub arch: Option<String>,
    /// Side of the network's input in pixels, a multiple of 32. Default: the topology's own.
    #[arg(long, value_name = "SIDE")]
    pub input: Option<usize>,
    /// Train only the 3x3 kernels of the convolutions, without a 1x1 kernel and the identity beside them.
    #[arg(long)]
    pub plain: bool,
    /// Start from a model: its topology, its preprocessing and its weights. The network then has neither branches nor
    /// batch normalisation.
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// Train only this stage and those above, such as fc6 or conv5_1.
    #[arg(long, value_name = "STAGE", requires = "init")]
    pub freeze_below: Option<String>,
    /// Start with untrained heads instead of the file's.
    #[arg(long, requires = "init")]
    pub new_heads: bool,
    /// Views of each photograph whose activations below --freeze-below are computed once and kept on disk beside the
    /// output: the photograph, its mirror image, then random ones. With 0, every step computes new random views.
    #[arg(long, value_name = "N", default_value_t = 2, requires = "freeze_below")]
    pub views: usize,
    /// Largest size of these activations on disk.
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 8 << 30,
        requires = "freeze_below"
    )]
    pub cache_limit: u64,
    /// Passes over the training photographs.
    #[arg(long, default_value_t = 20)]
    pub epochs: usize,
    /// Photographs per step.
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// Optimiser.
    #[arg(long, value_enum, default_value_t = Rule::Adamw)]
    pub optimizer: Rule,
    /// Peak of the learning rate.
    #[arg(long, default_value_t = 3e-3)]
    pub learning_rate: f32,
    /// Schedule of the learning rate.
    #[arg(long, value_enum, default_value_t = Schedule::OneCycle)]
    pub schedule: Schedule,
    /// Learning rate of each stage below the heads, as a multiple of that of the stage above.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub layer_decay: f32,
    /// Decoupled weight decay.
    #[arg(long, default_value_t = 0.05)]
    pub weight_decay: f32,
    /// Share of the features of fc6 and fc7 that each step drops.
    #[arg(long, default_value_t = 0.3)]
    pub dropout: f32,
    /// Apply dropout to every convolution that learns, too.
    #[arg(long)]
    pub dropout_everywhere: bool,
    /// Learn from how sure the scores of the label file are, not only from which side of 0 they are on: the probability
    /// of an attribute is the logistic function of twice its score over the mean size of its scores.
    #[arg(long)]
    pub soft_labels: bool,
    /// Share of every target that is spread evenly over its head (label smoothing).
    #[arg(long, default_value_t = 0.05)]
    pub label_smoothing: f32,
    /// Alpha of mixup, which blends photographs in pairs; 0 turns it off.
    #[arg(long, value_name = "ALPHA", default_value_t = 0.2)]
    pub mixup: f32,
    /// A trained model to learn from besides the labels, with the same input (distillation). May be repeated: then the
    /// mean of their answers counts.
    #[arg(long, value_name = "FILE", conflicts_with = "freeze_below")]
    pub teacher: Vec<PathBuf>,
    /// Weight of the teachers in every target, 0 to 1.
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.5,
        requires = "teacher"
    )]
    pub teacher_weight: f32,
    /// Train on views that are moved by at most this L2 distance, in pixels from 0 to 1, to where the network errs most
    /// (adversarial training). For a network that is already trained.
    #[arg(
        long,
        value_name = "EPSILON",
        requires = "init",
        conflicts_with = "freeze_below"
    )]
    pub adversarial: Option<f32>,
    /// Steps of gradient ascent for --adversarial.
    #[arg(long, value_name = "N", default_value_t = 2, requires = "adversarial")]
    pub adversarial_steps: usize,
    /// Seed of initial weights, views and order.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Learn to tell people apart instead of describing them, and see no labels of attributes: a model to start from, as
    /// the paper starts from VGG-Face. The heads of the file are untrained; `train --init FILE --new-heads` trains others.
    #[arg(
        long,
        conflicts_with_all = ["init", "freeze_below", "new_heads", "adversarial", "teacher", "soft_labels", "groups"]
    )]
    pub identities: bool,
    /// With --identities, learn only people with at least N training photographs.
    #[arg(long, value_name = "N", default_value_t = 2, requires = "identities")]
    pub min_photographs: usize,
    /// Use only the first N training photographs.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Store 32-bit weights instead of 16-bit ones.
    #[arg(long)]
    pub full_precision: bool,
    /// Show the bar of the steps alone, without a line for every epoch: for programs that train many networks.
    #[arg(skip)]
    pub quiet: bool,
}

impl TrainArgs {
    /// The licence of what is learned from a data set.
    pub(super) fn license(&self, dataset: &Dataset) -> String {
        let own = self.license.clone();
        own.unwrap_or_else(|| license::usual(dataset, self.identities).to_owned())
    }

    /// The topology to train; `own` is that of the model to start from, if there is one.
    ///
    /// # Errors
    /// The name is unknown, or differs from the model to start from.
    pub(super) fn architecture(&self, own: Option<&Architecture>) -> anyhow::Result<Architecture> {
        if let Some(own) = own {
            let name = self.arch.as_ref().unwrap_or(&own.name);
            agree("--arch", name, &own.name)?;
            let input = self.input.unwrap_or(own.input);
            agree("--input", &input.to_string(), &own.input.to_string())?;
            return Ok(own.clone());
        }
        let name = self.arch.as_deref().unwrap_or("vgg-face-mini");
        let mut architecture = Architecture::by_name(name).with_context(|| {
            format!("--arch: expected vgg-face-mini, vgg-face or vgg-face-tiny, got {name:?}")
        })?;
        architecture.input = self.input.unwrap_or(architecture.input);
        Ok(architecture)
    }

    /// Refuses settings that would fail or learn nothing, before hours of work.
    ///
    /// # Errors
    /// A setting is out of range.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let (epochs, batch) = (self.epochs, self.batch);
        let (rate, decay) = (self.learning_rate, self.weight_decay);
        let (dropout, smoothing) = (self.dropout, self.label_smoothing);
        ensure!(epochs >= 1, "--epochs: expected at least 1, got {epochs}");
        ensure!(batch >= 2, "--batch: expected at least 2, got {batch}");
        ensure!(
            rate > 0.0 && rate.is_finite(),
            "--learning-rate: expected above 0, got {rate}"
        );
        let (layers, views) = (self.layer_decay, self.views);
        ensure!(
            layers > 0.0 && layers <= 1.0,
            "--layer-decay: expected more than 0 and at most 1, got {layers}"
        );
        ensure!(views <= 64, "--views: expected 0 to 64, got {views}");
        ensure!(
            self.init
                .as_ref()
                .is_none_or(|init| !same_file(init, &self.output)),
            "--output: expected a file other than --init, got {}",
            self.output.display()
        );
        // Each step keeps 1 - rate * decay of a weight.
        ensure!(
            decay >= 0.0 && rate * decay < 1.0,
            "--weight-decay: expected at least 0 and less than 1 / {rate} (one over the learning rate), got {decay}"
        );
        ensure!(
            (0.0..1.0).contains(&dropout),
            "--dropout: expected at least 0 and less than 1, got {dropout}"
        );
        ensure!(
            (0.0..1.0).contains(&smoothing),
            "--label-smoothing: expected at least 0 and less than 1, got {smoothing}"
        );
        let least = self.min_photographs;
        ensure!(
            least >= 1,
            "--min-photographs: expected at least 1, got {least}"
        );
        let mixup = self.mixup;
        ensure!(
            (0.0..=1.0).contains(&mixup),
            "--mixup: expected 0 to 1, got {mixup}"
        );
        let teaching = self.teacher_weight;
        ensure!(
            (0.0..=1.0).contains(&teaching),
            "--teacher-weight: expected 0 to 1, got {teaching}"
        );
        let (far, steps) = (self.adversarial.unwrap_or(1.0), self.adversarial_steps);
        ensure!(
            far > 0.0 && far.is_finite(),
            "--adversarial: expected above 0, got {far}"
        );
        ensure!(
            (1..=100).contains(&steps),
            "--adversarial-steps: expected 1 to 100, got {steps}"
        );
        // Five poolings halve the side.
        let fits = |side: usize| (32..=1024).contains(&side) && side.is_multiple_of(32);
        if let Some(side) = self.input {
            ensure!(
                fits(side),
                "--input: expected a multiple of 32 from 32 to 1024, got {side}"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::train::run;

    #[derive(clap::Parser, Debug)]
    struct Cli {
        #[command(flatten)]
        train: TrainArgs,
    }

    /// The arguments of a command line.
    pub(in crate::train) fn args(more: &[&str]) -> TrainArgs {
        let line = ["train", "--data", "no/such/folder"];
        let line = line.iter().chain(more);
        <Cli as clap::Parser>::try_parse_from(line).unwrap().train
    }

    #[test]
    fn an_input_of_ones_own_replaces_the_topologys() {
        let side = |more: &[&str]| args(more).architecture(None).unwrap().input;
        assert_eq!(side(&[]), 96);
        assert_eq!(side(&["--input", "128"]), 128);
    }

    #[test]
    fn settings_that_learn_nothing_are_refused_before_any_work() {
        assert!(args(&[]).check().is_ok());
        for (flag, value) in [
            ("--epochs", "0"),
            ("--batch", "1"),
            ("--learning-rate", "0"),
            ("--learning-rate", "NaN"),
            ("--learning-rate", "inf"),
            ("--learning-rate", "-0.1"),
            ("--weight-decay", "-0.1"),
            ("--weight-decay", "NaN"),
            ("--weight-decay", "inf"),
            ("--weight-decay", "400"),
            ("--dropout", "1"),
            ("--label-smoothing", "1.5"),
            ("--label-smoothing", "NaN"),
            ("--mixup", "-0.1"),
            ("--mixup", "1.5"),
            ("--mixup", "NaN"),
            ("--input", "0"),
            ("--input", "80"),
            ("--input", "1056"),
            ("--arch", "resnet"),
            ("--layer-decay", "0"),
            ("--layer-decay", "1.5"),
            ("--layer-decay", "NaN"),
            ("--min-photographs", "0"),
        ] {
            let mut line = vec![format!("{flag}={value}")];
            // What it requires.
            line.extend((flag == "--min-photographs").then(|| "--identities".to_owned()));
            let bad = args(&line.iter().map(String::as_str).collect::<Vec<_>>());
            let problem = run(&bad).unwrap_err().to_string();
            assert!(
                problem.starts_with(&format!("{flag}: expected")),
                "{problem}"
            );
            assert!(problem.contains(value), "{flag} {value}: {problem}");
        }
    }

    #[test]
    fn what_learns_people_takes_no_settings_of_attributes() {
        let parse = |more: &[&str]| {
            let line = [&["train", "--data=a", "--identities"], more].concat();
            <Cli as clap::Parser>::try_parse_from(line)
        };
        assert!(parse(&["--min-photographs=3"]).is_ok());
        for other in [
            &["--teacher=a"][..],
            &["--soft-labels"],
            &["--groups=a"],
            &["--init=a"],
            &["--init=a", "--new-heads"],
            &["--freeze-below=fc6"],
            &["--adversarial=1"],
        ] {
            let problem = parse(other).unwrap_err().to_string();
            assert!(
                problem.contains("'--identities' cannot be used with"),
                "{problem}"
            );
        }
        let line = ["train", "--data=a", "--min-photographs=3"];
        assert!(<Cli as clap::Parser>::try_parse_from(line).is_err());
    }

    #[test]
    fn an_adversary_needs_a_distance_and_a_step() {
        let with = |more: &[&str]| args(&[&["--init=a.safetensors"], more].concat()).check();
        assert!(with(&["--adversarial=0.25"]).is_ok());
        for (more, said) in [
            (
                &["--adversarial=0"][..],
                "--adversarial: expected above 0, got 0",
            ),
            (
                &["--adversarial=inf"],
                "--adversarial: expected above 0, got inf",
            ),
            (
                &["--adversarial=1", "--adversarial-steps=0"],
                "--adversarial-steps: expected 1 to 100, got 0",
            ),
        ] {
            assert_eq!(with(more).unwrap_err().to_string(), said);
        }
    }
}
