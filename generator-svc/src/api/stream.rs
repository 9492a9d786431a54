//! The work behind Generate and Invert: an inversion whose iterates go out as a stream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deepface_client::ClassifierClient;
use deepface_proto::v1::{
    self, GenerateResponse, GenerationSettings, InvertResponse, LossTerms, Objective,
    generate_response, invert_response,
};
use deepface_serve::Deadline;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Generator, picture::to_wire, result, settings, settings::Carries, status::Refusal};
use crate::gaussian::{Statistics, Wish};
use crate::inversion::{GrpcOracle, Losses, OracleError, Parametrization, Session, Settings};
use crate::workers::Workers;

/// Iterates that may wait to be read.
const BUFFER: usize = 4;
/// How long the classifier may take to say what it is, tries included.
const CLASSIFIER_PATIENCE: Duration = Duration::from_secs(5);

/// What happens in a stream.
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

/// What is to be minimised, as a source of it: vanilla inversion must first ask for the activations.
pub(super) trait Goal: Send + 'static {
    /// What to descend, given the model that is served.
    fn aim(self, job: &Job, model: &v1::Model)
    -> impl Future<Output = Result<Aim, Refusal>> + Send;
}

/// What to descend, and around what.
#[derive(Debug)]
pub(super) struct Aim {
    /// The distance to a target, or what else is first; then what joins it.
    pub(super) objectives: Vec<Objective>,
    /// Coordinates that the image prior expects.
    pub(super) centre: Vec<f32>,
    /// Coordinates that it expects for the same seed when nothing is asked: where changes are counted from.
    pub(super) reference: Option<Vec<f32>>,
    /// Where the face was found whose activations are wanted, if it had to be.
    pub(super) face: Option<v1::FaceBox>,
}

/// A checked request.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) statistics: Arc<Statistics>,
    pub(super) classifier: ClassifierClient,
    pub(super) workers: Workers,
    /// How the image is found.
    pub(super) inversion: Settings,
    /// The settings in force, as they are reported.
    pub(super) settings: GenerationSettings,
    pub(super) carries: Carries,
    pub(super) seed: u64,
    /// What was asked for, to be compared with what came out.
    pub(super) wish: Wish,
    /// When the request arrived.
    pub(super) arrived: Instant,
}

/// Starts the work as a task of its own, so that a client that does not read cannot hold it for ever, and gives its
/// stream.
pub(super) fn start<M>(
    api: &Generator,
    deadline: Deadline,
    job: Job,
    goal: impl Goal,
) -> Result<ReceiverStream<Result<M, Status>>, Refusal>
where
    M: From<Event> + Send + 'static,
{
    let slot = api.sessions.clone().try_acquire_owned();
    let slot = slot.map_err(|_| Refusal::Sessions(api.limits.sessions))?;
    let (messages, outbound) = mpsc::channel(BUFFER);
    let out = Out {
        messages,
        unread: api.limits.unread,
    };
    tokio::spawn(run(slot, deadline, job, goal, out));
    Ok(ReceiverStream::new(outbound))
}

/// The client's end of a stream.
struct Out<M> {
    messages: mpsc::Sender<Result<M, Status>>,
    unread: Duration,
}

impl<M: From<Event>> Out<M> {
    async fn send(&self, event: Event) -> Result<(), Refusal> {
        let sent = timeout(self.unread, self.messages.send(Ok(event.into()))).await;
        // A client that is gone is noticed by whoever runs the session.
        sent.map(|_| ()).map_err(|_| Refusal::Unread(self.unread))
    }
}

async fn run<M: From<Event> + Send>(
    _slot: OwnedSemaphorePermit,
    deadline: Deadline,
    job: Job,
    goal: impl Goal,
    out: Out<M>,
) {
    let done = tokio::select! {
        // The client is gone: dropping the work closes the stream to the classifier, within a step.
        () = out.messages.closed() => return,
        done = timeout_at(deadline.at(), invert(&job, goal, &out)) => done,
    };
    let Err(refusal) = done.unwrap_or(Err(Refusal::Expired)) else {
        return;
    };
    // One that does not read its iterates will not read this.
    timeout(out.unread, out.messages.send(Err(refusal.into())))
        .await
        .ok();
}

