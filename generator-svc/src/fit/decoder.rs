//! The learned image prior of a fit: the decoder of an autoencoder, its latents in a basis in which they are standard normal.
//!
//! The loss of an autoencoder only draws its latents towards the standard Gaussian. Over the training faces they have a mean
//! and a covariance: that of their means, plus each face's own. In the basis here that covariance is the identity, and the
//! values come in the order of how much the encoder says of them, so that the response of activations can be fitted to the
//! first ones alone, and those of which it says next to nothing be left out.

use std::{fs, path::Path};

use anyhow::{Context, ensure};
use deepface_dataset::Photograph;
use deepface_files::sha256;
use deepface_network::autoencoder::{Autoencoder, Basis, Coder};
use deepface_statistics::AttributeMoments;
use nalgebra::{DMatrix, SymmetricEigen};
use rayon::prelude::*;

use super::{args::FitArgs, density, progress};
use crate::gaussian::{Labelled, Prior};

/// Photographs that are encoded together.
const TOGETHER: usize = 64;
/// Least share of a value's variance that the encoder must tell.
const LEAST_TOLD: f64 = 0.05;
/// Added to every variance, so that the covariance has a factor.
const LEAST_VARIANCE: f64 = 1e-6;

/// The autoencoder of a fit, and the digest of its file.
pub(super) struct Given {
    autoencoder: Autoencoder,
    pub(super) digest: String,
}

/// A decoder as a prior, and the latents of every photograph less what attributes explain, a row a photograph.
pub(super) struct Decoded {
    pub(super) prior: Option<Prior>,
    pub(super) unexplained: DMatrix<f32>,
}

/// Fits the decoder's prior to photographs, if there is a decoder. `checkpoint` is where the density is kept while it is
/// learned.
///
/// # Errors
/// A photograph cannot be read, or the density cannot be learned.
pub(super) fn fit(
    given: Option<Given>,
    args: &FitArgs,
    photographs: &[&Photograph],
    moments: &AttributeMoments,
    (input, checkpoint): (usize, Option<&Path>),
) -> anyhow::Result<Decoded> {
    let Some(Given {
        mut autoencoder, ..
    }) = given
    else {
        return Ok(Decoded {
            prior: None,
            unexplained: DMatrix::zeros(photographs.len(), 0),
        });
    };
    let latents = Latents::of(&mut autoencoder, photographs, false)?;
    let (basis, told) = latents.basis();
    let coder = Coder::in_basis(&autoencoder, &basis);
    deepface_files::note!(
        "decoder: {} values of a latent instead of {}",
        coder.topology().latent,
        autoencoder.latent()
    );
    let labels: Vec<_> = photographs.iter().map(|p| &p.labels[..]).collect();
    let labelled = Labelled {
        labels: &labels,
        moments,
        ridge: args.ridge,
    };
    let coordinates = latents.coordinates(&basis);
    let density = match args.density_epochs {
        0 => None,
        _ => {
            let mirrored = Latents::of(&mut autoencoder, photographs, true)?;
            let both = [&coordinates, &mirrored.coordinates(&basis)];
            Some(density::learn(args, both, &told, &labelled, checkpoint)?)
        }
    };
    let (prior, unexplained) = Prior::decoded(coder, input, coordinates, labelled);
    Ok(Decoded {
        prior: Some(prior.with_density(density, moments.frequencies())),
        unexplained,
    })
}

/// The autoencoder that a fit was given, if any.
///
/// # Errors
/// It cannot be read, or is conditional.
pub(super) fn load(args: &FitArgs) -> anyhow::Result<Option<Given>> {
    let Some(path) = &args.decoder else {
        return Ok(None);
    };
    let what = || format!("--decoder: {}", path.display());
    let file = fs::read(path).with_context(what)?;
    let autoencoder = Autoencoder::read(&file).with_context(what)?;
    ensure!(
        !autoencoder.description().settings.conditional,
        "--decoder: expected an autoencoder that was trained with --unconditional, got a conditional one"
    );
    Ok(Some(Given {
        digest: sha256(&file),
        autoencoder,
    }))
}

/// What an encoder says of photographs.
struct Latents {
    /// The means, a row a photograph.
    means: DMatrix<f64>,
    /// The variances of each value, averaged over photographs.
    own: Vec<f64>,
}

impl Latents {
    /// Those of photographs, or of their mirror images.
    fn of(
        autoencoder: &mut Autoencoder,
        photographs: &[&Photograph],
        mirrored: bool,
    ) -> anyhow::Result<Self> {
        let bar = progress("latents of the decoder", photographs.len())?;
        let (side, latent) = (autoencoder.side(), autoencoder.latent());
        let mut means = Vec::with_capacity(photographs.len() * latent);
        let mut own = vec![0.0; latent];
        for part in photographs.chunks(TOGETHER) {
            let faces = part.par_iter().map(|p| {
                let face = p.face(&p.image()?, side);
                Ok(if mirrored { mirror(face, side) } else { face })
            });
            let faces: Vec<Vec<f32>> = faces.collect::<anyhow::Result<_>>()?;
            let (mean, log_variance) = autoencoder.encode(&faces.concat(), &[])?;
            means.extend(mean.into_iter().map(f64::from));
            for (k, v) in log_variance.into_iter().enumerate() {
                own[k % latent] += f64::from(v).exp() / photographs.len() as f64;
            }
            bar.inc(part.len() as u64);
        }
        bar.finish_and_clear();
        Ok(Self {
            means: DMatrix::from_row_slice(photographs.len(), latent, &means),
            own,
        })
    }

