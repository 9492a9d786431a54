//! The table of methods: the paper's own, this project's, and those that the paper only proposes, measured as
//! `deepface evaluate` measures, on the same attribute sets.

use std::path::PathBuf;

use deepface_client::v1::GenerationSettings;
use deepface_dataset::Split;
use deepface_evaluate::{Guest, Settings, evaluate, method};
use serde_json::Value;

use super::autoencoded::{Drawn, Inverted};
use super::guests::{BeforeRectifier, Literal};
use crate::bench::Bench;
use crate::error::PaperError;

/// The methods of the generator service that are compared.
const METHODS: [&str; 9] = [
    "default",
    "prior",
    "regression-fc6",
    "cgmm-mean",
    "cgmm-sample",
    "paper",
    "paper-fc6",
    "paper-baseline",
    "class-visualization",
];
/// Those of a quick run: the rest takes a thousand steps.
const QUICK: [&str; 3] = ["default", "prior", "cgmm-mean"];
/// Faces of the first sets, to measure variety.
const VARIETY_SEEDS: u64 = 8;

/// Where the faces are, a folder for each pair of models.
fn folder(bench: &Bench<'_>) -> PathBuf {
    let name = format!("methods-{}", bench.basis.name());
    bench.settings.output.join(name)
}

/// Makes and measures the faces; the report of the evaluation, as `report.json` has it.
///
/// # Errors
/// The evaluation fails.
pub(crate) async fn make(bench: &Bench<'_>) -> Result<Value, PaperError> {
    let (settings, effort) = (bench.settings, &bench.effort);
    let names: &[&str] = if settings.quick { &QUICK } else { &METHODS };
    let guests: Vec<Box<dyn Guest>> = vec![
        Box::new(Drawn::new(bench)?),
        Box::new(Inverted::new(bench)?),
        Box::new(Literal::new(bench)?),
        Box::new(tokio::task::block_in_place(|| BeforeRectifier::new(bench))?),
    ];
    let guests: Vec<&dyn Guest> = guests.iter().map(AsRef::as_ref).collect();
    let settings = Settings {
        data: settings.data.clone(),
        labels: settings.labels.clone(),
        crop: settings.crop,
        split: Split::Test,
        sets: effort.sets,
        seeds: effort.seeds,
        variety_seeds: if settings.quick { 0 } else { VARIETY_SEEDS },
        changes: GenerationSettings::default(),
        methods: names.iter().filter_map(|name| method(name)).collect(),
        with_negatives: false,
        probes: false,
        edits: 0,
        seed: settings.seed,
        skip_unreadable: settings.skip_unreadable,
        output: folder(bench),
    };
    let (generator, classifier) = (bench.generator, bench.classifier);
    let (report, _) =
        evaluate(generator, classifier, &settings, &guests, None, bench.watch).await?;
    serde_json::to_value(report).map_err(|e| PaperError::Data(e.to_string()))
}
