//! How well a network recognises attributes: one photograph a person, so that nobody counts more than others.

use deepface_statistics::auc;
use serde::{Deserialize, Serialize};

/// Means over the attributes that some but not all of the people have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Number of people, one photograph of each.
    pub people: usize,
    /// Share of right decisions at a probability of one half.
    pub accuracy: f64,
    /// Share of the decisions that are right if what most people have is always said.
    pub majority: f64,
    /// Mean of the true-positive and the true-negative rate at the share of the training people that have the attribute.
    pub balanced: f64,
    /// Area under the ROC curve.
    pub auc: f64,
}

/// How well one attribute is told; each figure as in [`Approval`].
pub(crate) struct Figures {
    pub(crate) accuracy: f64,
    pub(crate) majority: f64,
    pub(crate) balanced: f64,
    pub(crate) auc: f64,
}

/// Probabilities and labels of people: `[people, attributes]`.
#[derive(Clone, Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) probabilities: &'a [f32],
    pub(crate) labels: &'a [&'a [bool]],
    /// Share of the training people that have each attribute.
    pub(crate) frequencies: &'a [f64],
}

impl Judged<'_> {
    /// The means over attributes; `None` if no attribute tells people apart.
    pub(crate) fn approval(&self) -> Option<Approval> {
        let count = self.frequencies.len();
        let all = (0..count).filter_map(|j| self.attribute(j));
        let all: Vec<Figures> = all.collect();
        let mean = |of: fn(&Figures) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        (!all.is_empty()).then(|| Approval {
            people: self.labels.len(),
            accuracy: mean(|f| f.accuracy),
            majority: mean(|f| f.majority),
            balanced: mean(|f| f.balanced),
            auc: mean(|f| f.auc),
        })
    }

    /// How well one attribute is told; `None` if all people are alike in it.
    pub(crate) fn attribute(&self, j: usize) -> Option<Figures> {
        let count = self.frequencies.len();
        let scored = self.labels.iter().enumerate();
        let scored = scored.map(|(i, labels)| (self.probabilities[i * count + j], labels[j]));
        let scored: Vec<(f32, bool)> = scored.collect();
        let n = scored.len() as f64;
        let positives = scored.iter().filter(|s| s.1).count() as f64;
        let right = scored.iter().filter(|s| (s.0 > 0.5) == s.1).count() as f64;
        let threshold = self.frequencies[j] as f32;
        let rate = |label: bool, of: f64| {
            let told = scored
                .iter()
                .filter(|s| s.1 == label && (s.0 > threshold) == label);
            told.count() as f64 / of
        };
        let auc = auc(scored.clone())?;
        let balanced = (rate(true, positives) + rate(false, n - positives)) / 2.0;
        Some(Figures {
            accuracy: right / n,
            majority: positives.max(n - positives) / n,
            balanced,
            auc,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_leave_out_attributes_that_all_people_have() {
        // The first attribute is told perfectly, the second by no one, the third is everybody's.
        let probabilities = [0.9, 0.3, 0.9, 0.2, 0.3, 0.9, 0.8, 0.3, 0.9, 0.1, 0.3, 0.9];
        let labels = [
            &[true, true, true][..],
            &[false, false, true],
            &[true, false, true],
            &[false, false, true],
        ];
        let judged = Judged {
            probabilities: &probabilities,
            labels: &labels,
            frequencies: &[0.5, 0.25, 1.0],
        };
        let expected = Approval {
            people: 4,
            accuracy: (1.0 + 0.75) / 2.0,
            majority: (0.5 + 0.75) / 2.0,
            balanced: (1.0 + 0.5) / 2.0,
            auc: (1.0 + 0.5) / 2.0,
        };
        assert_eq!(judged.approval(), Some(expected));
    }
}
