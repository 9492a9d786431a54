//! Calls of the generator service.

use std::time::Duration;

use deepface_proto::{Origin, v1};

use crate::{
    ClientError, Credentials, EventStream,
    asked::{Asked, Streams},
    channel,
    pool::Pool,
    retry::{self, Policy},
};

const DEADLINE: Duration = Duration::from_secs(60);
/// Allows for a queue before the first event, and for sparse iterates.
const EVENT_DEADLINE: Duration = Duration::from_secs(300);

const RESUMPTION: Duration = Duration::from_secs(60);

/// A client of the generator service. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct GeneratorClient {
    pool: Pool,
    deadline: Duration,
    event_deadline: Duration,
    resumption: Option<Duration>,
    policy: Policy,
}

impl GeneratorClient {
    /// Makes a client of the service at `urls` (`http://HOST:PORT`), which may start later. Several replicas are separated
    /// by commas, and a host name may stand for several addresses: each call goes to the replica with the fewest open
    /// calls, and those that fail are left out for a while.
    ///
    /// # Errors
    /// [`ClientError::Url`] if a URL has no host, no port or another scheme.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn connect_lazy(urls: &str) -> Result<Self, ClientError> {
        Self::connect_lazy_with(urls, &Credentials::default())
    }

    /// As [`Self::connect_lazy`], with what the service asks of its clients. `https://HOST:PORT` connects by TLS.
    ///
    /// # Errors
    /// As [`Self::connect_lazy`]. Files that cannot be read fail the calls.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn connect_lazy_with(urls: &str, credentials: &Credentials) -> Result<Self, ClientError> {
        Ok(Self {
            pool: Pool::lazy(urls, credentials)?,
            deadline: DEADLINE,
            event_deadline: EVENT_DEADLINE,
            resumption: Some(RESUMPTION),
            policy: Policy::default(),
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

    /// Continues a stream that breaks for this long without any event, in place of 60 s; `None`: not at all, which saves
    /// the resume tokens in the stream.
    #[must_use]
    pub fn with_resumption(mut self, patience: Option<Duration>) -> Self {
        self.resumption = patience;
        self
    }

    /// Sends the id and the trace of a request with every call, so that logs and traces of several services can be
    /// joined.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.pool.set_origin(origin);
        self
    }

    /// The URL of the service; several are separated by commas.
    pub fn url(&self) -> &str {
        self.pool.urls()
    }

    /// Lists the attributes that a face can have, the layers, and the defaults.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn list_attributes(&self) -> Result<v1::ListAttributesResponse, ClientError> {
        retry::unary(
            &self.pool,
            &self.policy,
            self.deadline,
            v1::ListAttributesRequest {},
            |channel, request| async move { channel::generator(channel).list_attributes(request).await },
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
        retry::unary(
            &self.pool,
            &self.policy,
            self.deadline,
            request,
            |channel, request| async move { channel::generator(channel).get_target(request).await },
        )
        .await
    }

    /// Generates faces and waits until they are finished. The deadline of unary calls applies to all of them together.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn generate_face(
        &self,
        request: v1::GenerateFaceRequest,
    ) -> Result<v1::GenerateFaceResponse, ClientError> {
        retry::unary(
            &self.pool,
            &self.policy,
            self.deadline,
            request,
            |channel, request| async move { channel::generator(channel).generate_face(request).await },
        )
        .await
    }

    /// Generates a face. If the stream breaks, it is continued where it was, by any replica.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn generate(&self, request: v1::GenerateRequest) -> Result<EventStream, ClientError> {
        EventStream::open(self.streams(), Asked::Generate(request)).await
    }

    /// Reconstructs an image from its activations. If the stream breaks, it is continued where it was, by any replica.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn invert(&self, request: v1::InvertRequest) -> Result<EventStream, ClientError> {
        EventStream::open(self.streams(), Asked::Invert(request)).await
    }

    fn streams(&self) -> Streams {
        let patient = |patience| Policy {
            patience: Some(patience),
            ..self.policy.clone()
        };
        Streams {
            pool: self.pool.clone(),
            deadline: self.event_deadline,
            policy: self.policy.clone(),
            resumption: self.resumption.map(patient),
        }
    }
}
