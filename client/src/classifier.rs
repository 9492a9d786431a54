//! Calls of the classifier service.

use std::time::Duration;

use deepface_proto::{Origin, v1};

use crate::{
    ClientError, Credentials, DifferentiateStream, DurableDifferentiate, channel,
    durable::Opener,
    pool::Pool,
    retry::{self, Policy},
};

const DEADLINE: Duration = Duration::from_secs(60);
const STEP_DEADLINE: Duration = Duration::from_secs(60);

/// A client of the classifier service. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct ClassifierClient {
    pool: Pool,
    deadline: Duration,
    step_deadline: Duration,
    policy: Policy,
}

impl ClassifierClient {
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
            step_deadline: STEP_DEADLINE,
            policy: Policy::default(),
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

    /// Tries unary calls and durable streams again for this long after a first failure, in place of four tries. Limits
    /// the time without success, not the call.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.policy.patience = Some(patience);
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

    /// A client of each replica that is known now, for what must be asked of every one of them: in the order of the URLs,
    /// then of the addresses that a host name stands for. Such a name is looked up in the background, so before the
    /// first call it counts as one.
    #[must_use]
    pub fn replicas(&self) -> Vec<Self> {
        let of = |pool| Self {
            pool,
            ..self.clone()
        };
        self.pool.each().into_iter().map(of).collect()
    }

    /// Describes the served model: layers, attributes, limits.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_model(&self) -> Result<v1::GetModelResponse, ClientError> {
        self.get_model_of(String::new()).await
    }

    /// Describes the model with this digest, if a replica serves it.
    ///
    /// # Errors
    /// Any [`ClientError`]; FAILED_PRECONDITION if all replicas that were tried serve other models.
    pub async fn get_model_of(
        &self,
        model_digest: String,
    ) -> Result<v1::GetModelResponse, ClientError> {
        retry::unary(
            &self.pool,
            &self.policy,
            self.deadline,
            v1::GetModelRequest { model_digest },
            |channel, request| async move { channel::classifier(channel).get_model(request).await },
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
        retry::unary(
            &self.pool,
            &self.policy,
            self.deadline,
            request,
            |channel, request| async move { channel::classifier(channel).classify(request).await },
        )
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
        retry::unary(
            &self.pool,
            &self.policy,
            self.deadline,
            request,
            |channel, request| async move {
                channel::classifier(channel).get_activations(request).await
            },
        )
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
        retry::unary(
            &self.pool,
            &self.policy,
            self.deadline,
            request,
            |channel, request| async move { channel::classifier(channel).compare(request).await },
        )
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
        DifferentiateStream::open(self.pool.take(), setup, self.step_deadline).await
    }

    /// As [`ClassifierClient::differentiate`], and opens the stream again when it breaks.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn differentiate_durably(
        &self,
        setup: v1::DifferentiateSetup,
    ) -> Result<DurableDifferentiate, ClientError> {
        let opener = Opener {
            pool: self.pool.clone(),
            policy: self.policy.clone(),
            step_deadline: self.step_deadline,
        };
        DurableDifferentiate::open(opener, setup).await
    }
}
