//! `generator-svc fit`: photographs through the classifier's activation RPC into a statistics file.

mod layer;
mod passes;
#[cfg(test)]
mod tests;

use std::{fs, path::PathBuf};

use anyhow::{Context, ensure};
use deepface_attributes::{ATTRIBUTE_COUNT, AttributeId};
use deepface_client::ClassifierClient;
use deepface_dataset::{Dataset, Photograph, Split};
use deepface_proto::v1::{GetModelResponse, Limits, Model};
use indicatif::{ProgressBar, ProgressStyle};
use nalgebra::{DMatrix, DVector};

use deepface_statistics::AttributeMoments;

use crate::gaussian::{Canvas, Fitted, Labelled, Origin, Prior, Statistics};
use layer::LayerFit;
use passes::{Passes, WantedLayer};

/// Smallest ridge: less is lost in the rounding of the sums it is added to.
const MIN_RIDGE: f64 = 1e-9;
/// Largest input of a classifier that is believed, pixels a side.
const MAX_INPUT: usize = 4096;

/// Fits the statistics that faces are generated from to labelled photographs.
///
/// Only the people that a classifier of this project learns from are used: 80 in 100, by name.
#[derive(clap::Args, Clone, Debug)]
pub struct FitArgs {
    /// Folder with a folder per person and one `*_attributes.txt`.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The label file, where it does not lie in --data.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// The classifier service whose activations are modelled.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:50051",
        env = "DEEPFACE_CLASSIFIER"
    )]
    pub classifier: String,
    /// Layers that targets can be made for.
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        default_value = "conv4_3,conv5_3,fc6"
    )]
    pub layers: Vec<String>,
    /// Statistics file to write.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "out/vgg-face-mini.cgmm.safetensors"
    )]
    pub output: PathBuf,
    /// Principal components of the image prior; each takes 1.5 bytes a pixel.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub prior_components: usize,
    /// Pixels a side of the image prior, an even number; its images are resampled to the classifier's input.
    #[arg(long, value_name = "PIXELS", default_value_t = 64)]
    pub prior_side: usize,
    /// Leading coordinates of the image prior whose effect on the activations is fitted, for variety.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub response: usize,
    /// Images in each of the 73 sets S_i; drawn with repeats where an attribute has fewer.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub set_size: usize,
    /// Weight of |w|^2 in eq. 3.
    #[arg(long, default_value_t = 1e-5)]
    pub lambda: f64,
    /// Ridge of the regression, relative to the variance of a fair coin over all images.
    #[arg(long, default_value_t = 1e-3)]
    pub ridge: f64,
    /// Decides the sets and everything else random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Use only the first so many photographs.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// Fits and writes.
///
/// # Errors
/// The data cannot be read, the classifier cannot be reached or does not fit, or the file cannot be written.
pub async fn run(args: &FitArgs) -> anyhow::Result<()> {
    args.check()?;
    if let Some(folder) = args.output.parent() {
        // Now, not after minutes of work.
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let dataset = match &args.labels {
        Some(labels) => Dataset::open_with_labels(&args.data, labels)?,
        None => Dataset::open(&args.data)?,
    };
    let mut photographs: Vec<&Photograph> = dataset.split(Split::Train).collect();
    photographs.truncate(args.limit.unwrap_or(usize::MAX));
    ensure!(photographs.len() >= 2, "fewer than 2 photographs to fit to");

    let client = ClassifierClient::connect_lazy(&args.classifier)?;
    let served = Served::ask(&client, &args.layers).await?;
    let passes = Passes::new(&client, &photographs, &served.layers, &served.limits);

    let attributes = attribute_moments(&photographs);
    let Fitted {
        prior,
        held: prior_variance,
        unexplained,
    } = fit_prior(args, &photographs, &attributes, served.input_size)?;

    let bar = progress("activations, pass 1 of 2", photographs.len())?;
    let sets = layer::draw_sets(&photographs, args.set_size, args.seed);
    let response = args.response.min(prior.components());
    let fits = served.layers.iter().map(|l| LayerFit::new(l, response));
    let mut fits: Vec<LayerFit> = fits.collect();
    let first = |i: usize, layer: usize, activation: &[f32]| {
        let follows: Vec<f32> = unexplained.row(i).iter().take(response).copied().collect();
        let labels = &photographs[i].labels;
        fits[layer].first_pass(labels, &sets[i], &follows, activation);
    };
    passes.run(&bar, first).await?;
    let bar = progress("activations, pass 2 of 2", photographs.len())?;
    let second = |i: usize, layer: usize, activation: &[f32]| {
        fits[layer].second_pass(&photographs[i].labels, activation);
    };
    passes.run(&bar, second).await?;
    let now = Served::ask(&client, &args.layers).await?.digest;
    ensure!(
        now == served.digest,
        "the classifier serves other weights than at the start: {now}, not {}",
        served.digest
    );
    let layers = fits
        .into_iter()
        .map(|fit| fit.finish(&attributes, &unexplained, args))
        .collect();

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
        frequencies: attributes.frequencies(),
        attributes,
        layers,
        prior,
    };
    statistics.write(&args.output)?;
    eprintln!("wrote {}", args.output.display());
    Ok(())
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
    let labels: Vec<_> = photographs.iter().map(|p| &p.labels).collect();
    let labelled = Labelled {
        labels: &labels,
        moments,
        ridge: args.ridge,
    };
    let canvas = Canvas::new(args.prior_side, input);
    let (count, seed) = (args.prior_components, args.seed);
    let fitted = Prior::fit(canvas, vectors, count, labelled, seed, |n| bar.inc(n));
    bar.finish_and_clear();
    eprintln!(
        "image prior: {} components hold {:.1} % of the variance",
        fitted.prior.components(),
        100.0 * fitted.held
    );
    Ok(fitted)
}

