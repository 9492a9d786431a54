//! `generator-svc fit`: photographs through the classifier's activation RPC into a statistics file.

mod args;
mod checkpoint;
mod decoder;
mod density;
mod layer;
mod passes;
mod replicas;
mod reply;
mod served;
mod sums;
#[cfg(test)]
mod tests;

pub use args::FitArgs;

use std::{fs, time::Duration};

use anyhow::{Context, ensure};
use deepface_client::ClassifierClient;
use deepface_dataset::{Dataset, Photograph, Source, Split, Unreadable, Vocabulary};
use deepface_files::{Destination, Existing, make_folder_of};
use deepface_statistics::{AttributeCopula, AttributeMoments};
use indicatif::{ProgressBar, ProgressStyle};
use nalgebra::{DMatrix, DVector};

use crate::gaussian::{Canvas, Fitted, Labelled, Origin, Prior, Statistics};
use checkpoint::{Checkpoint, Position};
use layer::Known;
use passes::Passes;
use reply::Batch;
use served::Served;
use sums::{Pass, Sums};

/// Fewer people than this are pointed out.
const FEW_PEOPLE: usize = 10;

/// Fits and writes. Resumes from the checkpoint beside the output if there is one.
///
/// # Errors
/// The data cannot be read, the classifier cannot be reached or does not fit, its replicas differ, the checkpoint is
/// another run's, or a file cannot be written.
pub async fn run(args: &FitArgs) -> anyhow::Result<()> {
    run_keeping(args, checkpoint::INTERVAL).await
}

/// [`run`] with a checkpoint at most once in this interval.
async fn run_keeping(args: &FitArgs, interval: Duration) -> anyhow::Result<()> {
    args.check()?;
    // Now, not after minutes of work.
    make_folder_of(&args.output).context("--output")?;
    let existing = Existing::unless_forced(args.force);
    let output =
        Destination::check(&args.output, &["safetensors"], existing).context("--output")?;
    let given = decoder::load(args)?;
    let client = ClassifierClient::connect_lazy_with(
        &args.classifier.join(","),
        &args.access.credentials(),
    )?;
    let served = Served::ask(&client, &args.layers).await?;
    let dataset = dataset(args, &served)?;
    let photographs = photographs(args, &dataset)?;
    let held_out = readable(args, dataset.split(Split::Validation).collect())?;
    let identity = checkpoint::identity(
        args,
        &served.digest,
        given.as_ref().map(|given| given.digest.as_str()),
        [&photographs, &held_out],
    );
    let mut checkpoint = Checkpoint::beside(&output, identity, interval)?;

    let attributes = attribute_moments(&photographs);
    let Fitted {
        prior,
        held: prior_variance,
        unexplained,
    } = fit_prior(args, &photographs, &attributes, served.input_size)?;

    let kept = output
        .is_file()
        .then(|| output.path().with_extension("density"));
    let around = (served.input_size, kept.as_deref());
    let decoded = decoder::fit(given, args, &photographs, &attributes, around)?;

    let sets = layer::draw_sets(&photographs, args.set_size, args.seed);
    let known = Known {
        photographs: &photographs,
        sets: &sets,
        unexplained: [&unexplained, &decoded.unexplained],
    };
    let mut sums = Sums::new(&served, &dataset.schema, known, &held_out, args.response);
    let start = checkpoint.resume(&mut sums)?;
    for pass in Pass::ALL.into_iter().filter(|&pass| pass >= start.pass) {
        let all = sums.photographs(pass);
        let bar = progress(pass.title(), all.len())?;
        let passes = Passes::new(&client, all, pass.layers(&served), &served);
        let take = |batch: &Batch| {
            sums.take(pass, batch);
            let photographs = batch.photographs.end;
            checkpoint.keep(Position { pass, photographs }, &mut sums)
        };
        let done = if pass == start.pass {
            start.photographs
        } else {
            0
        };
        passes.run(&bar, done, take).await?;
    }
    let seen = sums.seen();
    let layers = sums.into_layers().into_iter();
    let layers = layers.map(|fit| fit.finish(&attributes, known, args));
    let layers = layers.collect();
    let statistics = Statistics {
        digest: String::new(),
        classifier_digest: served.digest,
        input_size: served.input_size,
        origin: Origin {
            images: photographs.len(),
            set_size: args.set_size,
            seed: args.seed,
            lambda: args.lambda,
            ridge: args.ridge,
            prior_variance,
        },
        schema: dataset.schema.clone(),
        frequencies: attributes.frequencies(),
        copula: AttributeCopula::of(&attributes),
        attributes,
        seen,
        layers,
        prior,
        decoder: decoded.prior,
    };
    let written = statistics.write(&output)?;
    checkpoint.remove()?;
    if let Some(kept) = kept.filter(|kept| kept.exists()) {
        fs::remove_file(&kept).with_context(|| format!("cannot remove {}", kept.display()))?;
    }
    deepface_files::note!("wrote {}", written.display());
    Ok(())
}

