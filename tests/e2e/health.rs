//! Health checks of both services.

use std::time::Duration;

use deepface_client::v1;
use deepface_client::{ClassifierClient, Code};
use deepface_serve::{ServeSettings, wait_until_serving};
use deepface_tests::{Authority, Service, shared};
use generator_svc::service::CAN_GENERATE;
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

const CLASSIFIER: &str = v1::classifier_service_server::SERVICE_NAME;
const GENERATOR: &str = v1::generator_service_server::SERVICE_NAME;

fn client(service: &Service) -> HealthClient<Channel> {
    HealthClient::new(service.channel())
}

fn about(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

async fn status(service: &Service, name: &str) -> ServingStatus {
    client(service)
        .check(about(name))
        .await
        .unwrap()
        .get_ref()
        .status()
}

#[tokio::test]
async fn ready_services_report_serving() {
    for (service, name) in [
        (&shared().classifier, CLASSIFIER),
        (&shared().generator, GENERATOR),
    ] {
        for name in [name, ""] {
            assert_eq!(
                status(service, name).await,
                ServingStatus::Serving,
                "{name:?}"
            );
        }
        let unknown = client(service)
            .check(about("no.such.Service"))
            .await
            .unwrap_err();
        assert_eq!(unknown.code(), Code::NotFound);
    }
}

/// The statuses of a classifier from its start until it serves.
async fn history() -> Vec<ServingStatus> {
    let service = Service::classifier_starting_at(([127, 0, 0, 1], 0).into()).await;
    let watch = client(&service).watch(about(CLASSIFIER)).await;
    let mut watch = watch.unwrap().into_inner();
    let mut seen = Vec::new();
    let until_serving = async {
        while seen.last() != Some(&ServingStatus::Serving) {
            let reply: HealthCheckResponse = watch.message().await.unwrap().unwrap();
            seen.push(reply.status());
        }
    };
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, until_serving).await.unwrap();
    service.stop().await;
    seen
}

#[tokio::test]
async fn a_service_is_not_serving_until_its_model_has_run() {
    // On a busy machine the model may be ready before the first check arrives; then try again.
    for _ in 0..20 {
        match history().await[..] {
            [ServingStatus::NotServing, ServingStatus::Serving] => return,
            [ServingStatus::Serving] => {}
            ref other => panic!("expected NOT_SERVING, then SERVING, got {other:?}"),
        }
    }
    panic!("NOT_SERVING was never seen");
}

/// Waits until the generator reports this for its ability to generate.
async fn can_generate(generator: &Service, expected: ServingStatus) {
    let reported = async {
        while status(generator, CAN_GENERATE).await != expected {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, reported).await.unwrap();
}

#[tokio::test]
async fn the_generator_says_whether_it_can_generate_apart_from_whether_it_lives() {
    let classifier = Service::classifier().await;
    let address = classifier.address;
    let generator = Service::generator(&classifier.url()).await;
    can_generate(&generator, ServingStatus::Serving).await;
    classifier.stop().await;
    can_generate(&generator, ServingStatus::NotServing).await;
    assert_eq!(status(&generator, GENERATOR).await, ServingStatus::Serving);
    let _classifier = Service::classifier_at(address).await;
    can_generate(&generator, ServingStatus::Serving).await;
}

#[tokio::test]
async fn a_service_with_tls_shows_its_health_and_nothing_else_in_plain_text() {
    let authority = Authority::new();
    let pair = authority.signs("server");
    let tokens = authority.file("tokens");
    std::fs::write(&tokens, "").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let checks = free.local_addr().unwrap();
    drop(free);
    let service = Service::classifier_served(ServeSettings {
        tls_cert: Some(pair.cert),
        tls_key: Some(pair.key),
        tls_client_ca: Some(authority.ca()),
        tokens: Some(tokens),
        health_listen: Some(checks),
        ..Default::default()
    });
    let service = service.await;
    let patience = Duration::from_secs(60);
    for name in [CLASSIFIER, ""] {
        wait_until_serving(checks, name, patience).await.unwrap();
    }
    let url = format!("http://{checks}");
    let channel = Endpoint::from_shared(url.clone()).unwrap().connect_lazy();
    let mut health = HealthClient::new(channel);
    let unknown = health.check(about("no.such.Service")).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    // Elsewhere it takes a certificate and a token.
    let call = async |url: &str| {
        let client = ClassifierClient::connect_lazy(url).unwrap();
        client.get_model().await.unwrap_err().code()
    };
    assert_eq!(call(&url).await, Code::Unauthenticated);
    assert_eq!(call(&service.url()).await, Code::Unavailable);
    service.stop().await;
    let gone = Endpoint::from_shared(url).unwrap().connect().await;
    assert!(gone.is_err());
}
