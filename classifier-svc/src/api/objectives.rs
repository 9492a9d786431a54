//! The setup of a Differentiate stream: from the wire to the terms of a loss.

use std::sync::Arc;

use deepface_attributes::{AttributeId, Schema};
use deepface_proto::v1::{self, objective};
use deepface_serve::{Violations, unknown};

use super::layers::{self, bounded, size, tensor};
use deepface_network::{AttributeTarget, ModelInfo, Objective, Term};

/// Largest magnitude of a weight. With this and [`MAX_VALUE`], no setup makes a loss or a gradient overflow.
const MAX_WEIGHT: f64 = 1e6;
/// Largest magnitude of a value of a target or of a cotangent, far above any activation.
const MAX_VALUE: f32 = 1e9;

/// The objectives of a setup, each layer, target and attribute checked.
///
/// # Errors
/// Everything that is wrong with them, by field.
pub(super) fn objectives(
    info: &ModelInfo,
    setup: v1::DifferentiateSetup,
    most: usize,
) -> Result<Arc<[Objective]>, Violations> {
    let field = "setup.objectives";
    let n = setup.objectives.len();
    if !(1..=most).contains(&n) {
        return Err(Violations::one(
            field,
            format_args!("expected 1 to {most} objectives, got {n}"),
        ));
    }
    let mut violations = Violations::new();
    let mut terms = Vec::with_capacity(n);
    for (i, objective) in setup.objectives.into_iter().enumerate() {
        match one(info, objective, &format!("{field}[{i}]")) {
            Ok(objective) => terms.push(objective),
            Err(wrong) => violations.extend(wrong),
        }
    }
    violations.or(terms.into())
}

fn one(info: &ModelInfo, objective: v1::Objective, field: &str) -> Result<Objective, Violations> {
    let weight = objective.weight.unwrap_or(1.0);
    // Not a number is outside too.
    if !(-MAX_WEIGHT..=MAX_WEIGHT).contains(&weight) {
        let expected = format_args!("expected -{MAX_WEIGHT:e} to {MAX_WEIGHT:e}, got {weight}");
        return Err(Violations::one(format!("{field}.weight"), expected));
    }
    let term = match objective.term {
        None => Err(Violations::one(
            field,
            "expected `squared_distance`, `attribute_likelihood`, `attribute_probability` or `vector_jacobian_product`, got none",
        )),
        Some(objective::Term::SquaredDistance(d)) => {
            squared_distance(info, d, &format!("{field}.squared_distance"))
        }
        Some(objective::Term::AttributeLikelihood(a)) => {
            let field = format!("{field}.attribute_likelihood.targets");
            let targets = attributes(&info.schema, &a.targets, &field)?;
            Ok(Term::AttributeLikelihood(targets))
        }
        Some(objective::Term::AttributeProbability(a)) => {
            let field = format!("{field}.attribute_probability.targets");
            let targets = attributes(&info.schema, &a.targets, &field)?;
            let said = a.targets.iter().position(|target| target.enough.is_some());
            match said {
                None => Ok(Term::AttributeProbability(targets)),
                Some(i) => Err(Violations::one(
                    format!("{field}[{i}].enough"),
                    "`enough` applies only to `attribute_likelihood`",
                )),
            }
        }
        Some(objective::Term::VectorJacobianProduct(p)) => {
            let field = format!("{field}.vector_jacobian_product");
            let layer = layers::index(info, &p.layer, &format!("{field}.layer"))?;
            let field = format!("{field}.cotangent");
            let cotangent = activation(info, layer, p.cotangent.as_ref(), &field)?;
            Ok(Term::VectorJacobianProduct { layer, cotangent })
        }
    }?;
    Ok(Objective { weight, term })
}

fn squared_distance(
    info: &ModelInfo,
    distance: v1::SquaredDistance,
    field: &str,
) -> Result<Term, Violations> {
    let layer = layers::index(info, &distance.layer, &format!("{field}.layer"))?;
    let field = format!("{field}.target");
    let target = activation(info, layer, distance.target.as_ref(), &field)?;
    let normalized = distance.normalized;
    if normalized && target.iter().all(|&x| x == 0.0) {
        return Err(Violations::one(
            field,
            "expected a target that is not zero, as the distance is normalized by it",
        ));
    }
    Ok(Term::SquaredDistance {
        layer,
        target,
        normalized,
    })
}

/// A tensor of the layer's shape, with or without a leading 1.
fn activation(
    info: &ModelInfo,
    layer: usize,
    wire: Option<&v1::Tensor>,
    field: &str,
) -> Result<Arc<[f32]>, Violations> {
    let array = tensor(wire, field)?;
    let layer = &info.layers[layer];
    let bare = match array.shape.as_slice() {
        [1, rest @ ..] if rest.len() == layer.shape.len() => rest,
        all => all,
    };
    if bare != layer.shape || array.data.len() != size(layer) {
        let (name, expected, got) = (&layer.name, &layer.shape, &array.shape);
        return Err(Violations::one(
            format!("{field}.shape"),
            format_args!("expected {expected:?} (the shape of {name}), got {got:?}"),
        ));
    }
    bounded(&array, MAX_VALUE, field)?;
    Ok(array.data.into())
}

fn attributes(
    schema: &Schema,
    targets: &[v1::AttributeTarget],
    field: &str,
) -> Result<Arc<[AttributeTarget]>, Violations> {
    let most = schema.len();
    if !(1..=most).contains(&targets.len()) {
        let n = targets.len();
        return Err(Violations::one(
            field,
            format_args!("expected 1 to {most} attributes, got {n}"),
        ));
    }
    let mut violations = Violations::new();
    let mut found: Vec<AttributeTarget> = Vec::with_capacity(targets.len());
    for (i, target) in targets.iter().enumerate() {
        match attribute(schema, target, &format!("{field}[{i}]")) {
            Ok(new) if found.iter().any(|t| t.attribute == new.attribute) => {
                let name = &target.attribute;
                violations.add(
                    format!("{field}[{i}].attribute"),
                    format_args!("{name} is repeated"),
                );
            }
            Ok(new) => found.push(new),
            Err(wrong) => violations.extend(wrong),
        }
    }
    violations.or(found.into())
}

fn attribute(
    schema: &Schema,
    target: &v1::AttributeTarget,
    field: &str,
) -> Result<AttributeTarget, Violations> {
    let name = &target.attribute;
    let attribute = schema.find(name).map(AttributeId::index).ok_or_else(|| {
        let field = format!("{field}.attribute");
        Violations::one(
            field,
            unknown("attribute", name, schema.names(), "GetModel lists them"),
        )
    })?;
    let weight = target.weight.unwrap_or(1.0);
    if !(weight > 0.0 && weight <= MAX_WEIGHT) {
        let expected =
            format_args!("expected more than 0 and at most {MAX_WEIGHT:e}, got {weight}");
        return Err(Violations::one(format!("{field}.weight"), expected));
    }
    let enough = target.enough.unwrap_or(1.0);
    if !(enough > 0.0 && enough <= 1.0) {
        let expected = format_args!("expected a probability above 0 and at most 1, got {enough}");
        return Err(Violations::one(format!("{field}.enough"), expected));
    }
    Ok(AttributeTarget {
        attribute,
        absent: target.absent,
        weight,
        enough,
    })
}