/// Reads the data set, with those attributes of the classifier that it labels.
fn dataset(args: &FitArgs, served: &Served) -> anyhow::Result<Dataset> {
    let dataset = Dataset::read(&Source {
        dir: args.data.clone(),
        labels: args.labels.clone(),
        vocabulary: Vocabulary::Of(served.schema.clone()),
        crop: args.crop,
    })?;
    for remark in &dataset.remarks {
        deepface_files::note!("{remark}");
    }
    let people = dataset.people(Split::Train);
    if people < FEW_PEOPLE {
        deepface_files::note!(
            "warning: only {people} people to fit to; generated faces will look like them"
        );
    }
    Ok(dataset.without_unknown())
}

/// The photographs to fit to, all of which can be read.
fn photographs<'a>(args: &FitArgs, dataset: &'a Dataset) -> anyhow::Result<Vec<&'a Photograph>> {
    let mut photographs: Vec<&Photograph> = dataset.split(Split::Train).collect();
    photographs.truncate(args.limit.unwrap_or(usize::MAX));
    let photographs = readable(args, photographs)?;
    let (n, missing) = (photographs.len(), dataset.missing);
    deepface_files::note!("{n} photographs to fit to; {missing} rows without a photograph");
    ensure!(n >= 2, "expected at least 2 photographs to fit, got {n}");
    Ok(photographs)
}

/// The photographs that can be read.
fn readable<'a>(
    args: &FitArgs,
    mut photographs: Vec<&'a Photograph>,
) -> anyhow::Result<Vec<&'a Photograph>> {
    let bar = progress("reading photographs", photographs.len())?;
    let bad = Unreadable::among(&photographs, || bar.inc(1));
    bar.finish_and_clear();
    let bad = bad.refuse_unless(args.skip_unreadable)?;
    if let Some(left_out) = bad.left_out() {
        photographs.retain(|p| !bad.has(p));
        deepface_files::note!("{left_out}");
    }
    Ok(photographs)
}

/// Fits the Gaussian of the images, and of the images given attributes.
fn fit_prior(
    args: &FitArgs,
    photographs: &[&Photograph],
    moments: &AttributeMoments,
    input: usize,
) -> anyhow::Result<Fitted> {
    let bar = progress("image prior", photographs.len() + 4)?;
    let vectors = passes::vectors(photographs, args.prior_side, &bar)?;
    let labels: Vec<_> = photographs.iter().map(|p| &p.labels[..]).collect();
    let labelled = Labelled {
        labels: &labels,
        moments,
        ridge: args.ridge,
    };
    let canvas = Canvas::new(args.prior_side, input);
    let (count, seed) = (args.prior_components, args.seed);
    let fitted = Prior::fit(canvas, vectors, count, labelled, seed, |n| bar.inc(n));
    bar.finish_and_clear();
    deepface_files::note!(
        "image prior: {} components hold {:.1} % of the variance",
        fitted.prior.components(),
        100.0 * fitted.held
    );
    Ok(fitted)
}

fn attribute_moments(photographs: &[&Photograph]) -> AttributeMoments {
    let inputs = photographs.first().map_or(0, |p| p.labels.len()) + 1;
    let mut second = DMatrix::zeros(inputs, inputs);
    for p in photographs {
        let x = DVector::from_fn(
            inputs,
            |i, _| {
                if i == 0 || p.labels[i - 1] { 1.0 } else { 0.0 }
            },
        );
        second.ger(1.0 / photographs.len() as f64, &x, &x, 1.0);
    }
    AttributeMoments::new(second)
}

fn progress(what: &'static str, steps: usize) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len}, {eta} left")?;
    let bar = ProgressBar::new(steps as u64).with_style(style.progress_chars("=> "));
    Ok(bar.with_message(what))
}
