//! The command that trains an autoencoder: photographs in, a file out.

use std::{fs, path::Path};

use anyhow::{Context, anyhow, ensure};
use deepface_dataset::{Dataset, Photograph, Source, Split, Unreadable};
use deepface_files::{Destination, Existing, make_folder_of, note, same_file, write_atomically};
use deepface_images::png;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use super::{
    args::AutoencoderArgs,
    curve::{self, Epoch},
    description::Sampling,
    face::Face,
    model::Autoencoder,
    settings::Settings,
    sheet::sheet,
    train::{Data, Progress, train},
};
use crate::train::license;

/// Faces on the contact sheet.
const SHOWN: usize = 12;

/// Trains and writes. Resumes from the checkpoint beside the output if there is one. `built_in` is the weights file of the
/// classifier that the perceptual loss uses unless the flags name another.
///
/// # Errors
/// The data cannot be read, a setting is out of range, or a file cannot be written.
pub fn run(args: &AutoencoderArgs, built_in: &[u8]) -> anyhow::Result<()> {
    let settings = args.settings();
    settings.check().map_err(|problem| anyhow!("--{problem}"))?;
    make_folder_of(&args.output).context("--output")?;
    let existing = Existing::unless_forced(args.force);
    let output =
        Destination::check(&args.output, &["safetensors"], existing).context("--output")?;
    ensure!(
        output.is_file(),
        "--output: expected a file, beside which the checkpoint lies, got {}",
        args.output.display()
    );
    ensure!(
        args.model
            .as_ref()
            .is_none_or(|model| !same_file(model, &args.output)),
        "--output: expected a file other than --model, got {}",
        args.output.display()
    );
    let model = args
        .model
        .as_ref()
        .map(|path| fs::read(path).with_context(|| format!("--model: {}", path.display())));
    let model = model.transpose()?;
    let dataset = Dataset::read(&Source {
        dir: args.data.clone(),
        labels: args.labels.clone(),
        crop: args.crop,
        ..Source::default()
    })?;
    dataset.remarks.iter().for_each(|remark| note!("{remark}"));
    let [learned, validation] = read(args, &dataset, settings.topology.side)?;
    let license = args.license.clone();
    let license = license.unwrap_or_else(|| license::usual(&dataset, false).to_owned());
    let start = args.start.as_ref().map(|path| {
        Autoencoder::load(path).with_context(|| format!("--start: {}", path.display()))
    });
    let start = start.transpose()?;
    let data = Data {
        train: &learned,
        validation: &validation,
        schema: &dataset.schema,
        license: &license,
        classifier: Some(model.as_deref().unwrap_or(built_in)),
        start: start.as_ref(),
    };
    let mut autoencoder = learn(&settings, &data, output.path())?;
    report(&autoencoder);
    let shown = validation.iter().step_by((validation.len() / SHOWN).max(1));
    let shown: Vec<Face> = shown.take(SHOWN).cloned().collect();
    let picture = png(&sheet(&mut autoencoder, &shown)?)?;
    write_atomically(&args.output.with_extension("sheet.png"), &picture)?;
    let written = autoencoder.write_to(&output)?;
    note!("wrote {}", written.display());
    Ok(())
}

/// The faces of the training and validation people.
fn read(args: &AutoencoderArgs, dataset: &Dataset, side: usize) -> anyhow::Result<[Vec<Face>; 2]> {
    let part = |split| -> Vec<&Photograph> { dataset.split(split).collect() };
    let mut parts = [part(Split::Train), part(Split::Validation)];
    parts[0].truncate(args.limit.unwrap_or(usize::MAX));
    let bad = Unreadable::among(&parts.concat(), || ()).refuse_unless(args.skip_unreadable)?;
    if let Some(left_out) = bad.left_out() {
        parts
            .iter_mut()
            .for_each(|part| part.retain(|p| !bad.has(p)));
        note!("{left_out}");
    }
    let [train, validation] = parts.each_ref().map(Vec::len);
    ensure!(
        train >= args.batch,
        "--batch: expected at most {train}, the number of training photographs; got {}",
        args.batch
    );
    ensure!(
        validation > 0,
        "expected photographs of validation people, got none: the name of a person decides the split, 8 in 100 people \
         are for validation"
    );
    note!("{train} photographs for training, {validation} for validation");
    let face = |p: &&Photograph| {
        let pixels = p.face(&p.image()?, side);
        Ok(Face::new(&pixels, side, p.labels.clone()))
    };
    let faces = parts.map(|part| {
        part.par_iter()
            .map(face)
            .collect::<anyhow::Result<Vec<_>>>()
    });
    let [train, validation] = faces;
    Ok([train?, validation?])
}

/// Trains with a progress bar, a checkpoint and a curve.
fn learn(settings: &Settings, data: &Data<'_>, output: &Path) -> anyhow::Result<Autoencoder> {
    let checkpoint = output.with_extension("checkpoint");
    let style =
        ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} steps, {per_sec}, {eta} left")?;
    let bar = ProgressBar::new(0).with_style(style.progress_chars("=> "));
    let mut watch = |progress: Progress<'_>| match progress {
        Progress::Resumed { done, all } => {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
            bar.reset_eta();
            bar.suspend(|| note!("resuming from {}", checkpoint.display()));
        }
        Progress::Step { done, all, loss } => {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
            bar.set_message(format!("loss {loss:.1}"));
        }
        Progress::Epoch(epochs) => {
            if let Some(last) = epochs.last() {
                bar.suspend(|| said(last));
            }
            if let Err(problem) = curve::write(output, epochs) {
                bar.suspend(|| note!("{problem:#}"));
            }
        }
    };
    let trained = train(settings, data, Some(&checkpoint), &mut watch)?;
    bar.finish_and_clear();
    curve::write(output, &trained.curve)?;
    Ok(trained.autoencoder)
}

fn said(epoch: &Epoch) {
    let terms = [epoch.train, epoch.validation].map(|t| {
        format!(
            "pixels {:.2}, perceptual {:.4}, divergence {:.2}",
            t.pixels, t.perceptual, t.divergence
        )
    });
    let [train, validation] = terms;
    note!(
        "epoch {:3}  training: {train}  validation: {validation}",
        epoch.number
    );
}

fn report(autoencoder: &Autoencoder) {
    let description = autoencoder.description();
    let [standard, used] = description.divergences;
    match description.sampling {
        Sampling::Standard => note!(
            "faces are drawn from the standard Gaussian: the validation faces diverge from it by {standard:.2} nats, and more \
             from the fitted one"
        ),
        Sampling::Fitted => note!(
            "faces are drawn from the Gaussian of the training faces' latents: the validation faces diverge from it by \
             {used:.2} nats, from the standard one by {standard:.2}"
        ),
    }
}
