//! Ranking.

/// Area under the ROC curve: the probability that a positive scores above a negative, equal scores counting half.
///
/// 0.5 is chance. `None` where there are no positives or no negatives.
pub fn auc(mut scored: Vec<(f32, bool)>) -> Option<f64> {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = scored.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = scored.len() as f64 - positives;
    let (mut below, mut won) = (0.0, 0.0);
    for equal in scored.chunk_by(|a, b| a.0 == b.0) {
        let up = equal.iter().filter(|(_, positive)| *positive).count() as f64;
        let down = equal.len() as f64 - up;
        won += up * (below + 0.5 * down);
        below += down;
    }
    (positives > 0.0 && negatives > 0.0).then(|| won / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_the_pairs_that_are_in_order() {
        let perfect = [(0.1, false), (0.9, true)];
        let wrong = [(0.9, false), (0.1, true)];
        // Of the four pairs 0.4 and 0.8 over 0.1, and 0.8 over 0.6, are in order.
        let mixed = [(0.1, false), (0.4, true), (0.6, false), (0.8, true)];
        // A tie is half: 0.5 against 0.5, and 0.9 over 0.5.
        let tied = [(0.5, true), (0.5, false), (0.9, true)];
        let blind = [(0.5, true), (0.5, false), (0.5, true), (0.5, false)];
        for (scored, expected) in [
            (&perfect[..], Some(1.0)),
            (&wrong, Some(0.0)),
            (&mixed, Some(0.75)),
            (&tied, Some(0.75)),
            (&blind, Some(0.5)),
            (&perfect[..1], None),
            (&[], None),
        ] {
            assert_eq!(auc(scored.to_vec()), expected, "{scored:?}");
        }
    }
}
