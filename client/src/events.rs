//! Events of the generator service's streams.

use deepface_proto::v1;
use tokio::time::timeout;
use tonic::Code;

use crate::{
    ClientError, Event,
    asked::{Asked, Streams},
    event::Messages,
    replica::Lease,
    retry::{Retries, deadline_error},
};

/// The events of one Generate or Invert call. Dropping it cancels the work of the service.
///
/// If the stream breaks, another one continues it after the last iterate that carried a resume token, or from the
/// beginning. Its events are those of an undisturbed stream, except that `elapsed_us` counts from the last request.
#[derive(Debug)]
pub struct EventStream {
    streams: Streams,
    asked: Asked,
    /// `None` while there is none.
    open: Option<(Lease, Messages)>,
    started: bool,
    finished: bool,
    last_step: i32,
}

impl EventStream {
    pub(crate) async fn open(streams: Streams, asked: Asked) -> Result<Self, ClientError> {
        let asked = match &streams.resumption {
            Some(_) => asked.with_tokens(),
            None => asked,
        };
        let mut retries = Retries::new(&streams.policy);
        let open = loop {
            match streams.open(asked.clone()).await {
                Ok(open) => break open,
                Err(error) => retries.pause_after(error).await?,
            }
        };
        Ok(Self {
            streams,
            asked,
            open: Some(open),
            started: false,
            finished: false,
            last_step: 0,
        })
    }

    /// Waits for the next event; `None` after the result, and after an error.
    ///
    /// # Errors
    /// Any [`ClientError`], which ends the stream.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        let mut retries = None;
        while !self.finished {
            let error = match self.receive().await {
                Ok(event) if self.seen(&event) => continue,
                Ok(event) => return Ok(Some(event)),
                Err(error) => error,
            };
            self.open = None;
            // Until something else is known, the error is the last event.
            self.finished = true;
            // A stream that ended at a deadline has had its time.
            let lost = error.is_transient() && error.code() != Code::DeadlineExceeded;
            let policy = self
                .streams
                .resumption
                .clone()
                .filter(|_| lost && self.started);
            let Some(policy) = policy else {
                return Err(error);
            };
            tracing::debug!(%error, step = self.last_step, "the stream broke");
            let retries = retries.get_or_insert_with(|| Retries::new(&policy));
            retries.pause_after(error).await?;
            self.finished = false;
        }
        Ok(None)
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
        Err(ClientError::Protocol {
            url: self.streams.pool.urls().to_owned(),
            reason: "the result was taken already".to_owned(),
        })
    }

    /// Notes an event, and says whether it repeats what an earlier stream has told.
    fn seen(&mut self, event: &Event) -> bool {
        match event {
            Event::Started(_) => std::mem::replace(&mut self.started, true),
            Event::Iterate(iterate) => {
                let repeated = iterate.step <= self.last_step;
                self.last_step = self.last_step.max(iterate.step);
                if !iterate.resume_token.is_empty() {
                    self.asked.continue_after(iterate.resume_token.clone());
                }
                repeated
            }
            Event::Result(_) => {
                self.finished = true;
                false
            }
        }
    }

    /// The next event of the open stream, or of a new one that continues it.
    async fn receive(&mut self) -> Result<Event, ClientError> {
        if self.open.is_none() {
            self.open = Some(self.streams.open(self.asked.clone()).await?);
        }
        let limit = self.streams.deadline;
        let Some((replica, messages)) = &mut self.open else {
            unreachable!("it was opened above");
        };
        let connection = replica.connection();
        let event = match timeout(limit, messages.next()).await {
            Ok(Ok(Some(event))) => Ok(event),
            Ok(Ok(None)) => Err(ClientError::Unreachable {
                url: connection.url.to_string(),
                reason: "the stream ended without a result".to_owned(),
            }),
            Ok(Err(status)) => Err(connection.error(&status)),
            Err(_) => Err(deadline_error(connection, limit)),
        };
        match &event {
            Ok(_) => replica.succeeded(),
            Err(error) => replica.failed(error),
        }
        event
    }
}
