//! The coder of a trained autoencoder.

use super::{Case, SIDE, settings};
use crate::{
    autoencoder::{Autoencoder, Basis, Coder, Settings, train},
    noise::noise,
};

const OLD: usize = 6;

fn trained() -> Autoencoder {
    let settings = Settings {
        conditional: false,
        epochs: 2,
        ..settings()
    };
    let case = Case::new();
    let trained = train(&settings, &case.data(), None, &mut |_| ()).unwrap();
    trained.autoencoder
}

/// The first `count` vectors of a basis that exchanges, turns and doubles values around a mean.
fn basis(count: usize) -> Basis {
    let directions = directions(count);
    Basis {
        mean: (0..OLD).map(|i| 0.1 * i as f32).collect(),
        analysis: directions.iter().map(|d| d / 2.0).collect(),
        synthesis: directions.iter().map(|d| d * 2.0).collect(),
    }
}

fn directions(count: usize) -> Vec<f32> {
    let (c, s) = (0.6, 0.8);
    let mut rows = [[0.0; OLD]; OLD];
    for (i, row) in rows.iter_mut().enumerate() {
        row[(i + 2) % OLD] = 1.0;
    }
    let [a, b] = [rows[0], rows[1]];
    for k in 0..OLD {
        rows[0][k] = c * a[k] + s * b[k];
        rows[1][k] = c * b[k] - s * a[k];
    }
    rows[..count].concat()
}

fn close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .for_each(|(a, b)| assert!((a - b).abs() < 1e-4, "{a} {b}"));
}

#[test]
fn latents_are_others_and_faces_are_the_same() {
    let mut autoencoder = trained();
    let basis = basis(OLD);
    let coder = Coder::in_basis(&autoencoder, &basis);
    let old = noise(3, OLD);
    let products = |rows: &[f32], x: &[f32]| -> Vec<f32> {
        let dot = |d: &[f32]| d.iter().zip(x).map(|(d, x)| d * x).sum();
        rows.chunks_exact(OLD).map(dot).collect()
    };
    let turn = |x: &[f32]| {
        let apart: Vec<f32> = x.iter().zip(&basis.mean).map(|(x, m)| x - m).collect();
        products(&basis.analysis, &apart)
    };
    let face = autoencoder.decode(&old, &[]).unwrap();
    close(&coder.decode(&turn(&old)), &face);
    let (mean, _) = autoencoder.encode(&face, &[]).unwrap();
    close(&coder.encode(&face), &turn(&mean));
    let gradient = noise(4, 3 * SIDE * SIDE);
    let pulled = autoencoder.pull_back(&old, &[], &gradient).unwrap();
    close(
        &coder.pull_back(&turn(&old), &gradient),
        &products(&basis.synthesis, &pulled),
    );
}

#[test]
fn what_is_left_out_stays_at_the_mean() {
    let mut autoencoder = trained();
    let basis = basis(4);
    let coder = Coder::in_basis(&autoencoder, &basis);
    assert_eq!(coder.topology().latent, 4);
    let new = noise(3, 4);
    let mut old = basis.mean.clone();
    for (x, d) in new.iter().zip(basis.synthesis.chunks_exact(OLD)) {
        old.iter_mut().zip(d).for_each(|(o, d)| *o += x * d);
    }
    let face = autoencoder.decode(&old, &[]).unwrap();
    close(&coder.decode(&new), &face);
}

#[test]
fn calls_do_not_disturb_each_other_and_weights_come_back() {
    let coder = Coder::in_basis(&trained(), &basis(OLD));
    let (a, b) = (noise(1, OLD), noise(2, OLD));
    let gradient = noise(4, 3 * SIDE * SIDE);
    let expected = coder.pull_back(&a, &gradient);
    coder.decode(&a);
    coder.decode(&b);
    assert_eq!(coder.pull_back(&a, &gradient), expected);
    assert_eq!(coder.pull_back(&a, &gradient), expected);
    let tensors = coder.tensors();
    let read = Coder::read(coder.topology().clone(), |name, shape| {
        let found = tensors.iter().find(|(n, s, _)| n == name && s == shape);
        found.map(|(.., values)| values.to_vec()).ok_or(())
    });
    let read = read.unwrap();
    assert_eq!(read.decode(&a), coder.decode(&a));
    let face = coder.decode(&b);
    assert_eq!(read.encode(&face), coder.encode(&face));
}
