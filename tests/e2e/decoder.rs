//! Faces in the latents of the learned decoder.

use deepface_client::v1;
use deepface_tests::shared;
use v1::Parametrization;

fn inversion(parametrization: Parametrization, steps: i32) -> v1::InversionSettings {
    v1::InversionSettings {
        parametrization: parametrization.into(),
        steps: Some(steps),
        ..Default::default()
    }
}

fn request(names: &[&str], steps: i32) -> v1::GenerateRequest {
    v1::GenerateRequest::of(names.iter().copied())
        .with_inversion(inversion(Parametrization::Decoder, steps))
        .with_seed(5)
}

async fn face(request: v1::GenerateRequest) -> v1::Result {
    let mut events = shared().generator().generate(request).await.unwrap();
    events.result().await.unwrap()
}

/// The picture of a result, which is nothing but a face.
fn whole(result: v1::Result) -> v1::Image {
    v1::Image {
        framing: v1::Framing::Face.into(),
        ..result.image.unwrap()
    }
}

fn probability(result: &v1::Result, name: &str) -> f64 {
    let found = result.attributes.iter().find(|a| a.name == name);
    found.unwrap().probability.into()
}

#[tokio::test]
async fn a_face_shows_what_is_asked_and_is_the_same_again() {
    let names = ["Male", "Smiling", "Eyeglasses"];
    let (result, again, beside) = tokio::join!(
        face(request(&names, 50)),
        face(request(&names, 50)),
        face(request(&["Child"], 10)),
    );
    for name in names {
        assert!(probability(&result, name) > 0.5, "{name}");
    }
    assert_eq!(result.image, again.image);
    assert_ne!(result.image, beside.image);
    let components = request(&names, 50).with_inversion(inversion(Parametrization::Prior, 50));
    assert_ne!(face(components).await.image, result.image);
}

#[tokio::test]
async fn faces_are_changed_in_latents() {
    // Of a single face, the similarity depends on the seed too much.
    const SEEDS: u64 = 10;
    let mut similarity = 0.0;
    for seed in 0..SEEDS {
        // It shows beyond doubt what was asked, and has no texture that the latents cannot hold.
        let mut first = request(&["Male"], 50).with_seed(seed);
        let settings = first.settings.get_or_insert_default();
        let target = settings.target.get_or_insert_default();
        target.likelihood = Some(12.0);
        target.layer = "conv4_3".to_owned();
        let first = face(first).await;
        let change = v1::GenerateRequest {
            from: Some(whole(first)),
            ..request(&["Smiling"], 50)
        };
        let changed = face(change).await;
        assert!(probability(&changed, "Smiling") > 0.5, "{seed}");
        similarity += changed.similarity.unwrap() / SEEDS as f32;
    }
    assert!(similarity > 0.5, "{similarity}");
}

#[tokio::test]
async fn the_target_depends_on_what_variety_is_drawn_in() {
    let target = |parametrization: Parametrization, variety: f64| async move {
        let request = v1::GetTargetRequest {
            attributes: vec![v1::RequestedAttribute::present("Male")],
            target: Some(v1::TargetSettings {
                layer: "conv4_3".to_owned(),
                variety: Some(variety),
                ..Default::default()
            }),
            parametrization: parametrization.into(),
            ..Default::default()
        };
        let reply = shared().generator().get_target(request).await.unwrap();
        reply.target
    };
    let (one, other) = (Parametrization::Prior, Parametrization::Decoder);
    assert_eq!(target(one, 0.0).await, target(other, 0.0).await);
    assert_ne!(target(one, 1.0).await, target(other, 1.0).await);
}

#[tokio::test]
async fn new_faces_and_changed_ones_have_layers_of_their_own() {
    let layer = |parametrization, from: Option<v1::Image>| async move {
        let wish = v1::GenerateRequest {
            from,
            ..request(&["Male"], 1).with_inversion(inversion(parametrization, 1))
        };
        let mut events = shared().generator().generate(wish).await.unwrap();
        let started = events.next().await.unwrap();
        let Some(deepface_client::Event::Started(started)) = started else {
            panic!("expected the settings in force, got {started:?}");
        };
        started.settings.unwrap().target.unwrap().layer
    };
    let first = whole(face(request(&["Male"], 1)).await);
    assert_eq!(layer(Parametrization::Decoder, None).await, "fc6");
    assert_eq!(layer(Parametrization::Prior, None).await, "conv4_3");
    assert_eq!(
        layer(Parametrization::Decoder, Some(first)).await,
        "conv4_3"
    );
}

#[tokio::test]
async fn an_image_is_found_again_in_latents() {
    let first = face(request(&["Senior"], 50)).await;
    let losses = v1::StreamSettings {
        every: Some(1),
        ..Default::default()
    };
    let invert = v1::InvertRequest {
        image: Some(whole(first)),
        inversion: Some(inversion(Parametrization::Decoder, 60)),
        stream: Some(losses),
        ..Default::default()
    };
    let mut events = shared().generator().invert(invert).await.unwrap();
    let mut losses = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        if let deepface_client::Event::Iterate(iterate) = event {
            losses.push(iterate.loss.unwrap().total);
        }
    }
    assert_eq!(losses.len(), 60);
    assert!(losses[59] < 0.5 * losses[0], "{losses:?}");
}
