//! How well embeddings tell people apart, so that nobody takes a similarity of attributes for one of persons.

use deepface_statistics::auc;

use crate::labels::Labels;
use crate::measures::{Sources, mean_vector};
use crate::report::Verification;

/// Two photographs of people, by one network.
pub(crate) struct Pairs<'a> {
    /// Embeddings of one photograph of each person, the sources first.
    pub(crate) people: Vec<&'a [f32]>,
    /// Their labels.
    pub(crate) labels: Vec<&'a Labels>,
    /// Numbers of those who have another photograph, and its embedding.
    pub(crate) others: Vec<(usize, &'a [f32])>,
}

impl Pairs<'_> {
    /// Compares each other photograph with that of its own person, with those of all other people, and with that whose
    /// labels are nearest to its own person's.
    pub(crate) fn verify(&self, network: &'static str) -> Verification {
        let people = Sources::new(&self.people, mean_vector(&self.people));
        let (mut all, mut alike) = (Vec::new(), Vec::new());
        for &(own, other) in &self.others {
            let to = |person| people.similarity(other, person).cosine as f32;
            all.extend((0..self.people.len()).map(|person| (to(person), person == own)));
            alike.push((to(own), true));
            alike.extend(self.most_alike(own).map(|person| (to(person), false)));
        }
        Verification {
            network,
            pairs: self.others.len(),
            auc: auc(all),
            auc_like_labels: auc(alike),
        }
    }

    /// The other person with the nearest labels, the first of several.
    fn most_alike(&self, own: usize) -> Option<usize> {
        let others = (0..self.labels.len()).filter(|&person| person != own);
        others.min_by_key(|&person| self.labels[own].differences(self.labels[person]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::tests::labels;

    #[test]
    fn a_person_is_told_from_all_or_only_from_those_with_other_labels() {
        let people: [&[f32]; 3] = [&[1.0, 0.0], &[0.5, 0.8], &[-1.5, -0.8]];
        let labels = [labels(&["Male"]), labels(&["Male"]), labels(&["Smiling"])];
        let verify = |other: &[f32]| {
            let pairs = Pairs {
                people: people.to_vec(),
                labels: labels.iter().collect(),
                others: vec![(0, other)],
            };
            pairs.verify("judge")
        };
        let same = verify(&[2.0, 0.0]);
        assert_eq!(
            (same.auc, same.auc_like_labels, same.pairs),
            (Some(1.0), Some(1.0), 1)
        );
        // Nearer to the one with the same labels than to its own.
        let attributes = verify(&[0.8, 1.0]);
        assert_eq!(
            (attributes.auc, attributes.auc_like_labels),
            (Some(0.5), Some(0.0))
        );
    }
}
