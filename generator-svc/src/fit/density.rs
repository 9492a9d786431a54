//! The learned density of a fit: what latents of faces with given attributes are like, beyond a Gaussian.

use std::path::Path;

use deepface_network::autoencoder::{Density, DensityData, DensitySettings, train_density};
use nalgebra::DMatrix;

use super::{args::FitArgs, progress};
use crate::gaussian::{Labelled, condition};

/// How far a latent is drawn around its mean, in its own deviations. As far as they go, it would be mostly noise, in which there
/// is nothing to learn; not at all, training faces could be learned by heart.
const OWN_SHARE: f32 = 0.3;

/// Learns the density of the coordinates of faces and of their mirror images, rows in the order of the labels. `told` is the
/// share of each value's variance that the encoder tells; of what it does not tell a part is drawn.
///
/// # Errors
/// The checkpoint cannot be read or written, or is another run's.
pub(super) fn learn(
    args: &FitArgs,
    coordinates: [&DMatrix<f32>; 2],
    told: &[f32],
    attributes: &Labelled<'_>,
    checkpoint: Option<&Path>,
) -> anyhow::Result<Density> {
    let frequencies = attributes.moments.frequencies();
    let conditions = attributes.labels.iter().flat_map(|labels| {
        let values = labels.iter().map(|&l| f64::from(u8::from(l)));
        let offsets: Vec<f64> = values.zip(&frequencies).map(|(l, f)| l - f).collect();
        condition(&frequencies, &offsets)
    });
    let conditions: Vec<f32> = conditions.collect();
    let latents: Vec<f32> = coordinates
        .iter()
        .flat_map(|all| all.row_iter())
        .flat_map(|row| row.iter().copied().collect::<Vec<f32>>())
        .collect();
    let open = told.iter().map(|t| (1.0 - t).max(0.0).sqrt());
    let deviations: Vec<f32> = open.map(|deviation| OWN_SHARE * deviation).collect();
    let settings = DensitySettings {
        epochs: args.density_epochs,
        seed: args.seed,
        ..DensitySettings::default()
    };
    let data = DensityData {
        latents: &latents,
        deviations: &deviations,
        conditions: &[&conditions[..], &conditions[..]].concat(),
        count: frequencies.len(),
    };
    let bar = progress("density of the latents", 0)?;
    // Of noise of every size, single steps tell little.
    let mut mean = 1.0;
    let density = train_density(&settings, &data, checkpoint, &mut |done, all, loss| {
        mean += 0.01 * (loss - mean);
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    deepface_files::note!(
        "density of the latents: mean squared error {mean:.3} of what has one of 1"
    );
    Ok(density)
}
