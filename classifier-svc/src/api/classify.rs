//! Classify.

use std::time::Instant;

use deepface_dataset::{ATTRIBUTE_COUNT, GROUPS};
use deepface_proto::v1;
use deepface_serve::Deadline;
use tonic::Request;

use super::status::Refusal;
use super::{Classifier, images, timing};
use crate::model::ModelInfo;

/// Probabilities and decisions for every image.
pub(super) async fn classify(
    api: &Classifier,
    request: Request<v1::ClassifyRequest>,
) -> Result<v1::ClassifyResponse, Refusal> {
    let arrived = Instant::now();
    let deadline = Deadline::of(&request, api.limits.call);
    let info = api.engine.info()?;
    let images = request.into_inner().images;
    images::check_count(images.len(), &api.limits)?;
    let room = api.engine.admit(images.len())?;
    let named = images.into_iter().enumerate();
    let named = named.map(|(i, image)| (format!("images[{i}]"), image));
    let pixels = images::pixels(api, named.collect(), info.input_size, deadline).await?;
    let done = api.engine.classify(room, pixels, deadline).await?;
    let results = done
        .value
        .chunks_exact(ATTRIBUTE_COUNT + GROUPS.len())
        .map(|p| classification(&info, p));
    Ok(v1::ClassifyResponse {
        results: results.collect(),
        timing: Some(timing(arrived, done.compute)),
    })
}

/// The scores of one image: per group its attributes' probabilities, then that of none of them.
fn classification(info: &ModelInfo, mut probabilities: &[f32]) -> v1::Classification {
    let mut thresholds = info.thresholds.iter().copied();
    let mut groups = Vec::with_capacity(GROUPS.len());
    for group in &GROUPS {
        let (head, rest) = probabilities.split_at(group.attributes.len() + 1);
        probabilities = rest;
        let score = |(name, &probability): (&&str, &f32)| v1::AttributeScore {
            name: (*name).to_owned(),
            probability,
            present: probability > thresholds.next().unwrap_or(0.5),
        };
        groups.push(v1::GroupScores {
            group: group.name.to_owned(),
            attributes: group.attributes.iter().zip(head).map(score).collect(),
            none_probability: head[group.attributes.len()],
        });
    }
    v1::Classification { groups }
}
