//! Events of the generator service's streams.

use std::time::Duration;

use deepface_proto::v1;
use tokio::time::timeout;
use tonic::Streaming;

use crate::{ClientError, channel::Connection, retry::deadline_error};

/// An event of an inversion: one start, then iterates, then one result.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The request as the service understood it, defaults filled in.
    Started(v1::Started),
    /// One step of the descent.
    Iterate(v1::Iterate),
    /// The finished image, the last event.
    Result(v1::Result),
}

/// The events of one Generate or Invert call. Dropping it cancels the work of the service.
#[derive(Debug)]
pub struct EventStream {
    connection: Connection,
    messages: Messages,
    deadline: Duration,
    finished: bool,
}

#[derive(Debug)]
pub(crate) enum Messages {
    Generate(Streaming<v1::GenerateResponse>),
    Invert(Streaming<v1::InvertResponse>),
}

impl EventStream {
    pub(crate) fn new(connection: Connection, messages: Messages, deadline: Duration) -> Self {
        Self {
            connection,
            messages,
            deadline,
            finished: false,
        }
    }

    /// Waits for the next event; `None` after the result.
    ///
    /// # Errors
    /// Any [`ClientError`], which ends the stream.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        if self.finished {
            return Ok(None);
        }
        let event = timeout(self.deadline, self.messages.next())
            .await
            .map_err(|_| deadline_error(&self.connection, self.deadline))?
            .map_err(|status| self.connection.error(&status))?;
        match event {
            Some(event) => {
                self.finished = matches!(event, Event::Result(_));
                Ok(Some(event))
            }
            None => Err(self.protocol("the stream ended without a result")),
        }
    }

    /// Waits for the result, and drops the events before it.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn result(mut self) -> Result<v1::Result, ClientError> {
        while let Some(event) = self.next().await? {
            if let Event::Result(result) = event {
                return Ok(result);
            }
        }
        Err(self.protocol("the result was taken already"))
    }

    fn protocol(&self, reason: &str) -> ClientError {
        ClientError::Protocol {
            url: self.connection.url.to_string(),
            reason: reason.to_owned(),
        }
    }
}

impl Messages {
    /// The next event. Skips messages of a newer contract whose events this version does not know.
    async fn next(&mut self) -> Result<Option<Event>, tonic::Status> {
        use v1::{generate_response::Event as Generated, invert_response::Event as Inverted};
        loop {
            let event = match self {
                Self::Generate(stream) => match stream.message().await? {
                    None => return Ok(None),
                    Some(message) => message.event.map(|event| match event {
                        Generated::Started(started) => Event::Started(started),
                        Generated::Iterate(iterate) => Event::Iterate(iterate),
                        Generated::Result(result) => Event::Result(result),
                    }),
                },
                Self::Invert(stream) => match stream.message().await? {
                    None => return Ok(None),
                    Some(message) => message.event.map(|event| match event {
                        Inverted::Started(started) => Event::Started(started),
                        Inverted::Iterate(iterate) => Event::Iterate(iterate),
                        Inverted::Result(result) => Event::Result(result),
                    }),
                },
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }
}
