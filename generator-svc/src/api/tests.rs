//! What is refused, and how that is said.

use std::sync::Arc;
use std::time::Duration;

use deepface_client::{ClassifierClient, ClientError, Rejection, Violation};
use deepface_proto::v1::generator_service_server::GeneratorService;
use deepface_proto::v1::{GenerateRequest, RequestedAttribute};
use tokio::net::TcpListener;
use tonic::{Code, Request, Status};

use super::status::Refusal;
use super::{Generator, Limits};
use crate::gaussian::tests::statistics;
use crate::workers::Workers;

fn request() -> Request<GenerateRequest> {
    let attribute = RequestedAttribute {
        name: "Male".into(),
        ..Default::default()
    };
    Request::new(GenerateRequest {
        attributes: vec![attribute],
        ..Default::default()
    })
}

/// A generator with room for one session, whose classifier takes connections and never answers.
async fn generator() -> (Generator, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let classifier = ClassifierClient::connect_lazy(&url).unwrap();
    let workers = Workers::new(1).unwrap();
    let limits = Limits {
        sessions: 1,
        ..Limits::default()
    };
    (
        Generator::new(Arc::new(statistics()), classifier, workers, limits),
        silent,
    )
}

#[tokio::test]
async fn a_session_too_many_is_refused_until_one_ends() {
    let (generator, _silent) = generator().await;
    let first = generator.generate(request()).await.unwrap();
    let refused = generator.generate(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    // The client is gone: its session ends although the classifier never answered.
    drop(first);
    let free = async {
        while generator.generate(request()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), free)
        .await
        .expect("a session that nobody listens to ends");
}

#[tokio::test]
async fn a_bad_request_takes_no_session() {
    let (generator, _silent) = generator().await;
    let bad = Request::new(GenerateRequest::default());
    let refused = generator.generate(bad).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    assert!(generator.generate(request()).await.is_ok());
}

fn rejected(fields: &[&str]) -> Status {
    let violation = |field: &&str| Violation {
        field: (*field).into(),
        description: "is wrong".into(),
    };
    let rejection = Rejection {
        code: Code::InvalidArgument,
        message: "bad request".into(),
        violations: fields.iter().map(violation).collect(),
        retry_after: None,
    };
    Refusal::from(ClientError::Rejected(Arc::new(rejection))).into()
}

#[test]
fn only_faults_of_the_callers_image_are_the_callers() {
    let image = rejected(&["images[0].encoded"]);
    assert_eq!(image.code(), Code::InvalidArgument);
    assert_eq!(image.message(), "image.encoded: is wrong");
    for ours in [
        &["step.image.data"][..],
        &["images[0].encoded", "layers[0]"],
        &[],
    ] {
        assert_eq!(rejected(ours).code(), Code::Internal, "{ours:?}");
    }
}
