//! Classify.

use std::time::{Duration, Instant};

use deepface_proto::v1;
use tonic::Request;

use super::faces::Wanted;
use super::portions::Portions;
use super::status::{Refusal, check_network, of_item};
use super::{Classifier, images, timing, warnings};
use crate::batch::{Call, EngineError, Kind};
use deepface_network::ModelInfo;

/// Probabilities and decisions for every face.
pub(super) async fn classify(
    api: &Classifier,
    request: Request<v1::ClassifyRequest>,
) -> Result<v1::ClassifyResponse, Refusal> {
    let arrived = Instant::now();
    let call = api.call(&request);
    let info = api.engine.info()?;
    let mut request = request.into_inner();
    check_network(&info, "model_digest", &request.model_digest)?;
    let images = std::mem::take(&mut request.images);
    images::check_count(images.len(), &api.limits)?;
    let n = images.len();
    let named = images.into_iter().enumerate();
    let named = named.map(|(i, image)| (format!("images[{i}]"), image));
    let wanted = Wanted {
        size: info.input_size,
        most: api.limits.faces_per_image,
        check: !request.skip_face_check,
    };
    let faces = images::faces(api, (&call, Kind::Classify), named.collect(), wanted).await?;
    let faces = faces.usable_of(n)?;
    let portions = Portions::new(api, (&call, Kind::Classify), faces.claim, &faces.pixels);
    let (probabilities, compute) = probabilities(api, &call, portions, info.pixels()).await?;
    let probabilities = probabilities.chunks_exact(info.heads.logits());
    let untrained = info.heads_untrained.then(warnings::heads_untrained);
    let answered = faces.origins.into_iter().zip(probabilities);
    let answered = answered.map(|(origin, p)| v1::Classification {
        groups: groups(&info, p),
        image: origin.image as i32,
        face: origin.found,
        warnings: origin
            .warnings
            .into_iter()
            .chain(untrained.clone())
            .collect(),
        error: None,
        faces_found: i32::try_from(origin.faces).unwrap_or(i32::MAX),
    });
    let refused = faces.refused.into_iter();
    let refused = refused.map(|(image, wrong)| v1::Classification {
        image: image as i32,
        error: Some(of_item(wrong)),
        ..Default::default()
    });
    let mut results: Vec<_> = answered.chain(refused).collect();
    // Stable, so that the faces of an image keep their order.
    results.sort_by_key(|result| result.image);
    Ok(v1::ClassifyResponse {
        results,
        timing: Some(timing(arrived, compute)),
        model_digest: info.digest.clone(),
    })
}

/// The probabilities of all faces, and the time that they took.
async fn probabilities(
    api: &Classifier,
    call: &Call,
    mut portions: Portions<'_>,
    size: usize,
) -> Result<(Vec<f32>, Duration), EngineError> {
    let (mut all, mut compute) = (Vec::new(), Duration::ZERO);
    while let Some((room, portion)) = portions.next(size).await? {
        let done = api.engine.classify(call, room, portion).await?;
        all.extend(done.value);
        compute += done.compute;
    }
    Ok((all, compute))
}

/// The scores of one face: per group the probabilities of its attributes and of none of them.
fn groups(info: &ModelInfo, probabilities: &[f32]) -> Vec<v1::GroupScores> {
    let attributes = info.heads.attributes(probabilities).into_iter();
    let mut attributes = attributes.zip(&info.thresholds);
    let none = info.heads.none_of_these(probabilities);
    let groups = info.schema.groups().iter().zip(none);
    let scores = groups.map(|(group, none_probability)| {
        let scored = group.attributes.iter().zip(&mut attributes);
        let scored = scored.map(|(name, (probability, thresholds))| v1::AttributeScore {
            name: name.clone(),
            probability,
            present: probability > thresholds.accurate,
            present_balanced: probability > thresholds.balanced,
        });
        v1::GroupScores {
            group: group.name.clone(),
            attributes: scored.collect(),
            none_probability,
        }
    });
    scores.collect()
}
