//! How well embeddings tell people apart, so that nobody takes a similarity of attributes for one of persons.

use deepface_statistics::auc;

use crate::labels::Labels;
use crate::measures::{Sources, mean_vector};
use crate::report::Verification;

/// Two photographs of people, by one network.
pub(crate) struct Pairs<'a> {
    /// Embeddings of the sources.
    pub(crate) sources: Vec<&'a [f32]>,
    /// Their labels.
    pub(crate) labels: &'a [Labels],
    /// Numbers of the sources whose person has another photograph, and the embedding of that.
    pub(crate) others: Vec<(usize, &'a [f32])>,
    /// Embeddings of the references.
    pub(crate) references: &'a [Vec<f32>],
}

impl Pairs<'_> {
    /// Compares each other photograph with its own source, with all other sources, and with the source whose labels are
    /// nearest to its own's.
    pub(crate) fn verify(&self, network: &'static str) -> Verification {
        let sources = Sources::new(&self.sources, mean_vector(self.references));
        let (mut all, mut alike) = (Vec::new(), Vec::new());
        for &(own, other) in &self.others {
            let to = |source| sources.similarity(other, source).cosine as f32;
            all.extend((0..self.sources.len()).map(|source| (to(source), source == own)));
            alike.push((to(own), true));
            alike.extend(self.most_alike(own).map(|source| (to(source), false)));
        }
        Verification {
            network,
            pairs: self.others.len(),
            auc: auc(all),
            auc_like_labels: auc(alike),
        }
    }

    /// The other source with the nearest labels, the first of several.
    fn most_alike(&self, own: usize) -> Option<usize> {
        let others = (0..self.labels.len()).filter(|&source| source != own);
        others.min_by_key(|&source| self.labels[own].differences(&self.labels[source]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::tests::labels;

    #[test]
    fn a_person_is_told_from_all_or_only_from_those_with_other_labels() {
        let sources: [&[f32]; 3] = [&[1.0, 0.0], &[0.9, 0.1], &[-1.0, 0.5]];
        let labels = [labels(&["Male"]), labels(&["Male"]), labels(&["Smiling"])];
        let verify = |other: &[f32]| {
            let pairs = Pairs {
                sources: sources.to_vec(),
                labels: &labels,
                others: vec![(0, other)],
                references: &[vec![0.0, 0.0]],
            };
            pairs.verify("judge")
        };
        let same = verify(&[2.0, 0.0]);
        assert_eq!(
            (same.auc, same.auc_like_labels, same.pairs),
            (Some(1.0), Some(1.0), 1)
        );
        // Nearer to the one with the same labels than to its own.
        let attributes = verify(&[1.8, 0.2]);
        assert_eq!(
            (attributes.auc, attributes.auc_like_labels),
            (Some(0.5), Some(0.0))
        );
    }
}
