//! Refusals of sessions, and of the classifier.

use std::sync::Arc;
use std::time::Duration;

use deepface_client::{ClassifierClient, ClientError, Rejection, Violation};
use deepface_proto::v1::generator_service_server::GeneratorService;
use deepface_proto::v1::{GenerateRequest, RequestedAttribute};
use tokio::net::TcpListener;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::status::Refusal;
use super::{Generator, Limits};
use crate::gaussian::fixture::statistics;
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
        waiting: 0,
        ..Limits::default()
    };
    (
        Generator::new(Arc::new(statistics()), classifier, workers, limits),
        silent,
    )
}

#[tokio::test]
async fn sessions_beyond_the_limit_are_refused_until_one_ends() {
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
        reason: String::new(),
        message: "bad request".into(),
        violations: fields.iter().map(violation).collect(),
        retry_after: None,
    };
    Refusal::from(ClientError::Rejected(Arc::new(rejection))).into()
}

#[test]
fn only_violations_of_the_image_are_the_callers() {
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

/// What a classifier's refusal becomes.
fn passed_on(code: Code, retry_after: Option<Duration>) -> Status {
    let rejection = Rejection {
        code,
        reason: String::new(),
        message: "no".into(),
        violations: Vec::new(),
        retry_after,
    };
    Refusal::from(ClientError::Rejected(Arc::new(rejection))).into()
}

#[test]
fn the_classifiers_retry_delay_is_passed_on() {
    for code in [Code::ResourceExhausted, Code::Unavailable] {
        for (said, passed) in [(Some(7), 7), (None, 1)] {
            let status = passed_on(code, said.map(Duration::from_secs));
            assert_eq!(status.code(), code, "{status}");
            let retry = status.get_details_retry_info().unwrap().retry_delay;
            assert_eq!(retry, Some(Duration::from_secs(passed)));
        }
    }
}

#[test]
fn a_silent_classifier_is_unavailable_and_not_an_expired_deadline() {
    let waited = ClientError::Deadline {
        url: "http://localhost:1".into(),
        limit: Duration::from_secs(60),
    };
    let ours = Status::from(Refusal::from(waited));
    assert!(
        ours.message().contains("did not answer within 60 s"),
        "{ours}"
    );
    for status in [ours, passed_on(Code::DeadlineExceeded, None)] {
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert!(status.message().contains("the classifier"), "{status}");
        assert!(status.get_details_retry_info().is_some());
    }
    let theirs = Status::from(Refusal::Expired);
    assert_eq!(theirs.code(), Code::DeadlineExceeded, "{theirs}");
}
