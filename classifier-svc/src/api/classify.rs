//! Classify.

use std::time::{Duration, Instant};

use deepface_attributes::GROUPS;
use deepface_proto::v1;
use deepface_serve::Deadline;
use tonic::Request;

use super::faces::Wanted;
use super::status::Refusal;
use super::{Classifier, images, timing};
use crate::batch::{Admission, Computed, EngineError};
use deepface_network::{LOGITS, ModelInfo};

/// Probabilities and decisions for every face.
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
    let wanted = Wanted {
        size: info.input_size,
        most: api.limits.faces_per_image,
    };
    let faces = images::faces(api, named.collect(), wanted, deadline).await?;
    let done = classified(api, room, &faces.pixels, info.pixels(), deadline).await?;
    let probabilities = done.value.chunks_exact(LOGITS);
    let results = faces.origins.into_iter().zip(probabilities);
    let results = results.map(|(origin, p)| v1::Classification {
        groups: groups(&info, p),
        image: origin.image as i32,
        face: origin.found,
    });
    Ok(v1::ClassifyResponse {
        results: results.collect(),
        timing: Some(timing(arrived, done.compute)),
    })
}

/// Probabilities of all faces. There may be more of them than images were admitted, or than the queue takes, so they go
/// through it in portions, and no portion holds room while it waits for more.
async fn classified(
    api: &Classifier,
    room: Admission,
    pixels: &[f32],
    size: usize,
    deadline: Deadline,
) -> Result<Computed<Vec<f32>>, EngineError> {
    let mut all = Computed {
        value: Vec::new(),
        compute: Duration::ZERO,
    };
    let mut admitted = Some(room);
    for portion in pixels.chunks(size * api.limits.images) {
        let n = portion.len() / size;
        let room = match admitted.take().filter(|room| room.images() >= n) {
            Some(room) => room,
            None => api.engine.admit_later(n, deadline).await?,
        };
        let done = api
            .engine
            .classify(room, portion.to_vec(), deadline)
            .await?;
        all.value.extend(done.value);
        all.compute += done.compute;
    }
    Ok(all)
}

/// The scores of one face: per group the probabilities of its attributes and of none of them.
fn groups(info: &ModelInfo, probabilities: &[f32]) -> Vec<v1::GroupScores> {
    let attributes = deepface_network::attributes(probabilities).into_iter();
    let mut attributes = attributes.zip(&info.thresholds);
    let none = deepface_network::none_of_these(probabilities);
    let groups = GROUPS.iter().zip(none);
    let scores = groups.map(|(group, none_probability)| {
        let scored = group.attributes.iter().zip(&mut attributes);
        let scored = scored.map(|(name, (probability, thresholds))| v1::AttributeScore {
            name: (*name).to_owned(),
            probability,
            present: probability > thresholds.accurate,
            present_balanced: probability > thresholds.balanced,
        });
        v1::GroupScores {
            group: group.name.to_owned(),
            attributes: scored.collect(),
            none_probability,
        }
    });
    scores.collect()
}
