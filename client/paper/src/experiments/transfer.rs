//! Section 5.1: figure 4 and table 1, which layers to fine-tune; learning rates; rates by the distance to the heads; 42
//! softmax heads against 73 independent sigmoids; and how much more photographs would help (section 7).
//!
//! The paper begins with VGG-Face, which knows people and no attributes. Unless its file is given, a network is first
//! trained to tell the training people apart, so that nothing beneath the heads has seen a label of an attribute.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use classifier_svc::source::ModelSource;
use deepface_dataset::Split;
use deepface_evaluate::REST;
use deepface_network::train::{self, TrainArgs};
use serde::{Deserialize, Serialize};

use crate::activations::probabilities;
use crate::bench::Bench;
use crate::error::{PaperError, bytes};
use crate::metrics::{Approval, Judged};
use crate::store::Basis;

/// The first stages that learn: the paper's two, and none frozen.
const STAGES: [&str; 3] = ["fc6", "conv5_1", "conv1_1"];
/// The paper's learning rate, and rates that are tried for it.
pub(crate) const PAPER_RATE: f32 = 5e-6;
const RATES: [f32; 5] = [5e-6, 5e-5, 5e-4, 5e-3, 5e-2];
/// Rate of each stage, of that of the stage above it.
const LAYER_DECAY: f32 = 0.7;
/// Seeds of the comparison of softmaxes with sigmoids: their difference is small.
const SEEDS: u64 = 3;
/// Shares of the training photographs in the learning curve.
const SHARES: [f64; 4] = [0.0625, 0.125, 0.25, 0.5];

/// What fine-tuning reaches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// SHA-256 of the network that all runs begin with, and whether it was given or trained on people here.
    pub initial: String,
    /// Whether it was given.
    pub given: bool,
    /// The learning rate that the sweep found.
    pub rate: f32,
    /// All runs.
    pub runs: Vec<TransferRun>,
}

/// One fine-tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransferRun {
    /// Its name.
    pub name: String,
    /// What it is for: `sweep`, `paper`, `frozen`, `decay`, `softmax`, `sigmoid` or `limit`.
    pub group: String,
    /// The first stage that learns.
    pub stage: String,
    /// Learning rate.
    pub rate: f32,
    /// Rate of each stage, of that of the stage above it.
    pub layer_decay: f32,
    /// Seed.
    pub seed: u64,
    /// Training photographs; `None` for all.
    pub limit: Option<usize>,
    /// Loss, accuracy and AUC on validation people after each epoch; `None` where it diverged.
    pub curve: Vec<[Option<f64>; 3]>,
    /// On the training people, the validation people and the test people; `None` if it diverged.
    pub approval: Option<[Approval; 3]>,
}

/// What a run does differently.
#[derive(Clone, Debug)]
struct Recipe {
    name: String,
    group: &'static str,
    stage: usize,
    rate: f32,
    epochs: usize,
    layer_decay: f32,
    seed: u64,
    limit: Option<usize>,
    sigmoids: bool,
}

/// Trains what is missing, and measures all.
///
/// # Errors
/// Training fails, or a photograph or file cannot be read.
pub(crate) fn make(bench: &Bench<'_>) -> Result<Transfer, PaperError> {
    let (initial, given) = initial(bench)?;
    let mut runs = Vec::new();
    for recipe in sweep(bench) {
        runs.push(run(bench, &initial, &recipe)?);
    }
    let rate = best_rate(&runs);
    for recipe in others(bench, rate) {
        runs.push(stable(bench, &initial, recipe)?);
    }
    forget_caches(bench);
    Ok(Transfer {
        initial: deepface_files::sha256(&bytes(&initial)?),
        given,
        rate,
        runs,
    })
}

/// The network that all runs begin with: the given one, or one that is trained on people.
pub(crate) fn initial(bench: &Bench<'_>) -> Result<(PathBuf, bool), PaperError> {
    if let Some(given) = &bench.settings.initial {
        return Ok((given.clone(), true));
    }
    let output = bench.store.network("initial");
    if !output.is_file() {
        let effort = &bench.effort;
        let mut line = common(bench, &output);
        line.push("--identities".to_owned());
        line.push(format!("--arch={}", effort.architecture));
        line.push(format!("--epochs={}", effort.identity_epochs));
        line.push(format!("--min-photographs={}", effort.identity_photographs));
        learn(bench, "people", line)?;
    }
    Ok((output, false))
}

/// The network that was fine-tuned with nothing frozen.
pub(crate) fn fine_tuned(bench: &Bench<'_>) -> ModelSource {
    ModelSource::File(bench.store.network(&frozen_name(2)))
}

fn frozen_name(stage: usize) -> String {
    format!("frozen-below-{}", STAGES[stage])
}

