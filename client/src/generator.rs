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
/// Long enough for a queue before the first event and for sparse iterates.
const EVENT_DEADLINE: Duration = Duration::from_secs(300);

/// A client of the generator service. Cheap to clone; clones share one connection.
#[derive(Clone, Debug)]
pub struct GeneratorClient {
    connection: Connection,
    inner: GeneratorServiceClient<Channel>,
    deadline: Duration,
    event_deadline: Duration,
}

/// The attributes of a request: those the face should have, and those it should not have.
///
/// ```
/// let asked = deepface_client::attributes(["Smiling"], ["Eyeglasses"]);
/// assert!(!asked[0].absent && asked[1].absent);
/// ```
pub fn attributes<S: Into<String>, T: Into<String>>(
    present: impl IntoIterator<Item = S>,
    absent: impl IntoIterator<Item = T>,
) -> Vec<v1::RequestedAttribute> {
    let attribute = |name: String, absent| v1::RequestedAttribute {
        name,
        absent,
        strength: None,
    };
    let present = present
        .into_iter()
        .map(|name| attribute(name.into(), false));
    present
        .chain(absent.into_iter().map(|name| attribute(name.into(), true)))
        .collect()
}

impl GeneratorClient {
    /// Makes a client of the service at `url` (`http://HOST:PORT`), which need not be up yet.
    ///
    /// # Errors
    /// [`ClientError::Url`] where the URL has no host, no port or another scheme.
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

    /// Limits a unary call, tries and pauses included. The default is 60 s.
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

    /// Where the service is.
    pub fn url(&self) -> &str {
        &self.connection.url
    }

    /// Lists the attributes that a face can be asked for, the layers, and the defaults.
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

    /// Gives the target activation for a set of attributes.
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
    /// Any [`ClientError`]. Not tried again: the caller decides whether to spend the work twice.
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
    /// Any [`ClientError`]. Not tried again: the caller decides whether to spend the work twice.
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
