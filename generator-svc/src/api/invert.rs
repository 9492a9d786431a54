//! Invert: vanilla feature inversion, which reconstructs an image from its own activations.

use std::time::Instant;

use deepface_proto::v1::{
    self, GetActivationsRequest, InvertRequest, InvertResponse, Objective, SquaredDistance,
    TargetSettings, objective::Term,
};
use deepface_serve::{Deadline, Violations, quote};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};

use super::status::Refusal;
use super::stream::{self, Aim, Goal, Job};
use super::{Generator, settings};
use crate::gaussian::Wish;
use crate::inversion::OracleError;

/// Checks the request and starts the work.
pub(super) fn invert(
    api: &Generator,
    request: Request<InvertRequest>,
) -> Result<ReceiverStream<Result<InvertResponse, Status>>, Refusal> {
    let arrived = Instant::now();
    let deadline = Deadline::of(&request, api.limits.call);
    let request = request.into_inner();
    let inversion = settings::inversion(request.inversion.as_ref(), None, "inversion");
    let carries = settings::stream(request.stream.as_ref());
    let image = request
        .image
        .ok_or_else(|| Violations::one("image", "expected an image, got none"));
    let (inversion, carries, image) = match (inversion, carries, image) {
        (Ok(inversion), Ok(carries), Ok(image)) => (inversion, carries, image),
        (inversion, carries, image) => {
            let wrong = [inversion.err(), carries.err(), image.err()];
            let all: Violations = wrong.into_iter().flatten().collect();
            return Err(all.into());
        }
    };
    let layer = if request.layer.is_empty() {
        settings::default_layer(&api.statistics)
    } else {
        request.layer
    };
    let target = TargetSettings {
        layer: layer.clone(),
        ..Default::default()
    };
    let job = Job {
        statistics: api.statistics.clone(),
        classifier: api.classifier.clone(),
        workers: api.workers.clone(),
        settings: stream::in_force(target, &inversion),
        inversion,
        carries,
        seed: request.seed,
        wish: Wish::default(),
        arrived,
    };
    stream::start(api, deadline, job, Reconstruction { image, layer })
}

/// The goal of having an image's activations.
struct Reconstruction {
    image: v1::Image,
    layer: String,
}

impl Goal for Reconstruction {
    async fn aim(self, job: &Job, model: &v1::Model) -> Result<Aim, Refusal> {
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
        };
        let reply = job.classifier.get_activations(request).await?;
        let face = reply.faces.get(&0).copied();
        let target = reply.activations.into_iter().next().and_then(|a| a.tensor);
        let target = target
            .ok_or_else(|| OracleError::Reply("GetActivations carries no activation".into()))?;
        let objective = Objective {
            weight: 1.0,
            term: Some(Term::SquaredDistance(SquaredDistance {
                layer: self.layer,
                target: Some(target),
                normalized: true,
            })),
        };
        Ok(Aim {
            objectives: vec![objective],
            centre: vec![0.0; job.statistics.prior.components()],
            reference: None,
            face,
        })
    }
}
