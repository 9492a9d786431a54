//! A face that is changed: the descent starts from it and stays near its coordinates and its activations, moved by what is
//! asked for. The idea of moving activations by attributes is that of Deep Feature Interpolation (Upchurch et al. 2017);
//! here the regression of the cGMM gives the direction, and the image prior and the likelihood guide the way.

use deepface_proto::Array;
use deepface_proto::v1::{self, DataType, GetActivationsRequest, image::Content};
use deepface_serve::Violations;

use super::check::{Check, matters, only_for};
use super::inversion::Inversion;
use super::method::Method;
use super::objectives::Objectives;
use super::oracle::OracleError;
use super::reference::Reference;
use super::scores::classify;
use super::status::{Refusal, about_the_image};
use super::target::WireTarget;
use super::terms::{likelihood, terms};
use crate::gaussian::Regression;

/// The field of the image.
const FIELD: &str = "from";

/// Settles what a change leaves no choice of: everything that is not asked for is as in the face.
///
/// # Errors
/// The settings have variety, completeness or emphasis, or a method that has no use for a face; or several faces are asked
/// for, which would hardly differ.
pub(super) fn settle(
    settings: &mut v1::GenerationSettings,
    faces: usize,
) -> Result<(), Violations> {
    let target = settings.target.get_or_insert_default();
    let mut violations = Violations::new();
    if faces != 1 {
        let wrong = format_args!("expected one face with `from`, got {faces}");
        violations.add(FIELD, wrong);
    }
    if !Method::of(Some(target)).describes() {
        violations.add(FIELD, only_for(FIELD, Method::describes));
        return Err(violations);
    }
    violations.or(())?;
    let mut check = Check::new("settings.target");
    for (name, value) in [
        ("variety", &mut target.variety),
        ("completeness", &mut target.completeness),
        ("emphasis", &mut target.emphasis),
    ] {
        if matters(*value) {
            check.add(name, format_args!("`{name}` does not apply to `from`"));
        }
        *value = Some(0.0);
    }
    check.or(())
}

/// What to descend from the face in this image.
///
/// # Errors
/// The image has no face, the classifier does not answer, or the work panicked.
pub(super) async fn objectives(
    inversion: &Inversion,
    how: Regression,
    image: v1::Image,
) -> Result<Objectives, Refusal> {
    let statistics = inversion.statistics.clone();
    let (seen, pixels, activation) = seen(inversion, how, image).await?;
    let scores = classify(inversion, face(pixels.clone())).await?;
    let now = |name: &str| {
        let score = scores.iter().find(|score| score.name == name);
        score.map_or(0.0, |score| f64::from(score.probability))
    };
    let schema = &statistics.schema;
    let offsets = statistics.change(&inversion.wish, |a| now(schema.name(a)));
    let reference = Reference::given(face(pixels.clone()), scores);
    let work = move || {
        let prior = statistics.prior(how.coordinates);
        let (start, detail) = prior.take_apart(&pixels.data);
        let factor = 1.0 + how.exaggeration as f32;
        let moved = prior.expected(&offsets).into_iter();
        let centre = start.iter().zip(moved).map(|(z, m)| z + factor * m);
        let target = statistics.moved_target(&how, activation.data, &offsets);
        let target = WireTarget::new(&statistics, how.layer, target);
        (centre.collect(), detail, target)
    };
    let (centre, detail, target) = inversion.workers.run(work).await?;
    let weight = (how.likelihood, how.margin);
    let likelihood = likelihood(&inversion.statistics, &inversion.wish, 0.0, weight);
    Ok(Objectives {
        terms: terms(target, likelihood),
        centre,
        detail: Some(detail),
        reference: Some(reference),
        seen: Some(seen),
    })
}

/// The face in the image, its pixels as the network sees them, and its activation.
async fn seen(
    inversion: &Inversion,
    how: Regression,
    image: v1::Image,
) -> Result<(v1::ActivationRow, Array, Array), Refusal> {
    let layer = inversion.statistics.layer(how.layer);
    let request = GetActivationsRequest {
        images: vec![image],
        layers: vec![layer.name.clone()],
        data_type: DataType::F32.into(),
        model_digest: inversion.network.clone(),
        return_pixels: true,
        ..Default::default()
    };
    let reply = inversion.classifier.get_activations(request).await;
    let reply = reply.map_err(|error| match about_the_image(&error, FIELD) {
        Some(violations) => violations.into(),
        None => Refusal::from(error),
    })?;
    let row = reply.rows.into_iter().next();
    let activation = reply.activations.into_iter().next();
    let (Some(mut row), Some(activation)) = (row, activation.and_then(|a| a.tensor)) else {
        return Err(OracleError::Reply("GetActivations sent no activation".into()).into());
    };
    let pixels = row.pixels.take().unwrap_or_default();
    let read = |tensor: &v1::Tensor| Array::try_from(tensor).map_err(OracleError::from);
    let (pixels, activation) = (read(&pixels)?, read(&activation)?);
    let side = inversion.statistics.input_size;
    if pixels.shape != [3, side, side] || activation.data.len() != layer.size() {
        let wrong = "GetActivations sent tensors of other sizes than the model's".into();
        return Err(OracleError::Reply(wrong).into());
    }
    Ok((row, pixels, activation))
}

/// A face as the classifier takes it.
fn face(pixels: Array) -> v1::Image {
    v1::Image {
        content: Some(Content::Tensor(pixels.to_tensor(DataType::F32))),
        framing: v1::Framing::Face.into(),
        face: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_no_variety_completeness_or_emphasis() {
        let settled = |target: v1::TargetSettings| {
            let mut settings = v1::GenerationSettings {
                target: Some(target),
                ..Default::default()
            };
            let wrong = settle(&mut settings, 1).map_err(|wrong| {
                let fields = wrong.iter().map(|(field, _)| field.to_owned());
                fields.collect::<Vec<_>>()
            });
            wrong.map(|()| settings.target.unwrap_or_default())
        };
        let target = settled(v1::TargetSettings::default()).unwrap();
        let settled_to = [target.variety, target.completeness, target.emphasis];
        assert_eq!(settled_to, [Some(0.0); 3]);
        let varied = v1::TargetSettings {
            variety: Some(1.0),
            completeness: Some(0.5),
            emphasis: Some(3.0),
            likelihood: Some(7.0),
            ..Default::default()
        };
        let wrong = settled(varied).unwrap_err();
        assert_eq!(
            wrong,
            ["variety", "completeness", "emphasis"].map(|name| format!("settings.target.{name}"))
        );
        let mean = v1::TargetSettings {
            method: v1::Method::CgmmMean.into(),
            ..Default::default()
        };
        assert_eq!(settled(mean).unwrap_err(), ["from"]);
        let several = settle(&mut v1::GenerationSettings::default(), 2);
        assert_eq!(several.unwrap_err().iter().count(), 1);
    }
}
