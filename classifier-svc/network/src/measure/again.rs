//! A weights file that is measured again: which file on which photographs, and the same file with other figures.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use deepface_dataset::{Crop, Dataset, Photograph, Source, Split, Unreadable, Vocabulary};
use deepface_files::{Destination, Existing, note, same_file, with_text};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use super::scaling::Scaling;
use crate::{
    Description, DeviceChoice, Model,
    seal::{seal, served},
    weights::{Weights, WeightsFile},
};

/// Photographs that are decoded and computed together.
const BATCH: usize = 64;

/// Which file is measured, and on what.
#[derive(clap::Args, Clone, Debug)]
pub struct AgainArgs {
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

/// A weights file, and where it goes.
pub(crate) struct Again {
    file: Vec<u8>,
    output: Destination,
    /// The model of the file.
    pub(crate) model: Model,
    /// What the file says.
    pub(crate) description: Description,
    /// The weights, where they are no longer the file's.
    rescaled: Option<Weights>,
}

impl Again {
    /// Checks where the result goes, and loads the file.
    ///
    /// # Errors
    /// The file cannot be read, or the output cannot be written.
    pub(crate) fn open(args: &AgainArgs) -> anyhow::Result<Self> {
        let existing = Existing::unless_forced(args.force || same_file(&args.model, &args.output));
        let output =
            Destination::check(&args.output, &["safetensors"], existing).context("--output")?;
        let path = args.model.display().to_string();
        let file = fs::read(&args.model).with_context(|| path.clone())?;
        let model = Model::load(&file, DeviceChoice::Cpu, rayon::current_num_threads());
        Ok(Self {
            model: model.with_context(|| path)?,
            description: WeightsFile::open(&file)?.description,
            output,
            file,
            rescaled: None,
        })
    }

    /// Scales the logits of the heads, in the model and in the file. Stored numbers keep their size.
    ///
    /// # Errors
    /// A weight becomes too large, or the model fails.
    pub(crate) fn rescale(&mut self, scalings: &[Scaling]) -> anyhow::Result<()> {
        let mut weights = Weights::read(&self.file)?;
        weights.calibrate_heads(scalings)?;
        seal(&mut weights)?;
        self.model = served(&weights)?;
        self.description = weights.description.clone();
        self.rescaled = Some(weights);
        Ok(())
    }

    /// Writes the file with the description as it is now, and everything else as it was; returns the path that it went
    /// to.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&mut self) -> anyhow::Result<PathBuf> {
        if let Some(weights) = &mut self.rescaled {
            weights.description = self.description.clone();
            return Ok(weights.write_to(&self.output, weights.fit_half())?);
        }
        let (key, text) = self.description.entry()?;
        Ok(self.output.write(&with_text(&self.file, &key, text)?)?)
    }

    /// The file that is written, unless it goes to a place that is no file.
    pub(crate) fn beside(&self) -> Option<&Path> {
        self.output.is_file().then(|| self.output.path())
    }
}

/// The photographs that a file is measured on.
///
/// # Errors
/// A file cannot be read, or is malformed.
pub(crate) fn dataset(args: &AgainArgs, vocabulary: Vocabulary) -> anyhow::Result<Dataset> {
    Ok(Dataset::read(&Source {
        dir: args.data.clone(),
        labels: args.labels.clone(),
        crop: args.crop,
        vocabulary,
    })?)
}

/// The photographs of the validation and of the test people, all of which can be read.
///
/// # Errors
/// Some cannot, and may not be left out.
pub(crate) fn photographs<'a>(
    args: &AgainArgs,
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

/// The activations of a layer of a model, `[n, ...]`, of photographs.
///
/// # Errors
/// A photograph cannot be read, the model has no such layer, or what it computes is not finite.
pub(crate) fn activations(
    model: &mut Model,
    layer: &str,
    photographs: &[&Photograph],
) -> anyhow::Result<Vec<f32>> {
    let size = model.info().input_size;
    let index = model.info().layer(layer);
    let index = index.with_context(|| format!("the model has no layer {layer}"))?;
    let bar = progress("computing faces", photographs.len())?;
    let mut values = Vec::new();
    for batch in photographs.chunks(BATCH) {
        let faces = batch.par_iter().map(|p| Ok(p.face(&p.image()?, size)));
        let faces = faces.collect::<anyhow::Result<Vec<_>>>()?.concat();
        values.extend(model.activations(&faces, batch.len(), &[index])?.remove(0));
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    ensure!(
        values.iter().all(|x| x.is_finite()),
        "the network computes values that are not finite"
    );
    Ok(values)
}

fn progress(what: &str, len: usize) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template(&format!("{what} [{{bar:40}}] {{pos}}/{{len}}"))?;
    Ok(ProgressBar::new(len as u64).with_style(style.progress_chars("=> ")))
}
