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

/// Faces of one request that are followed, which is more than the service allows.
const MOST_FACES: usize = 1024;

/// The events of one Generate or Invert call: one start, and for each face iterates and a result. Dropping it cancels the
/// work of the service.
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
    /// No event follows.
    finished: bool,
    /// What is known of each face that was asked for.
    faces: Vec<Progress>,
}

/// How far a face is.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    step: i32,
    done: bool,
}

impl EventStream {
    pub(crate) async fn open(streams: Streams, asked: Asked) -> Result<Self, ClientError> {
        let asked = match &streams.resumption {
            Some(_) => asked.with_tokens(),
            None => asked,
        };
        let faces = vec![Progress::default(); asked.faces().min(MOST_FACES)];
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
            faces,
        })
    }

    /// Waits for the next event; `None` after the last result, and after an error.
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
            tracing::debug!(%error, faces = ?self.faces, "the stream broke");
            let retries = retries.get_or_insert_with(|| Retries::new(&policy));
            retries.pause_after(error).await?;
            self.finished = false;
        }
        Ok(None)
    }

    /// Waits for the result of one face, and drops the events before it.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn result(&mut self) -> Result<v1::Result, ClientError> {
        while let Some(event) = self.next().await? {
            if let Event::Result(result) = event {
                return Ok(result);
            }
        }
        Err(ClientError::Protocol {
            url: self.streams.pool.urls().to_owned(),
            reason: "all results were taken already".to_owned(),
        })
    }

    /// Waits for the results of all faces, and drops the other events. They come in the order of their seeds.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn results(mut self) -> Result<Vec<v1::Result>, ClientError> {
        let mut results = Vec::with_capacity(self.faces.len());
        while !self.finished {
            results.push(self.result().await?);
        }
        results.sort_by_key(|result| result.index);
        Ok(results)
    }

    /// Notes an event, and says whether it repeats what an earlier stream has told.
    fn seen(&mut self, event: &Event) -> bool {
        match event {
            Event::Started(_) => std::mem::replace(&mut self.started, true),
            Event::Iterate(iterate) => {
                let at = usize::try_from(iterate.index).unwrap_or(usize::MAX);
                // A service that counts more faces than were asked for is not followed.
                let Some(progress) = self.faces.get_mut(at) else {
                    return true;
                };
                if !iterate.resume_token.is_empty() {
                    self.asked.continue_after(at, iterate.resume_token.clone());
                }
                let repeated = iterate.step <= progress.step;
                progress.step = progress.step.max(iterate.step);
                repeated
            }
            Event::Result(result) => {
                let at = usize::try_from(result.index).unwrap_or(usize::MAX);
                let face = self.faces.get_mut(at);
                let repeated = face.is_none_or(|face| std::mem::replace(&mut face.done, true));
                self.finished = self.faces.iter().all(|face| face.done);
                repeated
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
