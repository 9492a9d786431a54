//! The gRPC side: requests are checked here and become plain arrays; nothing below this module knows gRPC.
//!
//! One RPC per file. Whatever is wrong with a request is a `Refusal`, and only `status.rs` turns it into a status.

mod activations;
mod classify;
mod compare;
mod decoders;
mod differentiate;
mod faces;
mod images;
mod layers;
mod model;
mod objectives;
mod open_inference;
mod portions;
mod status;
#[cfg(test)]
mod tests;
mod warnings;

use std::time::{Duration, Instant};

use deepface_images::{ImageLimits, MAX_REQUEST_PIXELS};
use deepface_proto::http2;
use deepface_proto::v1::classifier_service_server::{ClassifierService, ClassifierServiceServer};
use deepface_proto::v1::{
    ClassifyRequest, ClassifyResponse, CompareRequest, CompareResponse, DifferentiateRequest,
    DifferentiateResponse, GetActivationsRequest, GetActivationsResponse, GetModelRequest,
    GetModelResponse, Timing,
};
use deepface_serve::{Allowance, Caller, Deadline, Quota, ServeSettings};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status, Streaming};

use self::decoders::Decoders;
pub use self::open_inference::OpenInference;
use crate::batch::{Call, Engine};

/// The limits on one request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Images in one request.
    pub images: usize,
    /// The limits on an encoded image.
    pub image: ImageLimits,
    /// Pixels of all encoded images in one request: decoding them takes time.
    pub request_pixels: u64,
    /// Bytes of one message to the service.
    pub request_bytes: usize,
    /// Bytes of one reply.
    pub response_bytes: usize,
    /// Objectives in one Differentiate stream.
    pub objectives: usize,
    /// Faces of one image that are classified: the largest ones.
    pub faces_per_image: usize,
    /// Faces of all images of one request that are classified: each holds the memory of a network's input.
    pub faces: usize,
    /// Differentiate streams that have a setup at once: each holds its targets. One caller may have half of them.
    pub streams: usize,
    /// Images that are decoded at once: each takes up to 130 MB.
    pub decoders: usize,
    /// Bytes of files that wait to be decoded, of faces that wait for the rest of their request, and of setups of
    /// streams. One caller may hold half of them.
    pub waiting_bytes: usize,
    /// How long a Differentiate stream may be silent, or leave a reply unread.
    pub idle: Duration,
    /// The deadline of a call that has none.
    pub call: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            images: 64,
            image: ImageLimits::default(),
            request_pixels: MAX_REQUEST_PIXELS,
            request_bytes: http2::MAX_REQUEST_BYTES,
            response_bytes: http2::MAX_RESPONSE_BYTES,
            objectives: 16,
            faces_per_image: 32,
            faces: 256,
            streams: 64,
            decoders: deepface_serve::cores(),
            waiting_bytes: 512 << 20,
            idle: Duration::from_secs(60),
            call: ServeSettings::default().max_call(),
        }
    }
}

/// The classifier service.
#[derive(Clone, Debug)]
pub struct Classifier {
    engine: Engine,
    limits: Limits,
    decoders: Decoders,
    memory: Quota,
    streams: Quota,
}

impl Classifier {
    /// A service that computes by `engine`.
    pub fn new(engine: Engine, limits: Limits) -> Self {
        Self {
            engine,
            limits,
            decoders: Decoders::new(limits.decoders),
            memory: Quota::halved(limits.waiting_bytes),
            streams: Quota::halved(limits.streams),
        }
    }

    /// Whose a request is and when its result is due.
    fn call<T>(&self, request: &Request<T>) -> Call {
        Call {
            caller: Caller::of(request),
            arrived: Instant::now(),
            deadline: Deadline::of(request, self.limits.call),
            allowance: Allowance::of(request),
        }
    }

    /// The service for a server's routes, with the limits on message sizes.
    pub fn into_server(self) -> ClassifierServiceServer<Self> {
        let Limits {
            request_bytes,
            response_bytes,
            ..
        } = self.limits;
        ClassifierServiceServer::new(self)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(request_bytes)
            .max_encoding_message_size(response_bytes)
    }
}

#[tonic::async_trait]
impl ClassifierService for Classifier {
    async fn get_model(
        &self,
        request: Request<GetModelRequest>,
    ) -> Result<Response<GetModelResponse>, Status> {
        let reply = model::get_model(self, request.get_ref())?;
        Ok(Response::new(reply))
    }

    async fn classify(
        &self,
        request: Request<ClassifyRequest>,
    ) -> Result<Response<ClassifyResponse>, Status> {
        Ok(Response::new(classify::classify(self, request).await?))
    }

    async fn get_activations(
        &self,
        request: Request<GetActivationsRequest>,
    ) -> Result<Response<GetActivationsResponse>, Status> {
        let reply = activations::get_activations(self, request).await?;
        Ok(Response::new(reply))
    }

    async fn compare(
        &self,
        request: Request<CompareRequest>,
    ) -> Result<Response<CompareResponse>, Status> {
        Ok(Response::new(compare::compare(self, request).await?))
    }

    type DifferentiateStream = ReceiverStream<Result<DifferentiateResponse, Status>>;

    async fn differentiate(
        &self,
        request: Request<Streaming<DifferentiateRequest>>,
    ) -> Result<Response<Self::DifferentiateStream>, Status> {
        Ok(Response::new(differentiate::differentiate(self, request)?))
    }
}

/// The time since `arrived`: `compute` in the network, the rest before it.
fn timing(arrived: Instant, compute: Duration) -> Timing {
    let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
    Timing {
        queue_us: micros(arrived.elapsed().saturating_sub(compute)),
        compute_us: micros(compute),
    }
}
