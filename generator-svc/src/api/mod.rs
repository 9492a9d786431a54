//! The gRPC side: requests are checked here and become plain values. `gaussian` and `inversion` know nothing of gRPC.
//!
//! One RPC a file. A request that is not answered becomes a `Refusal`, and only `status.rs` makes a status of that.

mod attributes;
mod check;
mod edit;
mod events;
mod faces;
mod generate;
mod generate_face;
mod get_target;
mod hold;
mod inversion;
mod invert;
mod list_attributes;
mod method;
mod objectives;
pub mod oracle;
mod picture;
mod preset;
mod reference;
mod result;
mod resume;
mod scores;
mod sessions;
mod settings;
mod status;
mod stream;
mod target;
mod terms;
#[cfg(test)]
mod tests;
mod token;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use deepface_client::ClassifierClient;
use deepface_proto::http2;
use deepface_proto::v1::generator_service_server::{GeneratorService, GeneratorServiceServer};
use deepface_proto::v1::{
    GenerateFaceRequest, GenerateFaceResponse, GenerateRequest, GenerateResponse, GetTargetRequest,
    GetTargetResponse, InvertRequest, InvertResponse, ListAttributesRequest,
    ListAttributesResponse,
};
use deepface_serve::{ServeSettings, origin};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};

use self::sessions::Sessions;
use crate::gaussian::Statistics;
use crate::workers::Workers;

/// How much the service works on, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sessions at once: faces that are being generated.
    pub sessions: usize,
    /// Requests that may wait for a session.
    pub waiting: usize,
    /// How long they may wait.
    pub wait: Duration,
    /// How long an iterate may stay unread before the session ends.
    pub unread: Duration,
    /// Longest deadline of a call, and that of a call without one.
    pub call: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 16,
            waiting: 64,
            wait: Duration::from_secs(120),
            unread: Duration::from_secs(60),
            call: ServeSettings::default().max_call(),
        }
    }
}

/// The generator service.
#[derive(Clone, Debug)]
pub struct Generator {
    statistics: Arc<Statistics>,
    classifier: ClassifierClient,
    workers: Workers,
    limits: Limits,
    sessions: Sessions,
}

impl Generator {
    /// A service with these statistics that asks this classifier, and computes on these threads.
    pub fn new(
        statistics: Arc<Statistics>,
        classifier: ClassifierClient,
        workers: Workers,
        limits: Limits,
    ) -> Self {
        Self {
            statistics,
            classifier,
            workers,
            limits,
            sessions: Sessions::new(limits),
        }
    }

    /// The same service, which tells the classifier the id and the trace of this request.
    fn for_request<T>(&self, request: &Request<T>) -> Self {
        let mut service = self.clone();
        service.classifier = service.classifier.with_origin(origin(request));
        service
    }

    /// The service for a server's routes, with the limits on message sizes.
    pub fn into_server(self) -> GeneratorServiceServer<Self> {
        GeneratorServiceServer::new(self)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(http2::MAX_REQUEST_BYTES)
            .max_encoding_message_size(http2::MAX_RESPONSE_BYTES)
    }
}

#[tonic::async_trait]
impl GeneratorService for Generator {
    async fn list_attributes(
        &self,
        _: Request<ListAttributesRequest>,
    ) -> Result<Response<ListAttributesResponse>, Status> {
        Ok(Response::new(list_attributes::list_attributes(
            &self.statistics,
        )))
    }

    async fn get_target(
        &self,
        request: Request<GetTargetRequest>,
    ) -> Result<Response<GetTargetResponse>, Status> {
        let reply = get_target::get_target(self, request.get_ref()).await?;
        Ok(Response::new(reply))
    }

    async fn generate_face(
        &self,
        request: Request<GenerateFaceRequest>,
    ) -> Result<Response<GenerateFaceResponse>, Status> {
        let reply = generate_face::generate_face(&self.for_request(&request), request).await?;
        Ok(Response::new(reply))
    }

    type GenerateStream = ReceiverStream<Result<GenerateResponse, Status>>;

    async fn generate(
        &self,
        request: Request<GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        Ok(Response::new(generate::generate(
            &self.for_request(&request),
            request,
        )?))
    }

    type InvertStream = ReceiverStream<Result<InvertResponse, Status>>;

    async fn invert(
        &self,
        request: Request<InvertRequest>,
    ) -> Result<Response<Self::InvertStream>, Status> {
        Ok(Response::new(invert::invert(
            &self.for_request(&request),
            request,
        )?))
    }
}