/// Rates, with everything beneath fc6 frozen, for a fifth of the epochs.
fn sweep(bench: &Bench<'_>) -> Vec<Recipe> {
    let recipe = |rate: f32| Recipe {
        name: format!("rate-{rate:e}"),
        epochs: (bench.effort.epochs[0] / 5).max(1),
        group: "sweep",
        ..recipe(bench, 0, rate)
    };
    RATES.into_iter().map(recipe).collect()
}

/// The rate whose run ends with the largest AUC on validation people.
fn best_rate(sweep: &[TransferRun]) -> f32 {
    let last = |run: &TransferRun| run.curve.last().and_then(|point| point[2]);
    let mut best = (PAPER_RATE, 0.0);
    for run in sweep {
        if let Some(auc) = last(run).filter(|&auc| auc > best.1) {
            best = (run.rate, auc);
        }
    }
    best.0
}

fn recipe(bench: &Bench<'_>, stage: usize, rate: f32) -> Recipe {
    Recipe {
        name: frozen_name(stage),
        group: "frozen",
        stage,
        rate,
        epochs: bench.effort.epochs[stage],
        layer_decay: 1.0,
        seed: bench.settings.seed + 1,
        limit: None,
        sigmoids: false,
    }
}

fn others(bench: &Bench<'_>, rate: f32) -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = (0..STAGES.len()).map(|s| recipe(bench, s, rate)).collect();
    recipes.extend((0..2).map(|stage| Recipe {
        name: format!("paper-{}", STAGES[stage]),
        group: "paper",
        ..recipe(bench, stage, PAPER_RATE)
    }));
    recipes.push(Recipe {
        name: "layer-decay".to_owned(),
        group: "decay",
        layer_decay: LAYER_DECAY,
        ..recipe(bench, 1, rate)
    });
    for seed in 0..SEEDS {
        recipes.extend([false, true].map(|sigmoids| {
            let group = if sigmoids { "sigmoid" } else { "softmax" };
            Recipe {
                name: format!("{group}-{seed}"),
                group,
                sigmoids,
                seed: bench.settings.seed + 10 + seed,
                ..recipe(bench, 0, rate)
            }
        }));
    }
    let photographs = bench.photographs(Split::Train).len();
    recipes.extend(SHARES.map(|share| {
        let limit = ((photographs as f64 * share) as usize).max(bench.effort.batch);
        Recipe {
            name: format!("limit-{limit}"),
            group: "limit",
            limit: Some(limit),
            // As many steps as with all photographs.
            epochs: bench.effort.epochs[0] * photographs / limit,
            ..recipe(bench, 0, rate)
        }
    }));
    recipes
}

/// A run at its rate, or where it diverges, at a lower one: what the top layers bear may be too much for all of them.
fn stable(
    bench: &Bench<'_>,
    initial: &Path,
    mut recipe: Recipe,
) -> Result<TransferRun, PaperError> {
    loop {
        let done = run(bench, initial, &recipe)?;
        if done.approval.is_some() || recipe.rate < PAPER_RATE {
            return Ok(done);
        }
        recipe.rate /= 10.0;
        bench.store.forget(&part(&recipe.name))?;
    }
}

/// Name of what a run found in the store.
fn part(name: &str) -> String {
    format!("transfer-{name}")
}

fn run(bench: &Bench<'_>, initial: &Path, recipe: &Recipe) -> Result<TransferRun, PaperError> {
    let part = part(&recipe.name);
    if let Some(done) = bench.store.part(&part, &Basis::default())? {
        return Ok(done);
    }
    let output = bench.store.network(&recipe.name);
    let learned = train_one(bench, initial, recipe, &output);
    // A rate that is too large is a finding, not a failure.
    let diverged =
        matches!(&learned, Err(PaperError::Training { problem, .. }) if diverged(problem));
    if !diverged {
        learned?;
    }
    let run = TransferRun {
        name: recipe.name.clone(),
        group: recipe.group.to_owned(),
        stage: STAGES[recipe.stage].to_owned(),
        rate: recipe.rate,
        layer_decay: recipe.layer_decay,
        seed: recipe.seed,
        limit: recipe.limit,
        curve: curve(&output.with_extension("curve.tsv"))?,
        approval: match diverged {
            true => None,
            false => approvals(bench, &output)?,
        },
    };
    bench.store.keep(&part, &Basis::default(), &run)?;
    Ok(run)
}

/// Whether training stopped because weights were no longer finite.
fn diverged(problem: &str) -> bool {
    ["finite", "NaN", "inf", "too large"]
        .iter()
        .any(|word| problem.contains(word))
}

