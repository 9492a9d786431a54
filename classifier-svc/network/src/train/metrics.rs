//! How well attributes are recognised: accuracy, balanced accuracy, area under the ROC curve, and thresholds.

use deepface_statistics::auc;

use crate::{AttributeMetrics, Thresholds};

/// The threshold with the most correct decisions. Between equally good ones the nearest to one half wins, so that a
/// handful of validation faces does not push it to an end.
pub(super) fn best_threshold(probabilities: &[f32], labels: &[bool]) -> f32 {
    let right = |threshold: f32| {
        let decided = probabilities.iter().zip(labels);
        decided.filter(|&(&p, &l)| (p > threshold) == l).count()
    };
    let candidates = (2..=38).map(|i| i as f32 / 40.0);
    let better = |a: f32, b: f32| {
        let key = |t: f32| (right(t), -((t - 0.5).abs() * 1000.0) as i64);
        if key(b) > key(a) { b } else { a }
    };
    candidates.fold(0.5, better)
}

/// The threshold that recognises presence and absence equally well: it maximises balanced accuracy, averaged over
/// thresholds whose logits are near, because a few positives make the curve rough. Without any positives or negatives,
/// `positives`, their share among the training people, which is the best threshold of calibrated probabilities.
pub(super) fn balanced_threshold(probabilities: &[f32], labels: &[bool], positives: f32) -> f32 {
    const STEP: f32 = 0.1;
    const NEAR: usize = 8;
    let grid: Vec<f32> = (-60..=30)
        .map(|i| 1.0 / (1.0 + (-STEP * i as f32).exp()))
        .collect();
    let curve: Option<Vec<f32>> = grid
        .iter()
        .map(|&t| balanced_accuracy(probabilities, labels, t))
        .collect();
    let Some(curve) = curve else {
        return positives;
    };
    let smooth = |i: usize| {
        let near = &curve[i.saturating_sub(NEAR)..(i + NEAR + 1).min(curve.len())];
        near.iter().sum::<f32>() / near.len() as f32
    };
    let best = (0..grid.len()).max_by(|&a, &b| smooth(a).total_cmp(&smooth(b)));
    best.map_or(positives, |i| grid[i])
}

/// Mean of the true-positive and the true-negative rate. `None` where all labels are alike.
fn balanced_accuracy(probabilities: &[f32], labels: &[bool], threshold: f32) -> Option<f32> {
    let rate = |label: bool| {
        let of = probabilities
            .iter()
            .zip(labels)
            .filter(|&(_, &l)| l == label);
        let n = of.clone().count();
        let right = of.filter(|&(&p, _)| (p > threshold) == label).count();
        (n > 0).then(|| right as f32 / n as f32)
    };
    Some((rate(true)? + rate(false)?) / 2.0)
}

/// Metrics of one attribute at its thresholds. `None` where all labels are alike: then they are undefined.
pub(super) fn measure(
    probabilities: &[f32],
    labels: &[bool],
    Thresholds { accurate, balanced }: Thresholds,
) -> Option<AttributeMetrics> {
    let n = labels.len() as f32;
    let positives = labels.iter().filter(|&&l| l).count() as f32;
    if positives == 0.0 || positives == n {
        return None;
    }
    let decided = probabilities.iter().zip(labels);
    let right = decided.filter(|&(&p, &l)| (p > accurate) == l).count();
    let scored = probabilities.iter().copied().zip(labels.iter().copied());
    Some(AttributeMetrics {
        accuracy: right as f32 / n,
        balanced_accuracy: balanced_accuracy(probabilities, labels, accurate)?,
        balanced_accuracy_at_balanced: balanced_accuracy(probabilities, labels, balanced)?,
        auc: auc(scored.collect())? as f32,
        positives: positives / n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_of_a_known_case() {
        let p = [0.1, 0.4, 0.35, 0.8];
        let labels = [false, false, true, true];
        let at = |accurate, balanced| Thresholds { accurate, balanced };
        let m = measure(&p, &labels, at(0.5, 0.2)).unwrap();
        assert_eq!(
            (m.accuracy, m.balanced_accuracy, m.auc, m.positives),
            (0.75, 0.75, 0.75, 0.5)
        );
        // At 0.2 one negative and both positives are told.
        assert_eq!(m.balanced_accuracy_at_balanced, 0.75);
        assert_eq!(measure(&[0.5; 4], &labels, at(0.5, 0.5)).unwrap().auc, 0.5);
        assert_eq!(measure(&p, &[true; 4], at(0.5, 0.5)), None);
        let t = best_threshold(&[0.1, 0.2, 0.25, 0.3], &[false, false, true, true]);
        assert!((0.2..0.25).contains(&t), "{t}");
    }

    #[test]
    fn the_balanced_threshold_finds_the_few_positives() {
        let rare: Vec<bool> = (0..1000).map(|i| i % 50 == 0).collect();
        // Positives at 0.3, negatives at 0.02: no positive is above 0.5, and accuracy hardly minds.
        let p: Vec<f32> = rare.iter().map(|&l| if l { 0.3 } else { 0.02 }).collect();
        let t = balanced_threshold(&p, &rare, 0.5);
        assert!((0.02..0.3).contains(&t), "{t}");
        assert_eq!(balanced_accuracy(&p, &rare, t), Some(1.0));
        assert_eq!(balanced_accuracy(&p, &rare, 0.5), Some(0.5));
        assert_eq!(balanced_threshold(&p, &[false; 1000], 0.07), 0.07);
    }
}
