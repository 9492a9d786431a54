//! Kernel inception distance (Bińkowski et al., "Demystifying MMD GANs", ICLR 2018), in any embedding.

/// Unbiased squared maximum mean discrepancy from a reference, kernel `(x . y / d + 1)^3`.
///
/// Near 0, and as often below as above, for faces that are distributed like the reference. A biased estimate would favour
/// methods with many faces.
#[derive(Clone, Debug)]
pub(crate) struct KernelDistance<'a> {
    reference: &'a [Vec<f32>],
    within: f64,
}

impl<'a> KernelDistance<'a> {
    /// Distances from `reference`; `None` if it has fewer than two faces.
    pub(crate) fn from(reference: &'a [Vec<f32>]) -> Option<Self> {
        let within = within(reference)?;
        Some(Self { reference, within })
    }

    /// Distance of faces; `None` of fewer than two faces.
    pub(crate) fn to<V: AsRef<[f32]>>(&self, faces: &[V]) -> Option<f64> {
        let pairs = faces.iter().flat_map(|a| {
            let all = self.reference.iter();
            all.map(|b| kernel(a.as_ref(), b))
        });
        let across = super::mean(pairs)?;
        Some(within(faces)? + self.within - 2.0 * across)
    }
}

/// Mean of the kernel over all pairs of two different faces.
fn within<V: AsRef<[f32]>>(faces: &[V]) -> Option<f64> {
    let pairs = faces.iter().enumerate().flat_map(|(i, a)| {
        let others = faces[..i].iter();
        others.map(|b| kernel(a.as_ref(), b.as_ref()))
    });
    super::mean(pairs)
}

fn kernel(x: &[f32], y: &[f32]) -> f64 {
    let product: f64 = x.iter().zip(y).map(|(x, y)| f64::from(x * y)).sum();
    (product / x.len() as f64 + 1.0).powi(3)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn it_is_the_formula() {
        // One component: k(x, y) = (x y + 1)^3.
        let reference = [vec![0.0], vec![1.0]];
        let distance = KernelDistance::from(&reference).unwrap();
        // Within the reference: k(0, 1) = 1. Within the faces: k(1, 2) = 27. Across: (1 + 8 + 1 + 27) / 4.
        let expected = 27.0 + 1.0 - 2.0 * 9.25;
        assert_eq!(distance.to(&[[1.0], [2.0]]), Some(expected));
        assert_eq!(distance.to(&[[1.0]]), None);
        assert!(KernelDistance::from(&reference[..1]).is_none());
    }

    #[test]
    fn it_is_unbiased() {
        // Both sides drawn alike, few at a time: the mean over many draws is 0, though each estimate is not. With the
        // diagonals left in, as a biased estimate has them, it would be above 0.5.
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut draw = |n: usize| -> Vec<Vec<f32>> {
            let mut vector = || (0..4).map(|_| rng.random_range(-1.0..1.0)).collect();
            (0..n).map(|_| vector()).collect()
        };
        let draws = (0..4000).map(|_| {
            let (faces, reference) = (draw(3), draw(4));
            KernelDistance::from(&reference)
                .unwrap()
                .to(&faces)
                .unwrap()
        });
        let draws: Vec<f64> = draws.collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!(draws.iter().any(|d| *d < -0.1) && draws.iter().any(|d| *d > 0.1));
    }
}
