//! Calls of the classifier service.

use std::time::Duration;

use deepface_proto::v1::{self, classifier_service_client::ClassifierServiceClient};
use tonic::transport::Channel;

use crate::{
    ClientError, DifferentiateStream,
    channel::{Connection, MAX_DECODED_BYTES, MAX_ENCODED_BYTES},
    retry,
};

const DEADLINE: Duration = Duration::from_secs(60);
const STEP_DEADLINE: Duration = Duration::from_secs(60);

/// A client of the classifier service. Cheap to clone; clones share one connection.
#[derive(Clone, Debug)]
pub struct ClassifierClient {
    connection: Connection,
    inner: ClassifierServiceClient<Channel>,
    deadline: Duration,
    step_deadline: Duration,
}

impl ClassifierClient {
    /// Makes a client of the service at `url` (`http://HOST:PORT`), which may start later.
    ///
    /// # Errors
    /// [`ClientError::Url`] if the URL has no host, no port or another scheme.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn connect_lazy(url: &str) -> Result<Self, ClientError> {
        let connection = Connection::lazy(url)?;
        let inner = ClassifierServiceClient::new(connection.channel.clone())
            .max_decoding_message_size(MAX_DECODED_BYTES)
            .max_encoding_message_size(MAX_ENCODED_BYTES);
        Ok(Self {
            connection,
            inner,
            deadline: DEADLINE,
            step_deadline: STEP_DEADLINE,
        })
    }

    /// Limits a unary call, retries and pauses included. The default is 60 s.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Limits one step of a [`DifferentiateStream`]. The default is 60 s.
    #[must_use]
    pub fn with_step_deadline(mut self, deadline: Duration) -> Self {
        self.step_deadline = deadline;
        self
    }

    /// The URL of the service.
    pub fn url(&self) -> &str {
        &self.connection.url
    }

    /// Describes the served model: layers, attributes, limits.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_model(&self) -> Result<v1::GetModelResponse, ClientError> {
        retry::unary(
            &self.connection,
            self.deadline,
            v1::GetModelRequest {},
            |request| {
                let mut inner = self.inner.clone();
                async move { inner.get_model(request).await }
            },
        )
        .await
    }

    /// Returns the probability of, and the decision on, every attribute of each image. An image that can't be used has
    /// a result with an `error`; a single one fails the call.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn classify(
        &self,
        images: Vec<v1::Image>,
    ) -> Result<v1::ClassifyResponse, ClientError> {
        self.classify_request(v1::ClassifyRequest {
            images,
            ..Default::default()
        })
        .await
    }

    /// As [`ClassifierClient::classify`], with every field of the request.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn classify_request(
        &self,
        request: v1::ClassifyRequest,
    ) -> Result<v1::ClassifyResponse, ClientError> {
        retry::unary(&self.connection, self.deadline, request, |request| {
            let mut inner = self.inner.clone();
            async move { inner.classify(request).await }
        })
        .await
    }

    /// Returns the activations of layers for images, from one forward pass.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_activations(
        &self,
        request: v1::GetActivationsRequest,
    ) -> Result<v1::GetActivationsResponse, ClientError> {
        retry::unary(&self.connection, self.deadline, request, |request| {
            let mut inner = self.inner.clone();
            async move { inner.get_activations(request).await }
        })
        .await
    }

    /// Compares two faces.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn compare(
        &self,
        first: v1::Image,
        second: v1::Image,
    ) -> Result<v1::CompareResponse, ClientError> {
        self.compare_request(v1::CompareRequest {
            first: Some(first),
            second: Some(second),
            ..Default::default()
        })
        .await
    }

    /// Compares faces: images, or embeddings that were computed before.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn compare_request(
        &self,
        request: v1::CompareRequest,
    ) -> Result<v1::CompareResponse, ClientError> {
        retry::unary(&self.connection, self.deadline, request, |request| {
            let mut inner = self.inner.clone();
            async move { inner.compare(request).await }
        })
        .await
    }

    /// Opens a stream of gradients of one objective; its targets cross the wire once.
    ///
    /// # Errors
    /// Any [`ClientError`]; a service may report a bad setup here or at the first step.
    pub async fn differentiate(
        &self,
        setup: v1::DifferentiateSetup,
    ) -> Result<DifferentiateStream, ClientError> {
        DifferentiateStream::open(
            self.connection.clone(),
            self.inner.clone(),
            setup,
            self.step_deadline,
        )
        .await
    }
}
