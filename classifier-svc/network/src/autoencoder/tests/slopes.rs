//! Gradients against finite differences.

use crate::{noise::noise, train::optimizer::Parameter};

/// Moves parameters a little: biases of 0 would leave rectifiers of constant planes undecided.
pub(in crate::autoencoder) fn unsettle<'a>(parameters: impl Iterator<Item = &'a mut Parameter>) {
    for (i, p) in parameters.enumerate() {
        let moved = noise(i as u64, p.value.len());
        p.value
            .iter_mut()
            .zip(moved)
            .for_each(|(w, m)| *w += 0.05 * m);
    }
}

pub(in crate::autoencoder) fn dot(a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// The slope along the gradient, which is its norm, and that norm. `value` is the function of a moved array.
pub(in crate::autoencoder) fn slope(
    at: &[f32],
    gradient: &[f32],
    step: f64,
    mut value: impl FnMut(&[f32]) -> f64,
) -> [f64; 2] {
    let norm = dot(gradient, gradient).sqrt();
    let mut moved = |sign: f64| {
        let along = gradient
            .iter()
            .map(|&g| (sign * step * f64::from(g) / norm) as f32);
        let moved: Vec<f32> = at.iter().zip(along).map(|(x, d)| x + d).collect();
        value(&moved)
    };
    [(moved(1.0) - moved(-1.0)) / (2.0 * step), norm]
}

pub(in crate::autoencoder) fn assert_slope(what: &str, [slope, norm]: [f64; 2], tolerance: f64) {
    assert!(norm > 1e-6, "{what} has no gradient");
    assert!(
        (slope - norm).abs() < tolerance * norm,
        "{what}: {slope} instead of {norm}"
    );
}