impl FitArgs {
    fn check(&self) -> anyhow::Result<()> {
        let (set, components) = (self.set_size, self.prior_components);
        let (lambda, ridge) = (self.lambda, self.ridge);
        ensure!(set >= 2, "--set-size: expected at least 2, got {set}");
        ensure!(
            components >= 1,
            "--prior-components: expected at least 1, got 0"
        );
        let side = self.prior_side;
        ensure!(
            Canvas::allows(side),
            "--prior-side: expected an even number of pixels up to 1024, got {side}"
        );
        ensure!(
            lambda >= 0.0 && lambda.is_finite(),
            "--lambda: expected at least 0, got {lambda}"
        );
        ensure!(
            ridge >= MIN_RIDGE && ridge.is_finite(),
            "--ridge: expected at least {MIN_RIDGE:e}, got {ridge}"
        );
        Ok(())
    }
}

/// What there is to know of the classifier.
struct Served {
    digest: String,
    input_size: usize,
    /// The layers asked for.
    layers: Vec<WantedLayer>,
    limits: Limits,
}

impl Served {
    async fn ask(client: &ClassifierClient, layers: &[String]) -> anyhow::Result<Self> {
        Self::read(client.get_model().await?, layers)
    }

    /// The classifier's attributes must be ours, and it must have the layers.
    fn read(response: GetModelResponse, layers: &[String]) -> anyhow::Result<Self> {
        let model = response
            .model
            .context("the classifier describes no model")?;
        let groups = model.groups.iter();
        let theirs = groups.flat_map(|g| &g.attributes).map(|a| a.name.as_str());
        ensure!(
            theirs.eq(AttributeId::names()),
            "the classifier's attributes are not this program's {ATTRIBUTE_COUNT}"
        );
        let input = usize::try_from(model.input_size).unwrap_or_default();
        ensure!(
            (1..=MAX_INPUT).contains(&input),
            "the classifier's input_size: expected 1 to {MAX_INPUT}, got {}",
            model.input_size
        );
        Ok(Self {
            input_size: input,
            layers: layers
                .iter()
                .map(|name| wanted(&model, name))
                .collect::<anyhow::Result<_>>()?,
            limits: response.limits.unwrap_or_default(),
            digest: model.digest,
        })
    }
}

/// A layer of a model by its name.
fn wanted(model: &Model, name: &str) -> anyhow::Result<WantedLayer> {
    let found = model.layers.iter().find(|l| l.name == name);
    let layer = found.with_context(|| {
        let names: Vec<&str> = model.layers.iter().map(|l| l.name.as_str()).collect();
        format!(
            "--layers: no layer {name:?}; there are {}",
            names.join(", ")
        )
    })?;
    let dimension = |&d: &i64| usize::try_from(d).ok().filter(|&d| d > 0);
    let shape: Option<Vec<usize>> = layer.shape.iter().map(dimension).collect();
    let shape = shape.filter(|s| !s.is_empty()).with_context(|| {
        let shape = &layer.shape;
        format!("the classifier's layer {name}: {shape:?} is no shape")
    })?;
    Ok(WantedLayer {
        name: name.into(),
        shape,
    })
}

fn attribute_moments(photographs: &[&Photograph]) -> AttributeMoments {
    let mut second = DMatrix::zeros(ATTRIBUTE_COUNT + 1, ATTRIBUTE_COUNT + 1);
    for p in photographs {
        let x = DVector::from_fn(ATTRIBUTE_COUNT + 1, |i, _| {
            if i == 0 || p.labels[i - 1] { 1.0 } else { 0.0 }
        });
        second.ger(1.0 / photographs.len() as f64, &x, &x, 1.0);
    }
    AttributeMoments::new(second)
}

fn progress(what: &'static str, steps: usize) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len}, {eta} left")?;
    let bar = ProgressBar::new(steps as u64).with_style(style.progress_chars("=> "));
    Ok(bar.with_message(what))
}
