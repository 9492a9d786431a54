//! The result of an inversion: the image, what the classifier sees in it, and what that changed.

use std::time::Instant;

use deepface_attributes::AttributeId;
use deepface_proto::v1::{self, AttributeScore, ResultAttribute};
use deepface_statistics::log_odds;

use super::stream::{Job, micros, terms};
use super::{picture::to_wire, status::Refusal};
use crate::gaussian::Wish;
use crate::inversion::{GrpcOracle, Losses, Session};

/// Probabilities are kept so far from 0 and 1 when they become log-odds.
const FLOOR: f64 = 1e-6;

/// The finished image. `reference` are the prior's coordinates of the face that changes are counted from.
pub(super) async fn result(
    job: &Job,
    session: &Session<GrpcOracle>,
    losses: Losses,
    reference: Option<Vec<f32>>,
) -> Result<v1::Result, Refusal> {
    let (side, format) = (job.statistics.input_size, job.carries.format);
    let both = move |pixels: Vec<f32>| {
        let seen = to_wire(&pixels, side, v1::ImageFormat::Tensor)?;
        Ok::<_, Refusal>((seen, to_wire(&pixels, side, format)?))
    };
    let (seen, image) = session.render(both).await??;
    let before = Instant::now();
    let scores = classify(job, seen).await?;
    let mut attributes: Vec<_> = scores.into_iter().map(|s| seen_in(&job.wish, s)).collect();
    let moved = match reference {
        Some(coordinates) => {
            let reference = classify(job, render(job, coordinates).await?).await?;
            compare(&mut attributes, &reference)
        }
        None => Vec::new(),
    };
    Ok(v1::Result {
        image: Some(image),
        loss: Some(terms(&losses)),
        attributes,
        moved,
        steps: i32::try_from(job.inversion.steps).unwrap_or(i32::MAX),
        elapsed_us: micros(job.arrived.elapsed()),
        classifier_us: micros(session.oracle().time() + before.elapsed()),
    })
}

async fn render(job: &Job, coordinates: Vec<f32>) -> Result<v1::Image, Refusal> {
    let (statistics, side) = (job.statistics.clone(), job.statistics.input_size);
    let image = job.workers.run(move || {
        let mut pixels = statistics.prior.image(&coordinates);
        pixels.iter_mut().for_each(|x| *x = x.clamp(0.0, 1.0));
        to_wire(&pixels, side, v1::ImageFormat::Tensor)
    });
    image.await?
}

/// What the classifier sees in a face, every attribute.
async fn classify(job: &Job, image: v1::Image) -> Result<Vec<AttributeScore>, Refusal> {
    let reply = job.classifier.classify(vec![image]).await?;
    let groups = reply.results.into_iter().flat_map(|r| r.groups);
    Ok(groups.flat_map(|g| g.attributes).collect())
}

fn seen_in(wish: &Wish, score: AttributeScore) -> ResultAttribute {
    let number = AttributeId::names().position(|n| n == score.name);
    let asked = |n: usize| wish.asked.iter().find(|a| a.attribute == n);
    ResultAttribute {
        requested: number.and_then(asked).map(|a| !a.absent),
        kept: number.is_some_and(|n| wish.kept.contains(&n)),
        name: score.name,
        probability: score.probability,
        present: score.present,
        reference_probability: None,
        change: None,
    }
}

/// Says of every attribute how far it is from the reference face, and gives the names of those that nobody asked for
/// and that are decided otherwise than there.
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
        let wish = Wish {
            asked: vec![Asked {
                attribute: AttributeId::names().position(|n| n == "Male").unwrap(),
                absent: false,
                strength: 1.0,
            }],
            kept: vec![AttributeId::names().position(|n| n == "Bald").unwrap()],
            completeness: 0.0,
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
        let mut attributes: Vec<_> = now.into_iter().map(|s| seen_in(&wish, s)).collect();
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
