//! Distance, of two vectors and of many.

/// Euclidean distance.
pub(crate) fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
    squares.sum::<f64>().sqrt()
}

/// Mean Euclidean distance over all pairs; `None` of fewer than two vectors.
pub(crate) fn mean_pairwise_distance<V: AsRef<[f32]>>(vectors: &[V]) -> Option<f64> {
    let pairs = vectors.iter().enumerate().flat_map(|(i, a)| {
        let others = vectors[..i].iter();
        others.map(|b| distance(a.as_ref(), b.as_ref()))
    });
    super::mean(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_counts_once() {
        // Sides 3, 4, 5.
        let triangle = [[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]];
        assert_eq!(mean_pairwise_distance(&triangle), Some(4.0));
        assert_eq!(mean_pairwise_distance(&[[7.0], [7.0]]), Some(0.0));
        assert_eq!(mean_pairwise_distance(&triangle[..1]), None);
    }
}
