//! Calls of the generator service.

use std::time::Duration;

use deepface_proto::v1::{self, generator_service_client::GeneratorServiceClient};
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::{
    ClientError, EventStream,
    channel::{Connection, MAX_DECODED_BYTES, MAX_ENCODED_BYTES},
    events::Messages,
    retry::{self, deadline_error},
};

const DEADLINE: Duration = Duration::from_secs(60);
/// Allows for a queue before the first event, and for sparse iterates.
const EVENT_DEADLINE: Duration = Duration::from_secs(300);

/// A client of the generator service. Cheap to clone; clones share one connection.
#[derive(Clone, Debug)]
pub struct GeneratorClient {
    connection: Connection,
    inner: GeneratorServiceClient<Channel>,
    deadline: Duration,
    event_deadline: Duration,
}

impl GeneratorClient {
    /// Makes a client of the service at `url` (`http://HOST:PORT`), which may start later.
    ///
    /// # Errors
    /// [`ClientError::Url`] if the URL has no host, no port or another scheme.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn connect_lazy(url: &str) -> Result<Self, ClientError> {
        let connection = Connection::lazy(url)?;
        let inner = GeneratorServiceClient::new(connection.channel.clone())
            .max_decoding_message_size(MAX_DECODED_BYTES)
            .max_encoding_message_size(MAX_ENCODED_BYTES);
        Ok(Self {
            connection,
            inner,
            deadline: DEADLINE,
            event_deadline: EVENT_DEADLINE,
        })
    }

    /// Limits a unary call, retries and pauses included. The default is 60 s.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Limits the wait for one event of a stream. The default is 5 minutes.
    #[must_use]
    pub fn with_event_deadline(mut self, deadline: Duration) -> Self {
        self.event_deadline = deadline;
        self
    }

    /// The URL of the service.
    pub fn url(&self) -> &str {
        &self.connection.url
    }

    /// Lists the attributes that a face can have, the layers, and the defaults.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn list_attributes(&self) -> Result<v1::ListAttributesResponse, ClientError> {
        retry::unary(
            &self.connection,
            self.deadline,
            v1::ListAttributesRequest {},
            |request| {
                let mut inner = self.inner.clone();
                async move { inner.list_attributes(request).await }
            },
        )
        .await
    }

    /// Returns the target activation of a set of attributes.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_target(
        &self,
        request: v1::GetTargetRequest,
    ) -> Result<v1::GetTargetResponse, ClientError> {
        retry::unary(&self.connection, self.deadline, request, |request| {
            let mut inner = self.inner.clone();
            async move { inner.get_target(request).await }
        })
        .await
    }

    /// Generates a face.
    ///
    /// # Errors
    /// Any [`ClientError`]. Never retried: the caller decides whether to repeat the work.
    pub async fn generate(&self, request: v1::GenerateRequest) -> Result<EventStream, ClientError> {
        let mut client = self.inner.clone();
        self.open(async {
            Ok(Messages::Generate(
                client.generate(request).await?.into_inner(),
            ))
        })
        .await
    }

    /// Reconstructs an image from its activations.
    ///
    /// # Errors
    /// Any [`ClientError`]. Never retried: the caller decides whether to repeat the work.
    pub async fn invert(&self, request: v1::InvertRequest) -> Result<EventStream, ClientError> {
        let mut client = self.inner.clone();
        self.open(async { Ok(Messages::Invert(client.invert(request).await?.into_inner())) })
            .await
    }

    async fn open(
        &self,
        call: impl Future<Output = Result<Messages, tonic::Status>>,
    ) -> Result<EventStream, ClientError> {
        let limit = self.event_deadline;
        let messages = timeout(limit, call)
            .await
            .map_err(|_| deadline_error(&self.connection, limit))?
            .map_err(|status| self.connection.error(&status))?;
        Ok(EventStream::new(self.connection.clone(), messages, limit))
    }
}
