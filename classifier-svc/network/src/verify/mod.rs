//! Measures how well the similarity of two faces tells whether they are the same person, and writes that into a weights file.

mod protocol;
#[cfg(test)]
mod tests;

use std::{fs, path::PathBuf};

use anyhow::{Context, ensure};
use deepface_dataset::{
    Crop, Dataset, Photograph, PhotographError, Source, Split, Unreadable, person_numbers,
};
use deepface_files::{Destination, Existing, note, same_file, with_text};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use crate::{DeviceChoice, Model, weights::WeightsFile};
pub(crate) use protocol::{Embedded, verification};

/// Photographs that are decoded and computed together.
const BATCH: usize = 64;

/// Measures how well Compare tells people apart, and writes the threshold into a weights file.
///
/// The threshold is chosen on pairs of faces of the validation people. Its accuracy is that on pairs of the test people, by
/// the protocol of Labeled Faces in the Wild: ten folds, half of the pairs the same person. Nothing else changes in the
/// file, but its digest does: fit the statistics of a generator anew.
#[derive(clap::Args, Clone, Debug)]
pub struct VerifyArgs {
    /// Folder of photographs of people, several of some, as for `train`.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The label file. Default: the one in --data.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Where the faces are in the photographs: lfw, celeba or whole. Default: as for `train`.
    #[arg(long, value_name = "CROP")]
    pub crop: Option<Crop>,
    /// Leave out photographs that cannot be read, instead of stopping with a list of them.
    #[arg(long)]
    pub skip_unreadable: bool,
    /// Weights file to measure.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Weights file to write, or - for standard output; may be the one that is measured.
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace an existing file other than the one that is measured.
    #[arg(long)]
    pub force: bool,
}

/// Measures and writes.
///
/// # Errors
/// A file cannot be read or written, or there are too few people with several photographs.
pub fn run(args: &VerifyArgs) -> anyhow::Result<()> {
    let existing = Existing::unless_forced(args.force || same_file(&args.model, &args.output));
    let output =
        Destination::check(&args.output, &["safetensors"], existing).context("--output")?;
    let path = args.model.display().to_string();
    let file = fs::read(&args.model).with_context(|| path.clone())?;
    let mut model = Model::load(&file, DeviceChoice::Cpu, rayon::current_num_threads());
    let model = model.as_mut().map_err(|e| anyhow::anyhow!("{path}: {e}"))?;
    let dataset = Dataset::read(&Source {
        dir: args.data.clone(),
        labels: args.labels.clone(),
        crop: args.crop,
        ..Source::default()
    })?;
    let [validation, test] = photographs(args, &dataset)?;
    let validation = Faces::of(model, &validation)?;
    let test = Faces::of(model, &test)?;
    let mean = model.info().compare_mean.clone();
    let found = verification(&validation.embedded(), &test.embedded(), &mean);
    let found = found.context(
        "expected people with several photographs in the validation split and in every tenth of the test split",
    )?;
    let mut description = WeightsFile::open(&file)?.description;
    description.verification = Some(found);
    let (key, text) = description.entry()?;
    let written = output.write(&with_text(&file, &key, text)?)?;
    note!(
        "{}: above a cosine of {:.3} two faces are the same person: right for {:.1} % (standard error {:.1}) of {} pairs",
        written.display(),
        found.threshold,
        100.0 * found.accuracy,
        100.0 * found.standard_error,
        found.pairs
    );
    Ok(())
}

/// The photographs of the validation and of the test people, all of which can be read.
fn photographs<'a>(
    args: &VerifyArgs,
    dataset: &'a Dataset,
) -> anyhow::Result<[Vec<&'a Photograph>; 2]> {
    let splits = [Split::Validation, Split::Test];
    let mut splits = splits.map(|split| dataset.split(split).collect::<Vec<_>>());
    let all = splits.concat();
    let bar = progress("reading photographs", all.len())?;
    let bad = Unreadable::among(&all, || bar.inc(1));
    bar.finish_and_clear();
    let bad = bad.refuse_unless(args.skip_unreadable)?;
    if let Some(left_out) = bad.left_out() {
        for split in &mut splits {
            split.retain(|p| !bad.has(p));
        }
        note!("{left_out}");
    }
    Ok(splits)
}

fn progress(what: &str, len: usize) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template(&format!("{what} [{{bar:40}}] {{pos}}/{{len}}"))?;
    Ok(ProgressBar::new(len as u64).with_style(style.progress_chars("=> ")))
}

/// The embeddings of photographs, and whose they are.
struct Faces {
    values: Vec<f32>,
    people: Vec<usize>,
}

impl Faces {
    fn of(model: &mut Model, photographs: &[&Photograph]) -> anyhow::Result<Self> {
        let size = model.info().input_size;
        let fc7 = model.info().layer("fc7");
        let fc7 = fc7.context("the model has no layer fc7")?;
        let bar = progress("embedding faces", photographs.len())?;
        let mut values = Vec::new();
        for batch in photographs.chunks(BATCH) {
            let faces = batch.par_iter().map(|p| Ok(p.face(&p.image()?, size)));
            let faces = faces.collect::<Result<Vec<_>, PhotographError>>()?.concat();
            values.extend(model.activations(&faces, batch.len(), &[fc7])?.remove(0));
            bar.inc(batch.len() as u64);
        }
        bar.finish_and_clear();
        ensure!(
            values.iter().all(|x| x.is_finite()),
            "the network computes values that are not finite"
        );
        Ok(Self {
            people: person_numbers(photographs),
            values,
        })
    }

    fn embedded(&self) -> Embedded<'_> {
        Embedded {
            values: &self.values,
            people: &self.people,
        }
    }
}
