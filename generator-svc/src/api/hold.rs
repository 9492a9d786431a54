//! Attributes to keep: terms of the loss that hold them where the reference face has them.
//!
//! The description keeps them, but the network sees more in a face than its description: a hat makes a man more likely
//! even where the description says nothing of either. So the classifier's own opinion of the reference face is held.

use deepface_proto::v1::{
    AttributeLikelihood, AttributeScore, AttributeTarget, Objective, objective::Term,
};

use super::inversion::Inversion;
use super::reference::Reference;
use super::status::Refusal;

/// Weight of the terms together, in units of log-odds. With more the attributes asked for lose (`docs/generation.md`).
const WEIGHT: f64 = 0.5;
/// Least variance of an attribute whose probability is held: the weight grows towards certainty, where a change of the
/// log-odds hardly changes the probability, but not without end.
const LEAST_VARIANCE: f64 = 0.01;

/// The terms that hold the attributes to keep where they are in the reference face.
///
/// # Errors
/// The classifier does not answer, or the work panicked.
pub(super) async fn terms(
    inversion: &Inversion,
    reference: Option<&mut Reference>,
) -> Result<Vec<Objective>, Refusal> {
    let Some(reference) = reference.filter(|_| !inversion.wish.kept.is_empty()) else {
        return Ok(Vec::new());
    };
    let schema = &inversion.statistics.schema;
    let scores = reference.scores(inversion).await?;
    let kept = scores.iter().filter(|score| {
        let mut kept = inversion.wish.kept.iter();
        kept.any(|&k| schema.name(k) == score.name)
    });
    Ok(held(&kept.collect::<Vec<_>>()))
}

/// The cross-entropy of every attribute with its probability q in the reference face, which is least where the
/// probability p of the iterate is q. Divided by q (1 - q) it is curved alike for all q: its gradient with respect to
/// the log-odds is `(p - q) / (q (1 - q))`, about their change.
fn held(scores: &[&AttributeScore]) -> Vec<Objective> {
    let term = |absent: bool| {
        let target = |score: &&AttributeScore| {
            let q = f64::from(score.probability).clamp(0.0, 1.0);
            let share = if absent { 1.0 - q } else { q };
            AttributeTarget {
                attribute: score.name.clone(),
                absent,
                // Weights of 0 are refused.
                weight: Some((share / (q * (1.0 - q)).max(LEAST_VARIANCE)).max(f64::MIN_POSITIVE)),
                enough: None,
            }
        };
        Objective {
            weight: Some(WEIGHT),
            term: Some(Term::AttributeLikelihood(AttributeLikelihood {
                targets: scores.iter().map(target).collect(),
            })),
        }
    };
    match scores {
        [] => Vec::new(),
        _ => [false, true].map(term).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_terms_balance_at_the_probability_that_is_held() {
        for q in [0.0, 1e-4, 0.3, 0.5, 0.99, 1.0_f32] {
            let score = AttributeScore {
                name: "Male".into(),
                probability: q,
                ..Default::default()
            };
            let terms = held(&[&score]);
            let weight = |i: usize| match &terms[i].term {
                Some(Term::AttributeLikelihood(likelihood)) => {
                    likelihood.targets[0].weight.unwrap_or_default()
                }
                other => panic!("expected a likelihood, got {other:?}"),
            };
            // Of -a ln p - b ln (1 - p) the derivative is 0 where p = a / (a + b).
            let (present, absent) = (weight(0), weight(1));
            assert!(
                (present / (present + absent) - f64::from(q)).abs() < 1e-6,
                "{q}"
            );
            assert!(present + absent <= 1.0 / LEAST_VARIANCE + 1e-9);
        }
        assert_eq!(held(&[]), []);
    }
}
