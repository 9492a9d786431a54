//! What the classifier sees in a face.

use deepface_proto::v1::{self, AttributeScore};

use super::inversion::Inversion;
use super::status::Refusal;

/// The scores of a face by the classifier, one per attribute.
///
/// # Errors
/// The classifier does not answer.
pub(super) async fn classify(
    inversion: &Inversion,
    image: v1::Image,
) -> Result<Vec<AttributeScore>, Refusal> {
    let request = v1::ClassifyRequest {
        images: vec![image],
        model_digest: inversion.network.clone(),
        ..Default::default()
    };
    let reply = inversion.classifier.classify_request(request).await?;
    let groups = reply.results.into_iter().flat_map(|r| r.groups);
    Ok(groups.flat_map(|g| g.attributes).collect())
}
