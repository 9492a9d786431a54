//! Whether faces show what was asked for, and as much of the rest as photographs: on one attribute.

use super::bootstrap::{Weights, weighted_mean};

/// A face's probability of the attribute, whether it was asked for, and the face's set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scored {
    pub(crate) set: usize,
    pub(crate) asked: bool,
    pub(crate) probability: f32,
}

/// The faces of one attribute, and the references' probability of it.
#[derive(Clone, Debug)]
pub(crate) struct Attribute<'a> {
    /// Lowest probability first.
    faces: Vec<Scored>,
    references: &'a [(f32, bool)],
}

impl<'a> Attribute<'a> {
    /// Faces, and of each reference the probability and whether it has the attribute.
    pub(crate) fn new(mut faces: Vec<Scored>, references: &'a [(f32, bool)]) -> Self {
        faces.sort_by(|a, b| a.probability.total_cmp(&b.probability));
        Self { faces, references }
    }

    /// Area under the ROC curve in a sample: the probability that a face that was asked to show it scores above one that
    /// was not, ties counting half. `None` where all faces or none were asked.
    pub(crate) fn auc(&self, weights: &Weights) -> Option<f64> {
        let (mut below, mut won, mut ups) = (0.0, 0.0, 0.0);
        for equal in self.faces.chunk_by(|a, b| a.probability == b.probability) {
            let of = |asked| {
                let own = equal.iter().filter(|face| face.asked == asked);
                own.map(|face| weights.sets[face.set]).sum::<f64>()
            };
            let (up, down) = (of(true), of(false));
            won += up * (below + 0.5 * down);
            (below, ups) = (below + down, ups + up);
        }
        (ups > 0.0 && below > 0.0).then(|| won / (ups * below))
    }

    /// How much more probable it is, on average, in faces that were asked for it (or in those that were not) than in
    /// photographs that have it (or do not). `None` where there is nothing to compare.
    pub(crate) fn excess(&self, asked: bool, weights: &Weights) -> Option<f64> {
        let faces = self.faces.iter().filter(|face| face.asked == asked);
        let faces = faces.map(|face| (weights.sets[face.set], f64::from(face.probability)));
        let references = self.references.iter().zip(&weights.references);
        let references = references.filter(|((_, has), _)| *has == asked);
        let references = references.map(|((p, _), &weight)| (weight, f64::from(*p)));
        Some(weighted_mean(faces)? - weighted_mean(references)?)
    }

    /// Share of the faces that were asked for it.
    pub(crate) fn asked(&self) -> f64 {
        let asked = self.faces.iter().filter(|face| face.asked).count();
        asked as f64 / self.faces.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::bootstrap::Samples;
    use super::*;

    fn scored(faces: &[(usize, bool, f32)]) -> Vec<Scored> {
        let scored = |&(set, asked, probability): &(usize, bool, f32)| Scored {
            set,
            asked,
            probability,
        };
        faces.iter().map(scored).collect()
    }

    #[test]
    fn it_is_the_area_under_the_curve() {
        let faces = [
            (0, true, 0.9),
            (1, false, 0.5),
            (2, true, 0.5),
            (3, false, 0.1),
        ];
        let attribute = Attribute::new(scored(&faces), &[]);
        let mut weights = Samples::new(4, 0).all()[0].clone();
        // Three pairs are in order, and one is a tie.
        assert_eq!(attribute.auc(&weights), Some(3.5 / 4.0));
        let plain = faces.map(|(_, asked, p)| (p, asked)).to_vec();
        assert_eq!(attribute.auc(&weights), deepface_statistics::auc(plain));
        assert_eq!(attribute.asked(), 0.5);
        // The tie's face three times: of six pairs, three of the last and one are in order.
        weights.sets[2] = 3.0;
        assert_eq!(attribute.auc(&weights), Some((2.0 + 3.0 * 1.5) / 8.0));
        weights.sets = vec![1.0, 0.0, 1.0, 0.0];
        assert_eq!(attribute.auc(&weights), None);
    }

    #[test]
    fn excess_is_over_photographs_with_the_same_label() {
        let faces = [(0, true, 0.9), (1, false, 0.5), (2, true, 0.7)];
        let references = [(0.6, true), (0.1, false), (0.3, false)];
        let attribute = Attribute::new(scored(&faces), &references);
        let mut weights = Samples::new(3, 3).all()[0].clone();
        let near = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < 1e-6;
        assert!(near(attribute.excess(true, &weights), 0.2));
        assert!(near(attribute.excess(false, &weights), 0.3));
        weights.references[0] = 0.0;
        assert_eq!(attribute.excess(true, &weights), None);
    }
}