async fn invert<M: From<Event> + Send>(
    job: &Job,
    goal: impl Goal,
    out: &Out<M>,
) -> Result<(), Refusal> {
    let classifier = job.classifier.clone().with_deadline(CLASSIFIER_PATIENCE);
    let model = classifier.get_model().await?.model;
    let model = model.ok_or_else(|| OracleError::Reply("GetModel describes no model".into()))?;
    let side = job.statistics.input_size;
    check_size(side, &model)?;
    let Aim {
        objectives,
        centre,
        reference,
        face,
    } = goal.aim(job, &model).await?;
    let setup = v1::DifferentiateSetup { objectives };
    let stream = job.classifier.differentiate(setup).await?;
    out.send(Event::Started(v1::Started {
        settings: Some(job.settings.clone()),
        image_size: model.input_size,
        digest: job.statistics.digest.clone(),
        classifier_digest: model.digest,
        face,
    }))
    .await?;

    let statistics = job.statistics.clone();
    let parametrization = Parametrization::new(statistics, job.inversion.basis, centre);
    let oracle = GrpcOracle::new(stream, side);
    let (workers, how) = (job.workers.clone(), job.inversion);
    let mut session = Session::start(oracle, workers, parametrization, how, side, job.seed).await?;
    let mut last = Losses::default();
    while !session.finished() {
        let (after, iterate) = session.step().await?;
        session = after;
        last = iterate.losses;
        if session.finished() || iterate.step.is_multiple_of(job.carries.every) {
            out.send(Event::Iterate(v1::Iterate {
                step: i32::try_from(iterate.step).unwrap_or(i32::MAX),
                loss: Some(terms(&last)),
                image: picture(job, &session).await?,
                elapsed_us: micros(job.arrived.elapsed()),
            }))
            .await?;
        }
    }
    let result = result::result(job, &session, last, reference).await?;
    out.send(Event::Result(result)).await
}

/// Both bases start from the prior's mean or shape, so its size must be the classifier's.
fn check_size(prior: usize, model: &v1::Model) -> Result<(), Refusal> {
    let served = usize::try_from(model.input_size).unwrap_or_default();
    if served == prior {
        return Ok(());
    }
    Err(Refusal::OtherSize { prior, served })
}

/// The image of an iterate, where it is wanted.
async fn picture(job: &Job, session: &Session<GrpcOracle>) -> Result<Option<v1::Image>, Refusal> {
    if job.carries.losses_only {
        return Ok(None);
    }
    let (side, format) = (job.statistics.input_size, job.carries.format);
    let image = session.render(move |pixels| to_wire(&pixels, side, format));
    image.await?.map(Some)
}

/// The settings in force, as they are reported.
pub(super) fn in_force(target: v1::TargetSettings, inversion: &Settings) -> GenerationSettings {
    GenerationSettings {
        target: Some(target),
        inversion: Some(settings::to_wire(inversion)),
    }
}

pub(super) fn terms(losses: &Losses) -> LossTerms {
    LossTerms {
        total: losses.total(),
        objective: losses.objective,
        likelihood: losses.likelihood,
        prior: losses.prior,
        total_variation: losses.total_variation,
        l2: losses.l2,
    }
}

pub(super) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_that_is_not_read_is_given_up() {
        let (messages, mut inbound) = mpsc::channel::<Result<GenerateResponse, Status>>(1);
        let out = Out {
            messages,
            unread: Duration::from_millis(20),
        };
        let event = || Event::Iterate(v1::Iterate::default());
        assert!(out.send(event()).await.is_ok());
        assert!(matches!(out.send(event()).await, Err(Refusal::Unread(_))));
        inbound.recv().await;
        assert!(out.send(event()).await.is_ok());
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
