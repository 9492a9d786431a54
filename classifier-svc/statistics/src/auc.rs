//! Ranking.

/// Area under the ROC curve: the probability that a positive scores above a negative, equal scores counting half.
///
/// 0.5 is chance. `None` where there are no positives or no negatives.
pub fn auc(scored: Vec<(f32, bool)>) -> Option<f64> {
    let once = |(score, positive)| (score, positive, 1.0);
    weighted_auc(scored.into_iter().map(once).collect())
}

/// As [`auc`] where each score, with whether it is a positive's, also has a weight, 0 or more: positives and negatives
/// are drawn in proportion to it.
///
/// `None` where positives or negatives have no weight together.
pub fn weighted_auc(mut scored: Vec<(f32, bool, f64)>) -> Option<f64> {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut positives, mut below, mut won) = (0.0, 0.0, 0.0);
    for equal in scored.chunk_by(|a, b| a.0 == b.0) {
        let (mut up, mut down) = (0.0, 0.0);
        for &(_, positive, weight) in equal {
            *(if positive { &mut up } else { &mut down }) += weight;
        }
        won += up * (below + 0.5 * down);
        positives += up;
        below += down;
    }
    (positives > 0.0 && below > 0.0).then(|| won / (positives * below))
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

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

    /// Every pair, one after the other.
    fn plain(scored: &[(f32, bool, f64)]) -> f64 {
        let of = |wanted: bool| scored.iter().filter(move |s| s.1 == wanted);
        let (mut won, mut all) = (0.0, 0.0);
        for up in of(true) {
            for down in of(false) {
                let weight = up.2 * down.2;
                won += weight
                    * match up.0.total_cmp(&down.0) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                all += weight;
            }
        }
        won / all
    }

    #[test]
    fn weights_count_as_they_do_pair_by_pair() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for n in [2, 3, 10, 200] {
            // Few values, so that there are ties; some weights are 0.
            let mut scored: Vec<(f32, bool, f64)> = (0..n)
                .map(|_| {
                    let (score, weight) = (rng.random_range(0..20), rng.random_range(0..4));
                    (score as f32, rng.random(), f64::from(weight) / 3.0)
                })
                .collect();
            scored.extend([(3.0, true, 0.5), (4.0, false, 0.25)]);
            let found = weighted_auc(scored.clone()).unwrap();
            assert!((found - plain(&scored)).abs() < 1e-12, "{n}: {found}");
        }
    }

    #[test]
    fn a_weight_is_a_number_of_copies() {
        let scored = [(0.1, false), (0.4, true), (0.6, false), (0.8, true)];
        let weighted = scored.map(|(s, p)| (s, p, if s == 0.4 { 3.0 } else { 1.0 }));
        let copies = [&scored[..], &[scored[1]; 2]].concat();
        assert_eq!(weighted_auc(weighted.to_vec()), auc(copies));
        let nobody = scored.map(|(s, p)| (s, p, if p { 0.0 } else { 1.0 }));
        assert_eq!(weighted_auc(nobody.to_vec()), None);
    }
}
