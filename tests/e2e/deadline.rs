//! Deadlines of calls, streams and steps.

use std::time::{Duration, Instant};

use deepface_client::{ClassifierClient, ClientError, Code, v1};
use deepface_tests::{face_image, face_pixels, shared};
use tonic::Request;
use v1::generator_service_client::GeneratorServiceClient;

#[tokio::test]
async fn a_stream_ends_at_the_deadline_of_its_client() {
    let mut client = GeneratorServiceClient::connect(shared().generator.url())
        .await
        .unwrap();
    let inversion = v1::InversionSettings {
        steps: Some(5000),
        ..Default::default()
    };
    let mut request = Request::new(v1::GenerateRequest::of(["Male"]).with_inversion(inversion));
    request.set_timeout(Duration::from_millis(700));
    let began = Instant::now();
    let mut events = client.generate(request).await.unwrap().into_inner();
    let mut seen = 0;
    let status = loop {
        match events.message().await {
            Ok(Some(_)) => seen += 1,
            Ok(None) => panic!("5000 steps are not done yet"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert!(
        seen > 0 && began.elapsed() < Duration::from_secs(5),
        "{seen} in {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_slow_call_ends_with_a_deadline_error() {
    let url = shared().classifier.url();
    let hasty = ClassifierClient::connect_lazy(&url)
        .unwrap()
        .with_deadline(Duration::from_millis(1));
    let images = (0..16).map(|seed| face_image(250, seed)).collect();
    let error = hasty.classify(images).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
}

#[tokio::test]
async fn a_slow_step_ends_the_stream() {
    let client = shared()
        .classifier()
        .with_step_deadline(Duration::from_millis(200));
    let size = client.get_model().await.unwrap().model.unwrap().input_size as usize;
    let targets = vec![v1::AttributeTarget {
        attribute: "Male".to_owned(),
        ..Default::default()
    }];
    let term = v1::objective::Term::AttributeLikelihood(v1::AttributeLikelihood { targets });
    let objectives = vec![v1::Objective {
        weight: Some(1.0),
        term: Some(term),
    }];
    let mut stream = client
        .differentiate(v1::DifferentiateSetup {
            objectives,
            ..Default::default()
        })
        .await
        .unwrap();
    let image = face_pixels(size, 1);
    let cut = tokio::time::timeout(Duration::from_micros(10), stream.step(&image, &[])).await;
    assert!(cut.is_err(), "no step takes 10 µs");
    let error = stream.step(&image, &[]).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Protocol { .. }),
        "a late reply must not be taken for the next: {error}"
    );
}
