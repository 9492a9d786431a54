//! Compare.

use std::sync::Arc;
use std::time::Instant;

use deepface_proto::v1;
use deepface_serve::{Deadline, Violations};
use tonic::Request;

use super::faces::Wanted;
use super::status::Refusal;
use super::{Classifier, images, timing};

/// The layer by which faces are compared.
const LAYER: &str = "fc7";

/// How similar two faces are.
pub(super) async fn compare(
    api: &Classifier,
    request: Request<v1::CompareRequest>,
) -> Result<v1::CompareResponse, Refusal> {
    let arrived = Instant::now();
    let deadline = Deadline::of(&request, api.limits.call);
    let info = api.engine.info()?;
    let layer = info.layer(LAYER);
    let layer = layer.ok_or(Refusal::Internal("the model has no layer fc7"))?;
    let request = request.into_inner();
    let pair = faces(request)?;
    let room = api.engine.admit(pair.len())?;
    let (size, most) = (info.input_size, 1);
    let faces = images::faces(api, pair, Wanted { size, most }, deadline).await?;
    let layers = Arc::from([layer]);
    let done = api
        .engine
        .activations(room, faces.pixels, layers, deadline)
        .await?;
    let both: Vec<f32> = done.value.into_iter().flatten().collect();
    let (first, second) = both.split_at(both.len() / 2);
    let cosine = cosine(first, second, &info.compare_mean) as f32;
    let mut places = faces.origins.into_iter().map(|origin| origin.found);
    Ok(v1::CompareResponse {
        similarity_percent: 100.0 * cosine.max(0.0),
        cosine,
        timing: Some(timing(arrived, done.compute)),
        first_face: places.next().flatten(),
        second_face: places.next().flatten(),
    })
}

fn faces(request: v1::CompareRequest) -> Result<Vec<(String, v1::Image)>, Violations> {
    let mut violations = Violations::new();
    let mut pair = Vec::with_capacity(2);
    for (field, image) in [("first", request.first), ("second", request.second)] {
        match image {
            Some(image) => pair.push((field.to_owned(), image)),
            None => violations.add(field, "expected an image, got none"),
        }
    }
    violations.or(pair)
}

/// Cosine of the angle between two activations as seen from their mean, -1 to 1; 0 where one is the mean itself and
/// has no direction.
fn cosine(a: &[f32], b: &[f32], mean: &[f32]) -> f64 {
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for ((&a, &b), &m) in a.iter().zip(b).zip(mean) {
        let (a, b) = (f64::from(a) - f64::from(m), f64::from(b) - f64::from(m));
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let norms = (aa * bb).sqrt();
    if norms > 0.0 {
        (ab / norms).clamp(-1.0, 1.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_is_the_angle_as_seen_from_the_mean() {
        let mean = [1.0, 1.0];
        assert_eq!(cosine(&[3.0, 1.0], &[3.0, 1.0], &mean), 1.0);
        assert_eq!(cosine(&[3.0, 1.0], &[1.0, 9.0], &mean), 0.0);
        assert_eq!(cosine(&[3.0, 1.0], &[0.0, 1.0], &mean), -1.0);
        assert_eq!(cosine(&[1.0, 1.0], &[3.0, 1.0], &mean), 0.0);
    }
}
