//! The work behind Generate and Invert: an inversion whose iterates go out as a stream.

use std::time::Duration;

use deepface_proto::v1::{
    self, GenerateResponse, InvertResponse, generate_response, invert_response,
};
use deepface_serve::Deadline;
use tokio::sync::mpsc;
use tokio::time::{timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tracing::Instrument;

use super::inversion::Inversion;
use super::objectives::{Goal, Objectives};
use super::oracle::{GrpcOracle, OracleError};
use super::sessions::Entry;
use super::wire::{count, micros, terms};
use super::{Generator, picture::to_wire, result, resume, status::Refusal};
use crate::inversion::{Parametrization, Session};
use crate::metrics::{GENERATOR, OpenSession};

/// Events that may wait to be read.
const BUFFER: usize = 4;
/// How long the classifier may take to describe its model, retries included. A request that comes while there is no
/// classifier is refused soon; one that has started is not given up as easily ([`Limits::patience`](super::Limits)).
const DESCRIPTION_DEADLINE: Duration = Duration::from_secs(5);

/// An event of a stream.
pub(super) enum Event {
    Started(v1::Started),
    Iterate(v1::Iterate),
    Result(v1::Result),
}

impl From<Event> for GenerateResponse {
    fn from(event: Event) -> Self {
        use generate_response::Event as Wire;
        Self {
            event: Some(match event {
                Event::Started(e) => Wire::Started(e),
                Event::Iterate(e) => Wire::Iterate(e),
                Event::Result(e) => Wire::Result(e),
            }),
        }
    }
}

impl From<Event> for InvertResponse {
    fn from(event: Event) -> Self {
        use invert_response::Event as Wire;
        Self {
            event: Some(match event {
                Event::Started(e) => Wire::Started(e),
                Event::Iterate(e) => Wire::Iterate(e),
                Event::Result(e) => Wire::Result(e),
            }),
        }
    }
}

/// Starts the work as a task of its own, so that a client that does not read cannot hold it for ever. Gives its stream.
///
/// # Errors
/// All sessions are in use, and the waiting room is full.
pub(super) fn start<M>(
    api: &Generator,
    deadline: Deadline,
    inversion: Inversion,
    goal: impl Goal,
) -> Result<ReceiverStream<Result<M, Status>>, Refusal>
where
    M: From<Event> + Send + 'static,
{
    let entry = api.sessions.enter()?;
    let (messages, outbound) = mpsc::channel(BUFFER);
    let events = EventSender {
        messages,
        unread: api.limits.unread,
    };
    tokio::spawn(run(entry, deadline, inversion, goal, events).in_current_span());
    Ok(ReceiverStream::new(outbound))
}

/// Sends the events of a stream to its client.
struct EventSender<M> {
    messages: mpsc::Sender<Result<M, Status>>,
    unread: Duration,
}

impl<M: From<Event>> EventSender<M> {
    async fn send(&self, event: Event) -> Result<(), Refusal> {
        let sent = timeout(self.unread, self.messages.send(Ok(event.into()))).await;
        // `run` notices when the client is gone.
        sent.map(|_| ()).map_err(|_| Refusal::Unread(self.unread))
    }
}

async fn run<M: From<Event> + Send>(
    entry: Entry,
    deadline: Deadline,
    inversion: Inversion,
    goal: impl Goal,
    events: EventSender<M>,
) {
    let work = async {
        // Given back before a refusal is sent, which may wait for a client that does not read.
        let _place = entry.place().await?;
        let _open = OpenSession::new();
        descend(inversion, goal, &events).await
    };
    let done = tokio::select! {
        // The client is gone: dropping the work closes the stream to the classifier, within a step.
        () = events.messages.closed() => return,
        done = timeout_at(deadline.at(), work) => done,
    };
    let Err(refusal) = done.unwrap_or(Err(Refusal::Expired)) else {
        return;
    };
    // A client that does not read its iterates will not read this.
    timeout(events.unread, events.messages.send(Err(refusal.into())))
        .await
        .ok();
}

async fn descend<M: From<Event> + Send>(
    inversion: Inversion,
    goal: impl Goal,
    events: &EventSender<M>,
) -> Result<(), Refusal> {
    let classifier = inversion
        .classifier
        .clone()
        .with_deadline(DESCRIPTION_DEADLINE);
    let model = classifier.get_model().await?.model;
    let model = model.ok_or_else(|| OracleError::Reply("GetModel sent no model".into()))?;
    let side = inversion.statistics.input_size;
    check_size(side, &model)?;
    if let Some(resumption) = &inversion.resumption
        && resumption.network != model.digest
    {
        return Err(Refusal::OtherNetwork {
            expected: resumption.network.clone(),
            served: model.digest,
        });
    }
    // From here on another replica may answer, or the same one after a restart.
    let inversion = &Inversion {
        network: model.digest.clone(),
        ..inversion
    };
    let Objectives {
        terms: objectives,
        centre,
        reference,
        seen,
    } = goal.objectives(inversion, &model).await?;
    let seen = seen.unwrap_or_default();
    let setup = v1::DifferentiateSetup {
        objectives,
        model_digest: inversion.network.clone(),
    };
    let stream = inversion.classifier.differentiate_durably(setup).await?;
    events
        .send(Event::Started(v1::Started {
            settings: Some(inversion.settings.clone()),
            image_size: model.input_size,
            digest: inversion.statistics.digest.clone(),
            classifier_digest: model.digest,
            face: seen.face,
            warnings: seen.warnings,
        }))
        .await?;

    let statistics = inversion.statistics.clone();
    let parametrization = Parametrization::new(statistics, inversion.descent.basis, centre);
    let oracle = GrpcOracle::new(stream, side);
    let (workers, how) = (inversion.workers.clone(), inversion.descent);
    let from = inversion.resumption.as_ref().map(|r| r.state.clone());
    let at = (side, inversion.seed);
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
                }))
                .await?;
        }
    }
    let result = result::result(inversion, &mut session, reference).await?;
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
    let (side, format) = (inversion.statistics.input_size, inversion.stream.format);
    let image = session.render(move |pixels| to_wire(&pixels, side, format));
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

    #[tokio::test]
    async fn a_stream_that_is_not_read_is_given_up() {
        let (messages, mut inbound) = mpsc::channel::<Result<GenerateResponse, Status>>(1);
        let events = EventSender {
            messages,
            unread: Duration::from_millis(20),
        };
        let event = || Event::Iterate(v1::Iterate::default());
        assert!(events.send(event()).await.is_ok());
        assert!(matches!(
            events.send(event()).await,
            Err(Refusal::Unread(_))
        ));
        inbound.recv().await;
        assert!(events.send(event()).await.is_ok());
    }

    #[test]
    fn a_classifier_of_another_size_is_refused() {
        let model = |input_size| v1::Model {
            input_size,
            ..Default::default()
        };
        assert!(check_size(64, &model(64)).is_ok());
        for other in [224, 0, -64] {
            let status = Status::from(check_size(64, &model(other)).unwrap_err());
            assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status}");
            assert!(status.message().contains("64 pixels a side"), "{status}");
        }
    }
}
