//! The terms of a loss that lead to a face with the requested attributes.

use deepface_proto::v1::{
    AttributeLikelihood, AttributeTarget, Objective, SquaredDistance, objective::Term,
};

use super::target::WireTarget;
use crate::defaults;
use crate::gaussian::{Asked, Statistics, Wish};

/// The distance to a target, and the likelihood if it counts.
pub(super) fn terms(target: WireTarget, likelihood: Objective) -> Vec<Objective> {
    let distance = Objective {
        weight: Some(1.0),
        term: Some(Term::SquaredDistance(SquaredDistance {
            layer: target.layer,
            target: Some(target.tensor),
            normalized: true,
        })),
    };
    let likelihood = Some(likelihood).filter(|l| l.weight > Some(0.0));
    [distance].into_iter().chain(likelihood).collect()
}

/// The mean log-likelihood: learning rates and weights do not depend on the number of attributes. A complete description
/// counts the attributes that it does not name as absent. With a margin, an attribute counts until it is shown enough.
pub(super) fn likelihood(
    statistics: &Statistics,
    wish: &Wish,
    completeness: f64,
    (weight, margin): (f64, f64),
) -> Objective {
    let schema = &statistics.schema;
    let open = schema
        .all()
        .filter(|&a| completeness > 0.0 && wish.leaves_open(a));
    let open = open.map(|attribute| {
        let absent = Asked {
            attribute,
            absent: true,
            strength: 1.0,
        };
        (absent, completeness)
    });
    let asked = wish.asked.iter().map(|&asked| (asked, asked.strength));
    let all: Vec<_> = asked.chain(open).collect();
    let total = all.len() as f64;
    let target = |(asked, weight): &(Asked, f64)| AttributeTarget {
        attribute: schema.name(asked.attribute).into(),
        absent: asked.absent,
        // Weights of 0 are refused.
        weight: Some((weight / total).max(f64::MIN_POSITIVE)),
        enough: (margin < defaults::NO_END).then(|| statistics.enough(asked, margin)),
    };
    Objective {
        weight: Some(weight),
        term: Some(Term::AttributeLikelihood(AttributeLikelihood {
            targets: all.iter().map(target).collect(),
        })),
    }
}