    /// The basis in which latents over photographs are standard normal, what the encoder tells most of first; and which share
    /// of each value's variance it tells.
    fn basis(&self) -> (Basis, Vec<f32>) {
        let mean = self.means.row_mean();
        let mut centred = self.means.clone();
        centred.row_iter_mut().for_each(|mut row| row -= &mean);
        let told = centred.tr_mul(&centred) / self.means.nrows().max(1) as f64;
        let mut total = told.clone();
        for (k, own) in self.own.iter().enumerate() {
            total[(k, k)] += own + LEAST_VARIANCE;
        }
        let factor = total
            .cholesky()
            .expect("a covariance plus a positive diagonal is positive definite")
            .unpack();
        let inverse = factor
            .solve_lower_triangular(&DMatrix::identity(self.own.len(), self.own.len()))
            .expect("a Cholesky factor has an inverse");
        // The shares of the variance that are told, along orthogonal directions of white latents.
        let eigen = SymmetricEigen::new(&inverse * told * inverse.transpose());
        let shares = &eigen.eigenvalues;
        let mut order: Vec<usize> = (0..shares.len()).collect();
        order.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]));
        let kept = order
            .iter()
            .filter(|&&k| shares[k] > LEAST_TOLD)
            .count()
            .max(1);
        let white = DMatrix::from_fn(self.own.len(), kept, |r, c| {
            eigen.eigenvectors[(r, order[c])]
        });
        // Columns, one behind the other.
        let floats = |m: DMatrix<f64>| m.iter().map(|&x| x as f32).collect();
        let basis = Basis {
            mean: mean.iter().map(|&x| x as f32).collect(),
            analysis: floats(inverse.tr_mul(&white)),
            synthesis: floats(factor * white),
        };
        let told = order[..kept].iter().map(|&k| shares[k] as f32);
        (basis, told.collect())
    }

    /// The means in that basis, a row a photograph.
    fn coordinates(&self, basis: &Basis) -> DMatrix<f32> {
        let latent = self.own.len();
        let mut apart = self.means.map(|x| x as f32);
        for (mut column, mean) in apart.column_iter_mut().zip(&basis.mean) {
            column.add_scalar_mut(-mean);
        }
        let count = basis.analysis.len() / latent;
        apart * DMatrix::from_column_slice(latent, count, &basis.analysis)
    }
}

/// A face, `[3, side, side]`, with left and right exchanged.
fn mirror(mut face: Vec<f32>, side: usize) -> Vec<f32> {
    face.chunks_exact_mut(side).for_each(<[f32]>::reverse);
    face
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latents_become_standard_normal_and_what_is_told_comes_first() {
        // Of three values the second is told best, the third not at all.
        let n = 400;
        let wave = |i: usize, k: f64| (i as f64 * k).sin() * std::f64::consts::SQRT_2;
        let means = DMatrix::from_fn(n, 3, |i, k| match k {
            0 => 5.0 + 0.5 * wave(i, 0.7),
            1 => -1.0 + 2.0 * wave(i, 1.9) + 0.2 * wave(i, 0.7),
            _ => 1e-3 * wave(i, 2.3),
        });
        let latents = Latents {
            means,
            own: vec![0.5, 0.1, 1.0],
        };
        let (basis, shares) = latents.basis();
        assert_eq!((basis.mean.len(), basis.analysis.len()), (3, 6));
        let found = latents.coordinates(&basis).map(f64::from);
        let told = found.tr_mul(&found) / n as f64;
        assert!(told[(0, 0)] > 0.95 && told[(0, 1)].abs() < 1e-3, "{told}");
        assert!((0.2..0.5).contains(&told[(1, 1)]), "{told}");
        assert!((told[(1, 1)] - f64::from(shares[1])).abs() < 1e-3 && shares.len() == 2);
        // The own variance adds what is missing to 1.
        for column in 0..2 {
            let vector = &basis.analysis[3 * column..][..3];
            let pairs = vector.iter().zip(&latents.own);
            let own: f64 = pairs.map(|(&v, own)| f64::from(v).powi(2) * own).sum();
            assert!(
                (told[(column, column)] + own - 1.0).abs() < 1e-3,
                "{told} {own}"
            );
        }
        // Analysis and synthesis are inverse to each other.
        for (i, a) in basis.analysis.chunks_exact(3).enumerate() {
            for (j, s) in basis.synthesis.chunks_exact(3).enumerate() {
                let product: f32 = a.iter().zip(s).map(|(a, s)| a * s).sum();
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((product - expected).abs() < 1e-4, "{i} {j}: {product}");
            }
        }
    }
}
