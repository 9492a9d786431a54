//! The events of a stream, and sending them to a client that may not read.

use std::pin::pin;
use std::time::Duration;

use deepface_proto::v1::{
    self, GenerateResponse, InvertResponse, generate_response, invert_response,
};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tonic::Status;

use super::Limits;
use super::sessions::Sessions;
use super::status::Refusal;

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

/// Sends the events of a stream to its client.
pub(super) struct EventSender<M> {
    messages: mpsc::Sender<Result<M, Status>>,
    unread: Duration,
    crowded: Duration,
    sessions: Sessions,
}

impl<M: From<Event>> EventSender<M> {
    pub(super) fn new(
        messages: mpsc::Sender<Result<M, Status>>,
        limits: &Limits,
        sessions: Sessions,
    ) -> Self {
        Self {
            messages,
            unread: limits.unread,
            crowded: limits.unread.min(CROWDED),
            sessions,
        }
    }

    /// Waits until the client is gone.
    pub(super) async fn closed(&self) {
        self.messages.closed().await;
    }

    /// Ends the stream with a refusal. A client that does not read its iterates will not read this.
    pub(super) async fn refuse(&self, refusal: Refusal) {
        let sent = self.messages.send(Err(refusal.into()));
        timeout(self.unread, sent).await.ok();
    }

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

#[cfg(test)]
mod tests {
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
