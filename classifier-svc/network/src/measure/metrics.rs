//! How well an attribute is recognised: accuracy, balanced accuracy, area under the ROC curve, calibration error, and
//! thresholds. Every face has a weight, so that people can count alike, however many photographs there are of each.

use deepface_statistics::weighted_auc;

use crate::{AttributeMetrics, Thresholds};

/// Weights that differ by less, of all weights together, differ only by rounding.
const ROUNDING: f64 = 1e-9;
/// Bins of probabilities for the calibration error.
const BINS: usize = 15;

/// One attribute of some faces.
pub(crate) struct Column {
    /// The probability that a network gives it, face by face.
    pub(crate) probabilities: Vec<f32>,
    /// Whether the face has it.
    pub(crate) labels: Vec<bool>,
    /// How much the face counts.
    pub(crate) weights: Vec<f64>,
}

impl Column {
    /// Probability, label and weight of each face.
    fn faces(&self) -> impl Iterator<Item = (f32, bool, f64)> {
        let both = self.probabilities.iter().zip(&self.labels);
        both.zip(&self.weights).map(|((&p, &l), &w)| (p, l, w))
    }

    /// The weight of the faces that satisfy a condition of probability and label.
    fn weight(&self, of: impl Fn(f32, bool) -> bool) -> f64 {
        let faces = self.faces().filter(|&(p, l, _)| of(p, l));
        faces.map(|(_, _, w)| w).sum()
    }

    /// Mean of the true-positive and the true-negative rate. `None` where all labels are alike.
    fn balanced_accuracy(&self, threshold: f32) -> Option<f64> {
        let rate = |label: bool| {
            let all = self.weight(|_, l| l == label);
            let right = self.weight(|p, l| l == label && (p > threshold) == label);
            (all > 0.0).then(|| right / all)
        };
        Some(f64::midpoint(rate(true)?, rate(false)?))
    }

    /// The threshold with the most correct decisions. Between equally good ones the nearest to one half wins, so that a
    /// handful of validation faces does not push it to an end.
    pub(crate) fn best_threshold(&self) -> f32 {
        let slack = ROUNDING * self.weight(|_, _| true);
        let candidates = (2..=38).map(|i| i as f32 / 40.0);
        let judged = candidates.map(|t| (t, self.weight(|p, l| (p > t) == l)));
        let far = |t: f32| ((t - 0.5).abs() * 1000.0) as i64;
        let better = |a: (f32, f64), b: (f32, f64)| {
            let alike = (a.1 - b.1).abs() <= slack;
            let b_wins = if alike {
                far(b.0) < far(a.0)
            } else {
                b.1 > a.1
            };
            if b_wins { b } else { a }
        };
        judged.reduce(better).map_or(0.5, |best| best.0)
    }

    /// The threshold that recognises presence and absence equally well: it maximises balanced accuracy, averaged over
    /// thresholds whose logits are near, because a few positives make the curve rough. Without any positives or
    /// negatives, `positives`, their share among the training people, which is the best threshold of calibrated
    /// probabilities.
    pub(crate) fn balanced_threshold(&self, positives: f32) -> f32 {
        const STEP: f32 = 0.1;
        const NEAR: usize = 8;
        let grid: Vec<f32> = (-60..=30)
            .map(|i| 1.0 / (1.0 + (-STEP * i as f32).exp()))
            .collect();
        let curve: Option<Vec<f64>> = grid.iter().map(|&t| self.balanced_accuracy(t)).collect();
        let Some(curve) = curve else {
            return positives;
        };
        let smooth = |i: usize| {
            let near = &curve[i.saturating_sub(NEAR)..(i + NEAR + 1).min(curve.len())];
            near.iter().sum::<f64>() / near.len() as f64
        };
        let best = (0..grid.len()).max_by(|&a, &b| smooth(a).total_cmp(&smooth(b)));
        best.map_or(positives, |i| grid[i])
    }

    /// Metrics at thresholds. `None` where all labels are alike: then they are undefined.
    pub(crate) fn measure(
        &self,
        Thresholds { accurate, balanced }: Thresholds,
    ) -> Option<AttributeMetrics> {
        let all = self.weight(|_, _| true);
        Some(AttributeMetrics {
            balanced_accuracy: self.balanced_accuracy(accurate)? as f32,
            balanced_accuracy_at_balanced: self.balanced_accuracy(balanced)? as f32,
            accuracy: (self.weight(|p, l| (p > accurate) == l) / all) as f32,
            auc: weighted_auc(self.faces().collect())? as f32,
            positives: (self.weight(|_, l| l) / all) as f32,
        })
    }

