//! Gradients of one objective for many images, with one round trip per step.

use std::time::Duration;

use deepface_proto::{
    Array,
    v1::{
        self, DifferentiateRequest, DifferentiateResponse,
        classifier_service_client::ClassifierServiceClient, differentiate_request::Message,
    },
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

use crate::{ClientError, channel::Connection, retry::deadline_error};

/// An open Differentiate stream. Dropping it ends the work of the service.
#[derive(Debug)]
pub struct DifferentiateStream {
    connection: Connection,
    requests: mpsc::Sender<DifferentiateRequest>,
    responses: Streaming<DifferentiateResponse>,
    deadline: Duration,
    next_id: i64,
    /// Set during a step, and for good after one failed: request and reply may then be out of step.
    broken: bool,
}

impl DifferentiateStream {
    pub(crate) async fn open(
        connection: Connection,
        mut client: ClassifierServiceClient<Channel>,
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
        let call = client.differentiate(ReceiverStream::new(queued));
        let responses = tokio::time::timeout(deadline, call)
            .await
            .map_err(|_| deadline_error(&connection, deadline))?
            .map_err(|status| connection.error(&status))?
            .into_inner();
        Ok(Self {
            connection,
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
            .map_err(|_| deadline_error(&self.connection, self.deadline))??;
        if response.id != id {
            return Err(self.protocol(&format!(
                "expected the reply to step {id}, got {}",
                response.id
            )));
        }
        self.broken = false;
        Ok(response)
    }

    async fn exchange(&mut self, message: Message) -> Result<DifferentiateResponse, ClientError> {
        let request = DifferentiateRequest {
            message: Some(message),
        };
        // Sending fails if the service has ended the stream; receiving then returns the status.
        let _ = self.requests.send(request).await;
        match self.responses.message().await {
            Ok(Some(response)) => Ok(response),
            Ok(None) => Err(self.protocol("the stream ended without a reply")),
            Err(status) => Err(self.connection.error(&status)),
        }
    }

    fn protocol(&self, reason: &str) -> ClientError {
        ClientError::Protocol {
            url: self.connection.url.to_string(),
            reason: reason.to_owned(),
        }
    }
}
