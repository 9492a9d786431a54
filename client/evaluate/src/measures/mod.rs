//! The measures, on plain arrays; where they are applied is in [`crate::assessment`] and [`crate::measured`].

mod attributes;
mod bootstrap;
mod detail;
mod distance;
mod kernel_distance;
mod neighbours;
mod similarity;
mod texture;

pub(crate) use attributes::{Attribute, Scored};
pub(crate) use bootstrap::{ALL, Drawn, Measure, Samples, mean_of_references, mean_of_sets};
pub(crate) use detail::detail;
pub(crate) use distance::{distance, mean_pairwise_distance};
pub(crate) use kernel_distance::KernelDistance;
pub(crate) use neighbours::{Neighbours, neighbours};
pub(crate) use similarity::Sources;
pub(crate) use texture::{Ruler, SIDES, Textures};

/// Mean of numbers; `None` if there are none.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_usize);
    for value in values {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

/// Mean of vectors of one length, component by component; empty if there are none.
pub(crate) fn mean_vector<V: AsRef<[f32]>>(vectors: &[V]) -> Vec<f32> {
    let size = vectors.first().map_or(0, |v| v.as_ref().len());
    let mut sums = vec![0.0; size];
    for vector in vectors {
        let components = sums.iter_mut().zip(vector.as_ref());
        components.for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let count = vectors.len() as f64;
    sums.iter().map(|sum| (sum / count) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_nothing_is_none() {
        assert_eq!(mean([1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(mean([]), None);
        assert_eq!(mean_vector(&[[1.0, 0.0], [3.0, -1.0]]), [2.0, -0.5]);
        assert!(mean_vector::<Vec<f32>>(&[]).is_empty());
    }
}