    /// Expected calibration error (Naeini et al. 2015): how far the share of positives among faces with nearly the same
    /// probability is from that probability, in 15 bins of equal width; 0 is best.
    pub(crate) fn calibration_error(&self) -> f64 {
        let mut off = [0.0; BINS];
        let mut all = 0.0;
        for (p, label, weight) in self.faces() {
            let bin = (p * BINS as f32) as usize;
            off[bin.min(BINS - 1)] += weight * (f64::from(u8::from(label)) - f64::from(p));
            all += weight;
        }
        off.iter().map(|x| x.abs()).sum::<f64>() / all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(probabilities: &[f32], labels: &[bool]) -> Column {
        Column {
            probabilities: probabilities.to_vec(),
            labels: labels.to_vec(),
            weights: vec![1.0; labels.len()],
        }
    }

    #[test]
    fn metrics_of_a_known_case() {
        let p = [0.1, 0.4, 0.35, 0.8];
        let labels = [false, false, true, true];
        let at = |accurate, balanced| Thresholds { accurate, balanced };
        let m = column(&p, &labels).measure(at(0.5, 0.2)).unwrap();
        assert_eq!(
            (m.accuracy, m.balanced_accuracy, m.auc, m.positives),
            (0.75, 0.75, 0.75, 0.5)
        );
        // At 0.2 one negative and both positives are told.
        assert_eq!(m.balanced_accuracy_at_balanced, 0.75);
        let blind = column(&[0.5; 4], &labels).measure(at(0.5, 0.5));
        assert_eq!(blind.unwrap().auc, 0.5);
        assert_eq!(column(&p, &[true; 4]).measure(at(0.5, 0.5)), None);
        let t = column(&[0.1, 0.2, 0.25, 0.3], &labels).best_threshold();
        assert!((0.2..0.25).contains(&t), "{t}");
    }

    #[test]
    fn a_weight_is_a_number_of_copies() {
        let p = [0.1, 0.45, 0.35, 0.8, 0.6, 0.3, 0.52];
        let labels = [false, true, false, true, false, true, true];
        let weights = [2, 1, 4, 1, 3, 2, 1];
        let weighted = Column {
            weights: weights.map(|w| f64::from(w) / 3.0).to_vec(),
            ..column(&p, &labels)
        };
        let copies = (0..7).flat_map(|i| vec![i; weights[i] as usize]);
        let (p, labels): (Vec<f32>, Vec<bool>) = copies.map(|i| (p[i], labels[i])).unzip();
        let copied = column(&p, &labels);
        assert_eq!(weighted.best_threshold(), copied.best_threshold());
        let balanced = weighted.balanced_threshold(0.5);
        assert_eq!(balanced, copied.balanced_threshold(0.5));
        let accurate = weighted.best_threshold();
        let at = Thresholds { accurate, balanced };
        let values = |column: &Column| {
            let m = column.measure(at).unwrap();
            let error = column.calibration_error() as f32;
            [m.accuracy, m.balanced_accuracy, m.auc, m.positives, error]
        };
        let both = values(&weighted).into_iter().zip(values(&copied));
        both.for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "{a} {b}"));
    }

    #[test]
    fn a_probability_that_comes_true_is_calibrated() {
        let labels: Vec<bool> = (0..100).map(|i| i < 30).collect();
        let error = |p: f32| column(&[p; 100], &labels).calibration_error();
        assert!(error(0.3) < 1e-6);
        assert!((error(0.9) - 0.6).abs() < 1e-6);
        // Errors in different bins do not make up for each other.
        let p: Vec<f32> = labels.iter().map(|&l| if l { 0.6 } else { 0.2 }).collect();
        let expected = 0.3 * 0.4 + 0.7 * 0.2;
        let found = column(&p, &labels).calibration_error();
        assert!((found - expected).abs() < 1e-6, "{found}");
        assert_eq!(column(&[1.0], &[true]).calibration_error(), 0.0);
    }

    #[test]
    fn the_balanced_threshold_finds_the_few_positives() {
        let rare: Vec<bool> = (0..1000).map(|i| i % 50 == 0).collect();
        // Positives at 0.3, negatives at 0.02: no positive is above 0.5, and accuracy hardly minds.
        let p: Vec<f32> = rare.iter().map(|&l| if l { 0.3 } else { 0.02 }).collect();
        let found = column(&p, &rare);
        let t = found.balanced_threshold(0.5);
        assert!((0.02..0.3).contains(&t), "{t}");
        assert_eq!(found.balanced_accuracy(t), Some(1.0));
        assert_eq!(found.balanced_accuracy(0.5), Some(0.5));
        let nobody = column(&p, &[false; 1000]);
        assert_eq!(nobody.balanced_threshold(0.07), 0.07);
    }
}
