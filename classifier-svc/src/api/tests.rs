//! The service over real gRPC, on a real network with random weights.

mod bad_requests;
mod calls;
mod detect;
mod items;
mod network;
mod open_inference;
mod streams;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use deepface_proto::inference::grpc_inference_service_client::GrpcInferenceServiceClient as InferenceClient;
use deepface_proto::v1::classifier_service_client::ClassifierServiceClient;
use deepface_proto::v1::image::Content;
use deepface_proto::v1::{self, DataType};
use deepface_proto::{Array, rpc, v1::classifier_service_server::SERVICE_NAME};
use deepface_serve::{Health, ServeSettings};
use prost::Message;
use tokio_util::sync::DropGuard;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{Classifier, Limits, OpenInference};
use crate::batch::{BatchSettings, Engine, State};
use deepface_network::{Architecture, Model, write_random};

type Client = ClassifierServiceClient<Channel>;

/// Side of the tiny network's input.
const SIDE: usize = 32;

/// Values in -1 to 1 that look random.
fn noise(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(n).collect()
}

/// The bytes of a weights file of a tiny network.
pub(crate) static WEIGHTS: LazyLock<Arc<[u8]>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.safetensors");
    write_random(Architecture::tiny(), &path).unwrap();
    std::fs::read(path).unwrap().into()
});

/// A running service; it stops when this is dropped.
struct Service {
    client: Client,
    inference: InferenceClient<Channel>,
    _stop: DropGuard,
}

async fn service(limits: Limits) -> Service {
    let settings = BatchSettings {
        queue: 64,
        share: 64,
        max_batch: 4,
    };
    let engine = Engine::start(
        || Model::load(&WEIGHTS, deepface_network::DeviceChoice::Cpu, 1),
        settings,
    )
    .unwrap();
    let mut state = engine.state();
    let ready = state
        .wait_for(|s| !matches!(s, State::Loading))
        .await
        .unwrap()
        .clone();
    assert!(matches!(ready, State::Ready(_)), "{ready:?}");
    let classifier = Classifier::new(engine, limits);
    let routes = tonic::service::Routes::new(classifier.clone().into_server())
        .add_service(OpenInference::new(classifier).into_server());
    let settings = ServeSettings::default();
    let listener = settings.bind(0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    tokio::spawn(async move {
        let health = Health::new(&[SERVICE_NAME]).await;
        deepface_serve::serve(listener, routes, &health, &settings, stopped).await
    });
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = channel.connect().await.unwrap();
    Service {
        inference: InferenceClient::new(channel.clone()),
        client: Client::new(channel).max_decoding_message_size(64 << 20),
        _stop: stop.drop_guard(),
    }
}

/// A picture that differs by seed.
fn picture(seed: u64, side: u32) -> image::RgbImage {
    let values = noise(seed, (side * side * 3) as usize);
    let bytes = values.iter().map(|x| (x * 127.0 + 128.0) as u8).collect();
    image::RgbImage::from_raw(side, side, bytes).unwrap()
}

fn png(picture: &image::RgbImage) -> Vec<u8> {
    deepface_images::png(picture).unwrap()
}

fn encoded(file: Vec<u8>, framing: v1::Framing) -> v1::Image {
    v1::Image {
        content: Some(Content::Encoded(file)),
        framing: framing.into(),
        face: None,
    }
}

fn tensor_image(tensor: v1::Tensor) -> v1::Image {
    v1::Image {
        content: Some(Content::Tensor(tensor)),
        framing: v1::Framing::Unspecified.into(),
        face: None,
    }
}

/// Pixels of a face, `[3, SIDE, SIDE]`.
fn face(seed: u64) -> Array {
    let pixels = noise(seed, 3 * SIDE * SIDE);
    let pixels = pixels.iter().map(|x| x * 0.5 + 0.5).collect();
    Array::new(vec![3, SIDE, SIDE], pixels).unwrap()
}

fn face_image(seed: u64) -> v1::Image {
    tensor_image(face(seed).to_tensor(DataType::F32))
}

/// Asserts that a request was refused for one field.
#[track_caller]
fn assert_violation(status: &Status, field: &str, says: &str) {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    let found = violations
        .iter()
        .any(|v| v.field == field && v.description.contains(says));
    assert!(found, "expected {field}: {says}, got {violations:?}");
}

/// The status of an item, as a call that failed by it would have it.
fn of_item(status: Option<&rpc::Status>) -> Status {
    let status = status.expect("expected a status");
    let code = Code::from_i32(status.code);
    Status::with_details(code, &status.message, status.encode_to_vec().into())
}

const SOON: Duration = Duration::from_secs(20);
