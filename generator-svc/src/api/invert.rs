//! Invert: vanilla feature inversion, which reconstructs an image from its own activations.

use std::time::Instant;

use deepface_proto::v1::{
    self, GetActivationsRequest, InvertRequest, InvertResponse, Objective, SquaredDistance,
    TargetSettings, objective::Term,
};
use deepface_serve::{Violations, quote};
use prost::Message;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};

use super::inversion::Inversion;
use super::objectives::{Goal, Objectives};
use super::oracle::OracleError;
use super::resume::{self, digest};
use super::status::Refusal;
use super::stream::{self, Terms};
use super::{Generator, settings, wire};
use crate::gaussian::Wish;

/// Checks the request and starts the work.
pub(super) fn invert(
    api: &Generator,
    request: Request<InvertRequest>,
) -> Result<ReceiverStream<Result<InvertResponse, Status>>, Refusal> {
    let arrived = Instant::now();
    let terms = Terms::of(&request, api.limits.call);
    let mut request = request.into_inner();
    let token = std::mem::take(&mut request.resume_token);
    let (goal, mut inversion) = check(api, request, arrived)?;
    inversion.resumption = resume::read(&token, &inversion, "resume_token")?;
    stream::start(api, terms, vec![(inversion, goal)])
}

/// Everything that is wrong with the request is said at once. The layer is left to the classifier, which knows more
/// layers than there are targets for.
fn check(
    api: &Generator,
    request: InvertRequest,
    arrived: Instant,
) -> Result<(Reconstruction, Inversion), Violations> {
    let descent = settings::descent(
        &api.statistics,
        request.inversion.as_ref(),
        settings::Aim::INVERSION,
        "inversion",
    );
    let stream = settings::stream(request.stream.as_ref());
    let image = request
        .image
        .ok_or_else(|| Violations::one("image", "expected an image, got none"));
    let (descent, stream, image) = match (descent, stream, image) {
        (Ok(descent), Ok(stream), Ok(image)) => (descent, stream, image),
        (descent, stream, image) => {
            let wrong = [descent.err(), stream.err(), image.err()];
            return Err(wrong.into_iter().flatten().collect());
        }
    };
    let layer = if request.layer.is_empty() {
        settings::usual_layer(&api.statistics).name.clone()
    } else {
        request.layer
    };
    let target = TargetSettings {
        layer: layer.clone(),
        ..Default::default()
    };
    let settings = wire::in_force(target, &descent);
    let inversion = Inversion {
        request: digest("Invert", &settings, request.seed, &image.encode_to_vec()),
        resumption: None,
        statistics: api.statistics.clone(),
        classifier: api.classifier.clone(),
        network: String::new(),
        workers: api.workers.clone(),
        settings,
        descent,
        stream,
        seed: request.seed,
        wish: Wish::default(),
        arrived,
    };
    Ok((Reconstruction { image, layer }, inversion))
}

/// The goal of having an image's activations.
struct Reconstruction {
    image: v1::Image,
    layer: String,
}

impl Goal for Reconstruction {
    async fn objectives(
        self,
        inversion: &Inversion,
        model: &v1::Model,
    ) -> Result<Objectives, Refusal> {
        let names: Vec<&str> = model
            .layers
            .iter()
            .map(|l| l.name.as_str())
            .filter(|l| *l != "heads")
            .collect();
        if !names.contains(&self.layer.as_str()) {
            let (got, all) = (quote(&self.layer), names.join(", "));
            return Err(
                Violations::one("layer", format_args!("expected one of {all}; got {got}")).into(),
            );
        }
        let request = GetActivationsRequest {
            images: vec![self.image],
            layers: vec![self.layer.clone()],
            data_type: v1::DataType::F32.into(),
            model_digest: inversion.network.clone(),
            ..Default::default()
        };
        let reply = inversion.classifier.get_activations(request).await?;
        let seen = reply.rows.into_iter().next();
        let target = reply.activations.into_iter().next().and_then(|a| a.tensor);
        let target =
            target.ok_or_else(|| OracleError::Reply("GetActivations sent no activation".into()))?;
        let distance = Objective {
            weight: Some(1.0),
            term: Some(Term::SquaredDistance(SquaredDistance {
                layer: self.layer,
                target: Some(target),
                normalized: true,
            })),
        };
        Ok(Objectives {
            terms: vec![distance],
            centre: vec![0.0; inversion.prior().components()],
            detail: None,
            reference: None,
            seen,
        })
    }
}
