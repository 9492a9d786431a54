//! How well attributes are told: accuracy, balanced accuracy, area under the ROC curve, and thresholds.

use crate::model::AttributeMetrics;

/// The threshold that decides most of these right. Between equally good ones the nearest to one half wins, so
/// that a handful of validation faces does not push it to an end.
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

/// Metrics of one attribute at a threshold. `None` where all labels are alike: then nothing can be said.
pub(super) fn measure(
    probabilities: &[f32],
    labels: &[bool],
    threshold: f32,
) -> Option<AttributeMetrics> {
    let n = labels.len() as f32;
    let positives = labels.iter().filter(|&&l| l).count() as f32;
    if positives == 0.0 || positives == n {
        return None;
    }
    let hits = |label: bool| {
        let decided = probabilities.iter().zip(labels);
        decided
            .filter(|&(&p, &l)| l == label && (p > threshold) == l)
            .count() as f32
    };
    let (true_positives, true_negatives) = (hits(true), hits(false));
    Some(AttributeMetrics {
        accuracy: (true_positives + true_negatives) / n,
        balanced_accuracy: (true_positives / positives + true_negatives / (n - positives)) / 2.0,
        auc: auc(probabilities, labels),
        positives: positives / n,
    })
}

/// Probability that a positive ranks above a negative; ties count half (Mann-Whitney).
fn auc(scores: &[f32], labels: &[bool]) -> f32 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut below, mut wins) = (0.0_f64, 0.0_f64);
    let mut negatives = 0.0_f64;
    let mut at = 0;
    while at < order.len() {
        let end = (at..order.len())
            .find(|&i| scores[order[i]] != scores[order[at]])
            .unwrap_or(order.len());
        let tied = order[at..end].iter().filter(|&&i| !labels[i]).count() as f64;
        let positives = (end - at) as f64 - tied;
        wins += positives * (below + tied / 2.0);
        below += tied;
        negatives += tied;
        at = end;
    }
    let positives = labels.len() as f64 - negatives;
    (wins / (positives * negatives)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_of_a_known_case() {
        let p = [0.1, 0.4, 0.35, 0.8];
        let labels = [false, false, true, true];
        let m = measure(&p, &labels, 0.5).unwrap();
        assert_eq!(
            (m.accuracy, m.balanced_accuracy, m.auc, m.positives),
            (0.75, 0.75, 0.75, 0.5)
        );
        assert_eq!(auc(&[0.5; 4], &labels), 0.5);
        assert_eq!(measure(&p, &[true; 4], 0.5), None);
        let t = best_threshold(&[0.1, 0.2, 0.25, 0.3], &[false, false, true, true]);
        assert!((0.2..0.25).contains(&t), "{t}");
    }
}
