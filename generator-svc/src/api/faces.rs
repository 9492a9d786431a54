//! The faces of one request: each is a descent of its own, and all of them go on together, so that the classifier computes
//! their steps in one pass.

use std::time::Duration;

use deepface_client::DurableDifferentiate;
use deepface_proto::v1;
use futures_util::future::try_join_all;
use tonic::Code;

use super::events::{Event, EventSender};
use super::inversion::Inversion;
use super::objectives::{Goal, Objectives};
use super::oracle::{GrpcOracle, OracleError};
use super::reference::Reference;
use super::wire::{count, micros, terms};
use super::{picture::to_wire, result, resume, status::Refusal};
use crate::inversion::{Parametrization, Session, View};
use crate::metrics::GENERATOR;

/// How long the classifier may take to describe its model, retries included. A request that comes while there is no
/// classifier is refused soon; one that has started is not given up as easily.
const DESCRIPTION_DEADLINE: Duration = Duration::from_secs(5);

/// Makes all faces, together. Their settings in force are the same.
///
/// # Errors
/// One of them cannot be made.
pub(super) async fn make<M: From<Event> + Send>(
    faces: Vec<(Inversion, impl Goal)>,
    events: &EventSender<M>,
) -> Result<(), Refusal> {
    let Some((first, _)) = faces.first() else {
        return Ok(());
    };
    let model = describe(first).await?;
    let all = faces.into_iter().enumerate();
    let all = all.map(|(index, (inversion, goal))| prepare(index, inversion, goal, &model));
    let prepared = try_join_all(all).await?;
    if let Some(first) = prepared.first() {
        events.send(Event::Started(first.started(&model))).await?;
    }
    try_join_all(prepared.into_iter().map(|face| descend(face, events))).await?;
    Ok(())
}

/// The model that must answer, or whichever is served in its place.
async fn describe(inversion: &Inversion) -> Result<v1::Model, Refusal> {
    let classifier = inversion.classifier.clone();
    let classifier = classifier.with_deadline(DESCRIPTION_DEADLINE);
    let resumption = inversion.resumption.as_ref();
    let network = resumption.map_or(&inversion.network, |from| &from.network);
    let reply = match classifier.get_model_of(network.clone()).await {
        Err(error) if error.code() == Code::FailedPrecondition => classifier.get_model().await,
        reply => reply,
    };
    let model = reply?.model;
    Ok(model.ok_or_else(|| OracleError::Reply("GetModel sent no model".into()))?)
}

/// A face whose descent can begin.
struct Prepared {
    /// Which of the request's, from 0.
    index: usize,
    inversion: Inversion,
    stream: DurableDifferentiate,
    centre: Vec<f32>,
    detail: Option<Vec<f32>>,
    reference: Option<Reference>,
    /// What the classifier saw in the image of the request.
    seen: v1::ActivationRow,
}

async fn prepare(
    index: usize,
    inversion: Inversion,
    goal: impl Goal,
    model: &v1::Model,
) -> Result<Prepared, Refusal> {
    check_size(inversion.statistics.input_size, model)?;
    if let Some(resumption) = &inversion.resumption
        && resumption.network != model.digest
    {
        return Err(Refusal::OtherNetwork {
            expected: resumption.network.clone(),
            served: model.digest.clone(),
        });
    }
    // From here on another replica may answer, or the same one after a restart.
    let inversion = Inversion {
        network: model.digest.clone(),
        ..inversion
    };
    let Objectives {
        terms: objectives,
        centre,
        detail,
        reference,
        seen,
    } = goal.objectives(&inversion, model).await?;
    let setup = v1::DifferentiateSetup {
        objectives,
        model_digest: inversion.network.clone(),
    };
    let stream = inversion.classifier.differentiate_durably(setup).await?;
    Ok(Prepared {
        index,
        inversion,
        stream,
        centre,
        detail,
        reference,
        seen: seen.unwrap_or_default(),
    })
}

impl Prepared {
    fn started(&self, model: &v1::Model) -> v1::Started {
        v1::Started {
            settings: Some(self.inversion.settings.clone()),
            image_size: count(self.inversion.picture_side()),
            digest: self.inversion.statistics.digest.clone(),
            classifier_digest: model.digest.clone(),
            face: self.seen.face,
            warnings: self.seen.warnings.clone(),
        }
    }
}

async fn descend<M: From<Event> + Send>(
    face: Prepared,
    events: &EventSender<M>,
) -> Result<(), Refusal> {
    let Prepared {
        index,
        inversion,
        stream,
        centre,
        detail,
        reference,
        ..
    } = face;
    let inversion = &inversion;
    let (statistics, side) = (
        inversion.statistics.clone(),
        inversion.statistics.input_size,
    );
    let descent = &inversion.descent;
    let (basis, conditional) = (descent.basis, descent.conditional);
    let parametrization = Parametrization::new(statistics, basis, centre, conditional);
    let parametrization = parametrization.with_detail(detail);
    let oracle = GrpcOracle::new(stream, side);
    let (workers, how) = (inversion.workers.clone(), inversion.descent);
    let from = inversion.resumption.as_ref().map(|r| r.state.clone());
    let at = (side, inversion.seed);
    GENERATOR.continued.inc_by(from.is_some().into());
    let mut session = Session::start(oracle, workers, parametrization, how, at, from).await?;
    while !session.finished() {
        let (after, iterate) = session.step().await?;
        GENERATOR.steps.inc();
        session = after;
        if session.finished() || iterate.step.is_multiple_of(inversion.stream.every) {
            events
                .send(Event::Iterate(v1::Iterate {
                    step: count(iterate.step),
                    loss: Some(terms(&iterate.losses)),
                    image: picture(inversion, &session).await?,
                    elapsed_us: micros(inversion.arrived.elapsed()),
                    resume_token: token(inversion, &session).await?,
                    index: count(index),
                }))
                .await?;
        }
    }
    let result = result::result(inversion, &mut session, reference).await?;
    let result = v1::Result {
        index: count(index),
        ..result
    };
    events.send(Event::Result(result)).await
}

/// Both bases start from the prior's mean or shape, so its size must be the classifier's.
fn check_size(prior: usize, model: &v1::Model) -> Result<(), Refusal> {
    let served = usize::try_from(model.input_size).unwrap_or_default();
    if served == prior {
        return Ok(());
    }
    Err(Refusal::OtherSize { prior, served })
}

/// The image of an iterate, if iterates carry images.
async fn picture(
    inversion: &Inversion,
    session: &Session<GrpcOracle>,
) -> Result<Option<v1::Image>, Refusal> {
    if inversion.stream.losses_only {
        return Ok(None);
    }
    let (side, format) = (inversion.picture_side(), inversion.stream.format);
    let image = session.render(View::Picture, move |pixels| to_wire(&pixels, side, format));
    image.await?.map(Some)
}

/// The resume token of an iterate, if iterates carry tokens.
async fn token(inversion: &Inversion, session: &Session<GrpcOracle>) -> Result<Vec<u8>, Refusal> {
    if !inversion.stream.resume_tokens {
        return Ok(Vec::new());
    }
    let inversion = inversion.clone();
    let token = session.state(move |state| resume::token(&inversion, state));
    Ok(token.await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_classifier_of_another_size_is_refused() {
        let model = |input_size| v1::Model {
            input_size,
            ..Default::default()
        };
        assert!(check_size(64, &model(64)).is_ok());
        for other in [224, 0, -64] {
            let status = tonic::Status::from(check_size(64, &model(other)).unwrap_err());
            assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
            assert!(status.message().contains("64 pixels a side"), "{status}");
        }
    }
}
