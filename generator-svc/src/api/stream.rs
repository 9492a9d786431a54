//! The streams of Generate and Invert: their work runs in a task of its own, and its events go out in order.

use std::pin::pin;
use std::time::Duration;

use deepface_proto::v1::{
    self, GenerateResponse, InvertResponse, generate_response, invert_response,
};
use deepface_serve::Deadline;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tracing::Instrument;

use super::faces::make;
use super::inversion::Inversion;
use super::objectives::Goal;
use super::sessions::{Entry, Sessions};
use super::{Generator, status::Refusal};
use crate::metrics::OpenSession;

/// Events that may wait to be read.
const BUFFER: usize = 4;
/// How long a client may leave them unread while others wait for its place.
const CROWDED: Duration = Duration::from_secs(5);

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

/// Starts the work as a task of its own, so that a client that does not read cannot hold it for ever: a descent for each
/// of the faces. Gives its stream.
///
/// # Errors
/// Too many sessions are in use, and the waiting room is full.
pub(super) fn start<M, G>(
    api: &Generator,
    deadline: Deadline,
    faces: Vec<(Inversion, G)>,
) -> Result<ReceiverStream<Result<M, Status>>, Refusal>
where
    M: From<Event> + Send + 'static,
    G: Goal,
{
    let places = u32::try_from(faces.len()).unwrap_or(u32::MAX);
    let entry = api.sessions.enter(places)?;
    let (messages, outbound) = mpsc::channel(BUFFER);
    let events = EventSender {
        messages,
        unread: api.limits.unread,
        crowded: api.limits.unread.min(CROWDED),
        sessions: api.sessions.clone(),
    };
    tokio::spawn(run(entry, deadline, faces, events).in_current_span());
    Ok(ReceiverStream::new(outbound))
}

/// Sends the events of a stream to its client.
pub(super) struct EventSender<M> {
    messages: mpsc::Sender<Result<M, Status>>,
    unread: Duration,
    crowded: Duration,
    sessions: Sessions,
}

impl<M: From<Event>> EventSender<M> {
    pub(super) async fn send(&self, event: Event) -> Result<(), Refusal> {
        let mut sent = pin!(self.messages.send(Ok(event.into())));
        // `run` notices when the client is gone.
        if timeout(self.crowded, &mut sent).await.is_ok() {
            return Ok(());
        }
        let more = self.unread.saturating_sub(self.crowded);
        tokio::select! {
            _ = sent => Ok(()),
            () = self.sessions.crowd() => Err(Refusal::Unread(self.crowded)),
            () = sleep(more) => Err(Refusal::Unread(self.unread)),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;

    #[tokio::test]
    async fn a_stream_that_is_not_read_is_given_up() {
        let (messages, mut inbound) = mpsc::channel::<Result<GenerateResponse, Status>>(1);
        let one = Limits {
            sessions: 1,
            ..Limits::default()
        };
        let mut events = EventSender {
            messages,
            unread: Duration::from_millis(20),
            crowded: Duration::from_millis(10),
            sessions: Sessions::new(one),
        };
        let event = || Event::Iterate(v1::Iterate::default());
        assert!(events.send(event()).await.is_ok());
        assert!(matches!(
            events.send(event()).await,
            Err(Refusal::Unread(_))
        ));
        inbound.recv().await;
        assert!(events.send(event()).await.is_ok());

        // Others do not wait for as long.
        events.unread = Duration::from_secs(3600);
        let _place = events.sessions.enter(1).unwrap();
        let _waits = events.sessions.enter(1).unwrap();
        assert!(matches!(
            events.send(event()).await,
            Err(Refusal::Unread(limit)) if limit == events.crowded
        ));
    }
}
