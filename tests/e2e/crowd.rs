//! Many callers at once: those beyond the limit wait for their turn, and cancels of one leave the others alone.

use std::time::Duration;

use deepface_client::{ClientError, GeneratorClient, v1};
use deepface_tests::{Proxy, Service, shared};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The time a test machine may need for all faces of a test.
const PATIENCE: Duration = Duration::from_secs(120);

async fn generate(
    client: GeneratorClient,
    seed: u64,
    steps: i32,
) -> Result<v1::Result, ClientError> {
    let inversion = v1::InversionSettings {
        steps: Some(steps),
        ..Default::default()
    };
    let stream = v1::StreamSettings {
        losses_only: true,
        ..Default::default()
    };
    let request = v1::GenerateRequest::of(["Male"])
        .with_seed(seed)
        .with_inversion(inversion)
        .with_stream(stream);
    client.generate(request).await?.result().await
}

#[tokio::test]
async fn callers_beyond_the_sessions_wait_and_all_are_served() {
    let url = shared().classifier.url();
    let generator = Service::generator_with(|settings| {
        settings.classifier = vec![url];
        settings.max_sessions = 2;
    });
    let generator = generator.await;
    let mut callers = JoinSet::new();
    for seed in 0..24 {
        let client = GeneratorClient::connect_lazy(&generator.url()).unwrap();
        callers.spawn(async move { generate(client, seed, 3).await });
    }
    let served = timeout(PATIENCE, callers.join_all()).await.unwrap();
    assert!(served.iter().all(Result::is_ok), "{served:?}");
}

#[tokio::test]
async fn a_full_waiting_room_refuses_and_names_the_limits() {
    let url = shared().classifier.url();
    let generator = Service::generator_with(|settings| {
        settings.classifier = vec![url];
        settings.max_sessions = 1;
        settings.max_waiting = 1;
    });
    let generator = generator.await;
    let client = GeneratorClient::connect_lazy(&generator.url()).unwrap();
    let mut stubs = v1::generator_service_client::GeneratorServiceClient::new(generator.channel());
    let long = || {
        v1::GenerateRequest::of(["Male"]).with_inversion(v1::InversionSettings {
            steps: Some(5000),
            ..Default::default()
        })
    };
    let _first = client.generate(long()).await.unwrap();
    let _second = client.generate(long()).await.unwrap();
    let refused = stubs.generate(long()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    let message = refused.message();
    assert_eq!(message, "all 1 sessions are in use, and 1 requests wait");
}

#[tokio::test]
async fn cancels_of_one_caller_leave_the_others_alone() {
    let proxy = Proxy::to(shared().classifier.address).await;
    let generator = Service::generator(&proxy.url()).await;
    let bystander = GeneratorClient::connect_lazy(&generator.url()).unwrap();
    let bystander = tokio::spawn(generate(bystander, 1, 300));
    sleep(Duration::from_millis(300)).await;
    let connections = proxy.connections();
    let client = GeneratorClient::connect_lazy(&generator.url()).unwrap();
    for burst in 0..40 {
        let calls = (0..12).map(|i| generate(client.clone(), i, 5000));
        let mut calls: JoinSet<_> = calls.collect();
        sleep(Duration::from_millis(burst % 4)).await;
        calls.abort_all();
        while calls.join_next().await.is_some() {}
    }
    let face = timeout(PATIENCE, bystander).await.unwrap().unwrap();
    assert!(face.is_ok(), "{face:?}");
    assert_eq!(
        proxy.connections(),
        connections,
        "the connection was closed"
    );
}
