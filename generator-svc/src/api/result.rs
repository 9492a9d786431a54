//! The result of an inversion: the image, its scores by the classifier, and what changed.

use std::time::Instant;

use deepface_attributes::Schema;
use deepface_proto::v1::{self, AttributeScore, ResultAttribute};
use deepface_statistics::log_odds;

use super::inversion::Inversion;
use super::oracle::GrpcOracle;
use super::reference::Reference;
use super::scores::classify;
use super::wire::{count, micros, terms};
use super::{picture::to_wire, status::Refusal};
use crate::gaussian::Wish;
use crate::inversion::{Session, View};

/// Least distance of a probability from 0 and 1 when it becomes log-odds.
const FLOOR: f64 = 1e-6;

/// The finished image. Changes are counted from `reference`.
///
/// # Errors
/// The classifier does not answer, or the work panicked.
pub(super) async fn result(
    inversion: &Inversion,
    session: &mut Session<GrpcOracle>,
    reference: Option<Reference>,
) -> Result<v1::Result, Refusal> {
    let (side, format) = (inversion.picture_side(), inversion.stream.format);
    let image = move |pixels: Vec<f32>| to_wire(&pixels, side, format);
    let image = session.render(View::Picture, image).await??;
    let side = inversion.statistics.input_size;
    let seen = move |pixels: Vec<f32>| to_wire(&pixels, side, v1::ImageFormat::Tensor);
    let seen = session.render(View::Seen, seen).await??;
    let descent = session.oracle().finish();
    let before = Instant::now();
    let source = reference.as_ref().and_then(Reference::image);
    let similarity = match source {
        Some(source) => Some(alike(inversion, source.clone(), seen.clone()).await?),
        None => None,
    };
    let scores = classify(inversion, seen).await?;
    let mut attributes: Vec<_> = scores
        .into_iter()
        .map(|s| scored(&inversion.statistics.schema, &inversion.wish, s))
        .collect();
    let moved = match reference {
        Some(mut reference) => compare(&mut attributes, reference.scores(inversion).await?),
        None => Vec::new(),
    };
    Ok(v1::Result {
        image: Some(image),
        loss: Some(terms(&session.losses())),
        attributes,
        moved,
        steps: count(inversion.descent.steps),
        elapsed_us: micros(inversion.arrived.elapsed()),
        classifier_us: micros(descent + before.elapsed()),
        index: 0,
        similarity,
    })
}

/// The cosine of two faces by the classifier.
async fn alike(inversion: &Inversion, first: v1::Image, second: v1::Image) -> Result<f32, Refusal> {
    let reply = inversion.classifier.compare(first, second).await?;
    Ok(reply.cosine)
}

/// An attribute of the finished image, beside what the request says about it.
fn scored(schema: &Schema, wish: &Wish, score: AttributeScore) -> ResultAttribute {
    let attribute = schema.find(&score.name);
    let asked = attribute.and_then(|a| wish.of(a));
    ResultAttribute {
        requested: asked.map(|a| !a.absent),
        kept: attribute.is_some_and(|a| wish.keeps(a)),
        name: score.name,
        probability: score.probability,
        present: score.present,
        reference_probability: None,
        change: None,
    }
}

/// Fills in how far every attribute is from the reference face. Gives the names of those that the request does not ask
/// for and whose presence differs from there.
fn compare(attributes: &mut [ResultAttribute], reference: &[AttributeScore]) -> Vec<String> {
    let mut moved = Vec::new();
    for attribute in attributes {
        let Some(before) = reference.iter().find(|r| r.name == attribute.name) else {
            continue;
        };
        attribute.reference_probability = Some(before.probability);
        attribute.change = Some(
            log_odds(attribute.probability.into(), FLOOR)
                - log_odds(before.probability.into(), FLOOR),
        );
        if attribute.requested.is_none() && attribute.present != before.present {
            moved.push(attribute.name.clone());
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::Asked;

    fn score(name: &str, probability: f32, present: bool) -> AttributeScore {
        AttributeScore {
            name: name.into(),
            probability,
            present,
            present_balanced: present,
        }
    }

    #[test]
    fn changes_are_counted_from_the_reference() {
        let schema = Schema::default();
        let wish = Wish {
            asked: vec![Asked {
                attribute: schema.find("Male").unwrap(),
                absent: false,
                strength: 1.0,
            }],
            kept: vec![schema.find("Bald").unwrap()],
        };
        let now = [
            score("Male", 0.9, true),
            score("Bald", 0.5, true),
            score("Smiling", 0.2, false),
            score("Chubby", 0.7, true),
        ];
        let before = [
            score("Male", 0.1, false),
            score("Bald", 0.5, false),
            score("Smiling", 0.2, false),
            score("Chubby", 0.0, false),
        ];
        let mut attributes: Vec<_> = now.into_iter().map(|s| scored(&schema, &wish, s)).collect();
        let moved = compare(&mut attributes, &before);
        assert_eq!(moved, ["Bald", "Chubby"]);
        assert_eq!(attributes[0].requested, Some(true));
        assert!(attributes[1].kept && !attributes[2].kept);
        let change = |i: usize| attributes[i].change.unwrap();
        assert!((change(0) - 2.0 * 9.0_f64.ln()).abs() < 1e-5);
        assert!(change(1) == 0.0 && change(3).is_finite());
        assert_eq!(attributes[0].reference_probability, Some(0.1));
    }
}
