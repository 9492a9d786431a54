//! `generator-svc fit`: photographs through the classifier's activation RPC into a statistics file.

mod layer;
mod passes;

use std::{fs, path::PathBuf};

use anyhow::{Context, ensure};
use deepface_client::ClassifierClient;
use deepface_dataset::{ATTRIBUTE_COUNT, Dataset, Photograph, Split, attributes};
use deepface_proto::v1::GetModelResponse;
use indicatif::{ProgressBar, ProgressStyle};
use nalgebra::{DMatrix, DVector};

use crate::gaussian::{AttributeMoments, Origin, Prior, Statistics};
use layer::LayerFit;

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
    /// Principal components of the image prior; each takes a byte per pixel and channel.
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub prior_components: usize,
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
    ensure!(
        args.set_size >= 2,
        "--set-size: expected at least 2, got {}",
        args.set_size
    );
    ensure!(
        args.prior_components >= 1,
        "--prior-components: expected at least 1, got 0"
    );
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
    let model = client.get_model().await?;
    let sizes = check_model(&model, &args.layers)?;
    let (digest, input_size) = model
        .model
        .map(|m| (m.digest, m.input_size as usize))
        .unwrap_or_default();

    let bar = progress("activations, pass 1 of 2", photographs.len())?;
    let attributes = attribute_moments(&photographs);
    let sets = layer::draw_sets(&photographs, args.set_size, args.seed);
    let mut fits: Vec<LayerFit> = sizes
        .into_iter()
        .map(|(name, shape)| LayerFit::new(name, shape))
        .collect();
    passes::run(
        &client,
        &photographs,
        &args.layers,
        &bar,
        |i, layer, activation| {
            fits[layer].first_pass(&photographs[i].labels, sets[i].as_slice(), activation);
        },
    )
    .await?;
    let bar = progress("activations, pass 2 of 2", photographs.len())?;
    passes::run(
        &client,
        &photographs,
        &args.layers,
        &bar,
        |i, layer, activation| {
            fits[layer].second_pass(&photographs[i].labels, activation);
        },
    )
    .await?;
    let layers = fits
        .into_iter()
        .map(|fit| {
            fit.finish(
                &attributes,
                photographs.len(),
                args.lambda,
                args.ridge,
                args.seed,
            )
        })
        .collect();

    let bar = progress("image prior", photographs.len() + 4)?;
    let images = passes::images(&photographs, input_size, &bar)?;
    let pixels = 3 * input_size * input_size;
    let (prior, prior_variance) =
        Prior::fit(&images, pixels, args.prior_components, args.seed, |n| {
            bar.inc(n)
        });
    bar.finish_and_clear();
    eprintln!(
        "image prior: {} components hold {:.1} % of the variance",
        prior.components(),
        100.0 * prior_variance
    );

    let statistics = Statistics {
        digest: String::new(),
        classifier_digest: digest,
        input_size,
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

/// Name and shape of each layer asked for; the classifier's attributes must be ours.
fn check_model(
    response: &GetModelResponse,
    layers: &[String],
) -> anyhow::Result<Vec<(String, Vec<usize>)>> {
    let model = response
        .model
        .as_ref()
        .context("the classifier describes no model")?;
    let theirs = model
        .groups
        .iter()
        .flat_map(|g| &g.attributes)
        .map(|a| a.name.as_str());
    ensure!(
        theirs.eq(attributes()),
        "the classifier's attributes are not this program's 73"
    );
    let find = |name: &String| {
        let found = model.layers.iter().find(|l| &l.name == name);
        let names = || {
            model
                .layers
                .iter()
                .map(|l| l.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let layer =
            found.with_context(|| format!("--layers: no layer {name:?}; there are {}", names()))?;
        Ok((
            name.clone(),
            layer.shape.iter().map(|&d| d as usize).collect(),
        ))
    };
    layers.iter().map(find).collect()
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
