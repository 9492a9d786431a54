//! The streams of Generate and Invert: their work runs in a task of its own, and its events go out in order.

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

use super::faces::make;
use super::inversion::Inversion;
use super::objectives::Goal;
use super::sessions::Entry;
use super::{Generator, status::Refusal};
use crate::metrics::OpenSession;

/// Events that may wait to be read.
const BUFFER: usize = 4;

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
    };
    tokio::spawn(run(entry, deadline, faces, events).in_current_span());
    Ok(ReceiverStream::new(outbound))
}

/// Sends the events of a stream to its client.
pub(super) struct EventSender<M> {
    messages: mpsc::Sender<Result<M, Status>>,
    unread: Duration,
}

impl<M: From<Event>> EventSender<M> {
    pub(super) async fn send(&self, event: Event) -> Result<(), Refusal> {
        let sent = timeout(self.unread, self.messages.send(Ok(event.into()))).await;
        // `run` notices when the client is gone.
        sent.map(|_| ()).map_err(|_| Refusal::Unread(self.unread))
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
}
