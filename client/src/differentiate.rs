//! Gradients of one objective for many images, with one round trip per step.

use std::time::Duration;

use deepface_proto::{
    Array,
    v1::{self, DifferentiateRequest, DifferentiateResponse, differentiate_request::Message},
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::{ClientError, accepted::accepted, channel, replica::Lease, retry::deadline_error};

/// How long a finished stream waits for the end of the service's side.
const FAREWELL: Duration = Duration::from_secs(1);

/// An open Differentiate stream. Dropping it ends the work of the service.
#[derive(Debug)]
pub struct DifferentiateStream {
    replica: Lease,
    requests: mpsc::Sender<DifferentiateRequest>,
    responses: Streaming<DifferentiateResponse>,
    deadline: Duration,
    next_id: i64,
    /// Set during a step, and for good after one failed: request and reply may then be out of step.
    broken: bool,
}

impl DifferentiateStream {
    pub(crate) async fn open(
        replica: Lease,
        setup: v1::DifferentiateSetup,
        deadline: Duration,
    ) -> Result<Self, ClientError> {
        // Room for the setup, and for a step while the service has not read the setup yet.
        let (requests, queued) = mpsc::channel(2);
        let setup = DifferentiateRequest {
            message: Some(Message::Setup(setup)),
        };
        requests
            .try_send(setup)
            .expect("a fresh channel has room for one message");
        let connection = replica.connection();
        let mut client = channel::classifier(connection.channel.clone());
        let request = replica.request(ReceiverStream::new(queued));
        let call = async move { client.differentiate(request).await };
        let opened = timeout(deadline, accepted(call))
            .await
            .map_err(|_| deadline_error(connection, deadline))
            .and_then(|opened| opened.map_err(|status| connection.error(&status)));
        let responses = opened
            .inspect_err(|error| replica.failed(error))?
            .into_inner();
        Ok(Self {
            replica,
            requests,
            responses,
            deadline,
            next_id: 1,
            broken: false,
        })
    }

    /// Sends pixels, shape `[3, S, S]` or `[N, 3, S, S]`, and waits for their losses and gradients, and for the
    /// activations of `return_layers`.
    ///
    /// # Errors
    /// Any [`ClientError`]. The stream cannot be used afterwards, nor after a cancelled step.
    pub async fn step(
        &mut self,
        image: &Array,
        return_layers: &[String],
    ) -> Result<DifferentiateResponse, ClientError> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(self.protocol("the stream ended with an earlier step"));
        }
        let id = self.next_id;
        self.next_id += 1;
        let step = Message::Step(v1::DifferentiateStep {
            id,
            image: Some(image.to_tensor(v1::DataType::F32)),
            return_layers: return_layers.to_vec(),
        });
        let deadline = Instant::now() + self.deadline;
        let response = timeout_at(deadline, self.exchange(step))
            .await
            .unwrap_or_else(|_| Err(deadline_error(self.replica.connection(), self.deadline)))
            .inspect_err(|error| self.replica.failed(error))?;
        if response.id != id {
            return Err(self.protocol(&format!(
                "expected the reply to step {id}, got {}",
                response.id
            )));
        }
        self.replica.succeeded();
        self.broken = false;
        Ok(response)
    }

    /// Limits the next steps.
    pub(crate) fn limit_steps(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    /// Ends the stream as agreed: closes the sending side and waits briefly for the end of the service's, so that the
    /// stream is not reset.
    pub async fn finish(self) {
        let Self {
            requests,
            mut responses,
            ..
        } = self;
        drop(requests);
        let ended = async { while let Ok(Some(_)) = responses.message().await {} };
        timeout(FAREWELL, ended).await.ok();
    }

    async fn exchange(&mut self, message: Message) -> Result<DifferentiateResponse, ClientError> {
        let request = DifferentiateRequest {
            message: Some(message),
        };
        // Sending fails if the service has ended the stream; receiving then returns the status.
        let _ = self.requests.send(request).await;
        match self.responses.message().await {
            Ok(Some(response)) => Ok(response),
            Ok(None) => Err(ClientError::Unreachable {
                url: self.replica.connection().url.to_string(),
                reason: "the stream ended without a reply".to_owned(),
            }),
            Err(status) => Err(self.replica.connection().error(&status)),
        }
    }

    fn protocol(&self, reason: &str) -> ClientError {
        ClientError::Protocol {
            url: self.replica.connection().url.to_string(),
            reason: reason.to_owned(),
        }
    }
}
