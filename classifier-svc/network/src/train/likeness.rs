//! How well a network tells apart people whom it has not seen, by the angle between activations of fc7: what is
//! measured of a network that learned people.

use anyhow::Context;

use super::{
    calibration::{fc7, mean},
    data::Faces,
};
use crate::{
    Model,
    measure::Figure,
    seal::served,
    verify::{Embedded, verification},
    weights::Weights,
};

/// What is missing where nothing can be measured.
const TOO_FEW: &str =
    "expected two people or more, and several photographs of one, to measure with";

/// How well a model tells apart the people of some faces, with the mean of their own activations as the origin.
///
/// # Errors
/// The model fails, or nobody has two photographs.
pub(super) fn figure(model: &mut Model, faces: &Faces) -> anyhow::Result<Figure> {
    let values = fc7(model, faces)?;
    let mean = mean(&values, faces.truth.len());
    auc(&embedded(&values, faces), &mean)
}

fn auc(faces: &Embedded<'_>, mean: &[f32]) -> anyhow::Result<Figure> {
    Ok(Figure {
        name: "verification AUC",
        value: faces.auc(mean).context(TOO_FEW)?,
    })
}

fn embedded<'a>(values: &'a [f32], faces: &'a Faces) -> Embedded<'a> {
    Embedded {
        values,
        people: &faces.truth.people,
    }
}

/// Puts into the weights what their own model computes: the mean of fc7 over the validation faces, and, where enough
/// people have several photographs, how well it tells the test people apart. Returns the figure of the test people.
///
/// # Errors
/// The model fails, or nobody has two photographs.
pub(super) fn measure(
    weights: &mut Weights,
    validation: &Faces,
    test: &Faces,
) -> anyhow::Result<Figure> {
    let mut model = served(weights)?;
    let (own, others) = (fc7(&mut model, validation)?, fc7(&mut model, test)?);
    let mean = mean(&own, validation.truth.len());
    let (own, tested) = (embedded(&own, validation), embedded(&others, test));
    weights.description.verification = verification(&own, &tested, &mean);
    let figure = auc(&tested, &mean)?;
    weights.fc7_mean = mean;
    Ok(figure)
}
