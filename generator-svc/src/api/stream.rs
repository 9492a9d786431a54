//! The streams of Generate and Invert: their work runs in a task of its own, and its events go out in order.

use std::time::Duration;

use deepface_serve::{Allowance, Deadline};
use tokio::sync::mpsc;
use tokio::time::timeout_at;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};
use tracing::Instrument;

use super::events::{Event, EventSender};
use super::faces::make;
use super::inversion::Inversion;
use super::objectives::Goal;
use super::sessions::Entry;
use super::{Generator, status::Refusal};
use crate::metrics::OpenSession;

/// Events that may wait to be read.
const BUFFER: usize = 4;

/// What a call may take.
pub(super) struct Terms {
    deadline: Deadline,
    allowance: Allowance,
}

impl Terms {
    pub(super) fn of<T>(request: &Request<T>, longest: Duration) -> Self {
        Self {
            deadline: Deadline::of(request, longest),
            allowance: Allowance::of(request),
        }
    }
}

/// Starts the work as a task of its own, so that a client that does not read cannot hold it for ever: a descent for each
/// of the faces. Gives its stream.
///
/// # Errors
/// Too many sessions are in use, and the waiting room is full; the caller's pixels are used up.
pub(super) fn start<M, G>(
    api: &Generator,
    terms: Terms,
    faces: Vec<(Inversion, G)>,
) -> Result<ReceiverStream<Result<M, Status>>, Refusal>
where
    M: From<Event> + Send + 'static,
    G: Goal,
{
    let pixels = faces.iter().map(|(inversion, _)| inversion.pixels()).sum();
    terms.allowance.take(pixels)?;
    let places = u32::try_from(faces.len()).unwrap_or(u32::MAX);
    let entry = api.sessions.enter(places)?;
    let (messages, outbound) = mpsc::channel(BUFFER);
    let events = EventSender::new(messages, &api.limits, api.sessions.clone());
    tokio::spawn(run(entry, terms.deadline, faces, events).in_current_span());
    Ok(ReceiverStream::new(outbound))
}

async fn run<M: From<Event> + Send>(
    entry: Entry,
    deadline: Deadline,
    faces: Vec<(Inversion, impl Goal)>,
    events: EventSender<M>,
) {
    let work = async {
        // Given back before a refusal is sent, which may wait for a client that does not read.
        let _places = entry.places().await?;
        let _open: Vec<_> = faces.iter().map(|_| OpenSession::new()).collect();
        make(faces, &events).await
    };
    let done = tokio::select! {
        // The client is gone: dropping the work closes the stream to the classifier, within a step.
        () = events.closed() => return,
        done = timeout_at(deadline.at(), work) => done,
    };
    let Err(refusal) = done.unwrap_or(Err(Refusal::Expired)) else {
        return;
    };
    events.refuse(refusal).await;
}