/// Trains under a name that all runs with the same frozen stages share, since their activations lie beside the output.
fn train_one(
    bench: &Bench<'_>,
    initial: &Path,
    recipe: &Recipe,
    output: &Path,
) -> Result<(), PaperError> {
    if output.is_file() {
        return Ok(());
    }
    let stage = STAGES[recipe.stage];
    let work = match recipe.stage {
        2 => output.to_owned(),
        _ => bench.store.network(&format!("work-{stage}")),
    };
    let mut line = common(bench, &work);
    line.push(format!("--init={}", initial.display()));
    line.push("--new-heads".to_owned());
    line.push(format!("--epochs={}", recipe.epochs));
    line.push(format!("--learning-rate={}", recipe.rate));
    line.push(format!("--layer-decay={}", recipe.layer_decay));
    line.push(format!("--seed={}", recipe.seed));
    line.extend(
        [
            "--optimizer=sgd",
            "--schedule=constant",
            "--dropout-everywhere",
        ]
        .map(Into::into),
    );
    line.extend(["--mixup=0", "--force"].map(Into::into));
    if recipe.stage < 2 {
        line.push(format!("--freeze-below={stage}"));
    }
    if let Some(limit) = recipe.limit {
        line.push(format!("--limit={limit}"));
    }
    if recipe.sigmoids {
        let groups = bench
            .store
            .write("networks/alone.tsv", alone(bench).as_bytes())?;
        line.push(format!("--groups={}", groups.display()));
    }
    let learned = learn(bench, &recipe.name, line);
    // The next run may have the same name, and does not begin where this one ended.
    fs::remove_file(work.with_extension("checkpoint")).ok();
    if work != output {
        // The weights last: they say that the run is complete. A run that diverged has none.
        for ending in ["curve.tsv", "safetensors"] {
            let (from, to) = (work.with_extension(ending), output.with_extension(ending));
            if from.is_file() {
                fs::rename(&from, &to).map_err(PaperError::at(&from))?;
            }
        }
    }
    learned
}

/// A group for every attribute: 73 softmaxes over an attribute and "none of these", which are sigmoids.
fn alone(bench: &Bench<'_>) -> String {
    let line = |name: &str| format!("{name}\t{name}\n");
    bench.schema().names().map(line).collect()
}

fn common(bench: &Bench<'_>, output: &Path) -> Vec<String> {
    let settings = bench.settings;
    let mut line = vec![
        format!("--data={}", settings.data.display()),
        format!("--output={}", output.display()),
        format!("--batch={}", bench.effort.batch),
    ];
    if let Some(labels) = &settings.labels {
        line.push(format!("--labels={}", labels.display()));
    }
    if let Some(crop) = settings.crop {
        line.push(format!("--crop={crop}"));
    }
    if settings.skip_unreadable {
        line.push("--skip-unreadable".to_owned());
    }
    line
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    train: TrainArgs,
}

fn learn(bench: &Bench<'_>, what: &str, line: Vec<String>) -> Result<(), PaperError> {
    let failed = |problem: String| PaperError::Training {
        what: what.to_owned(),
        problem,
    };
    let line = std::iter::once("train".to_owned()).chain(line);
    let mut line = Line::try_parse_from(line).map_err(|e| failed(e.to_string()))?;
    line.train.quiet = true;
    bench.watch.at(REST, 0, 0);
    train::run(&line.train).map_err(|e| failed(format!("{e:#}")))
}

/// The rows of a curve without the number of the epoch.
fn curve(path: &Path) -> Result<Vec<[Option<f64>; 3]>, PaperError> {
    let text = String::from_utf8_lossy(&bytes(path)?).into_owned();
    let row = |line: &str| {
        let mut fields = line.split('\t').skip(1);
        [0, 1, 2].map(|_| {
            let value = fields.next()?.parse::<f64>().ok()?;
            value.is_finite().then_some(value)
        })
    };
    Ok(text.lines().skip(1).map(row).collect())
}

/// On the training, the validation and the test people.
fn approvals(bench: &Bench<'_>, file: &Path) -> Result<Option<[Approval; 3]>, PaperError> {
    let mut model = bench.load(&ModelSource::File(file.to_owned()))?;
    let frequencies = bench.frequencies();
    let mut found = Vec::new();
    for split in [Split::Train, Split::Validation, Split::Test] {
        let people = bench.people(split);
        let labels: Vec<&[bool]> = people.iter().map(|p| &p.labels[..]).collect();
        let judged = Judged {
            probabilities: &probabilities(&mut model, &people, bench.watch)?,
            labels: &labels,
            frequencies: &frequencies,
        };
        found.extend(judged.approval());
    }
    Ok(found.try_into().ok())
}

/// Removes the activations of frozen stages: they are large, and no run needs them any more.
fn forget_caches(bench: &Bench<'_>) {
    for stage in &STAGES[..2] {
        let work = bench.store.network(&format!("work-{stage}"));
        fs::remove_file(work.with_extension("activations")).ok();
    }
}
