//! Which network answers.

use super::streams::{Stream, male, setup, step};
use super::*;
use v1::differentiate_request::Message;

/// Every call that names a network, with this digest.
async fn calls(s: &mut Service, digest: &str) -> Vec<Result<String, Status>> {
    let classify = v1::ClassifyRequest {
        images: vec![face_image(1)],
        model_digest: digest.into(),
        ..Default::default()
    };
    let classified = s.client.classify(classify).await;
    let activations = v1::GetActivationsRequest {
        images: vec![face_image(1)],
        layers: vec!["fc7".into()],
        model_digest: digest.into(),
        ..Default::default()
    };
    let activated = s.client.get_activations(activations).await;
    let Message::Setup(mut setup) = setup([male()]) else {
        unreachable!("`setup` makes a setup");
    };
    setup.model_digest = digest.into();
    let mut stream = Stream::open(&mut s.client, None).await.unwrap();
    stream.send(Message::Setup(setup)).await;
    stream.send(step(1, face(1))).await;
    vec![
        classified.map(|reply| reply.into_inner().model_digest),
        activated.map(|reply| reply.into_inner().model_digest),
        stream.next().await.map(|reply| reply.model_digest),
    ]
}

#[tokio::test]
async fn only_the_network_that_is_asked_for_answers() {
    let mut s = service(Limits::default()).await;
    let model = s
        .client
        .get_model(v1::GetModelRequest::default())
        .await
        .unwrap();
    let digest = model.into_inner().model.unwrap().digest;
    for any in ["", &digest] {
        for answered in calls(&mut s, any).await {
            assert_eq!(answered.unwrap(), digest);
        }
    }
    for refused in calls(&mut s, &"0".repeat(64)).await {
        let status = refused.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
        assert!(status.message().contains("model_digest"), "{status}");
    }
}
