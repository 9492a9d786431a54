//! The similarity of two faces, from their activations of fc7.

/// Cosine of the angle between two activations as seen from their mean, -1 to 1; 0 where one is the mean itself and
/// has no direction.
pub fn cosine(a: &[f32], b: &[f32], mean: &[f32]) -> f64 {
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for ((&a, &b), &m) in a.iter().zip(b).zip(mean) {
        let (a, b) = (f64::from(a) - f64::from(m), f64::from(b) - f64::from(m));
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let norms = (aa * bb).sqrt();
    if norms > 0.0 {
        (ab / norms).clamp(-1.0, 1.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_is_the_angle_as_seen_from_the_mean() {
        let mean = [1.0, 1.0];
        assert_eq!(cosine(&[3.0, 1.0], &[3.0, 1.0], &mean), 1.0);
        assert_eq!(cosine(&[3.0, 1.0], &[1.0, 9.0], &mean), 0.0);
        assert_eq!(cosine(&[3.0, 1.0], &[0.0, 1.0], &mean), -1.0);
        assert_eq!(cosine(&[1.0, 1.0], &[3.0, 1.0], &mean), 0.0);
    }
}
