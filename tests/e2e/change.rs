//! A face that is changed: what is asked for comes, and the rest stays.

use deepface_client::{Code, Event, v1};
use deepface_tests::shared;
use v1::image::Content;

/// In components, and showing what is asked beyond doubt, so that two faces differ.
fn plain() -> v1::GenerationSettings {
    let mut settings = v1::GenerationSettings::default();
    let inversion = settings.inversion.get_or_insert_default();
    inversion.set_parametrization(v1::Parametrization::Prior);
    settings.target.get_or_insert_default().likelihood = Some(12.0);
    settings
}

/// A face that was generated, of the network's own size, as the photograph to change.
async fn photograph() -> Vec<u8> {
    let request = v1::GenerateFaceRequest {
        attributes: v1::GenerateRequest::of(["Male"]).attributes,
        settings: Some(plain()),
        seeds: vec![3],
        ..Default::default()
    };
    let reply = shared().generator().generate_face(request).await.unwrap();
    reply.faces[0].picture.clone()
}

fn change(file: Vec<u8>, strength: f64, steps: i32) -> v1::GenerateRequest {
    let inversion = v1::InversionSettings {
        steps: Some(steps),
        ..Default::default()
    };
    v1::GenerateRequest {
        attributes: vec![v1::RequestedAttribute::present("Smiling").with_strength(strength)],
        from: Some(v1::Image {
            content: Some(Content::Encoded(file)),
            framing: v1::Framing::Face.into(),
            face: None,
        }),
        ..Default::default()
    }
    .with_inversion(inversion)
}

async fn changed(request: v1::GenerateRequest) -> v1::Result {
    let mut events = shared().generator().generate(request).await.unwrap();
    events.result().await.unwrap()
}

fn pixels(image: Option<v1::Image>) -> image::RgbImage {
    let Some(Content::Encoded(png)) = image.and_then(|image| image.content) else {
        panic!("expected a PNG");
    };
    image::load_from_memory(&png).unwrap().into_rgb8()
}

/// Mean difference of two pictures, in levels of 255.
fn apart(one: &image::RgbImage, other: &image::RgbImage) -> f64 {
    let differences = one.iter().zip(other.iter());
    let sum: f64 = differences.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    sum / one.len() as f64
}

#[tokio::test]
async fn what_is_asked_for_comes_and_the_rest_stays() {
    let file = photograph().await;
    let before = image::load_from_memory(&file).unwrap().into_rgb8();
    let result = changed(change(file.clone(), 1.0, 50)).await;
    let smiling = result.attributes.iter().find(|a| a.name == "Smiling");
    let smiling = smiling.unwrap();
    assert!(smiling.change.unwrap() > 1.0, "{smiling:?}");
    assert!(result.similarity.unwrap() > 0.5, "{:?}", result.similarity);
    let far = apart(&pixels(result.image.clone()), &before);
    let other = v1::GenerateRequest {
        settings: Some(plain()),
        ..v1::GenerateRequest::of(["Smiling"])
    };
    let other = changed(other.with_seed(3)).await;
    let others = apart(&pixels(other.image), &before);
    assert!(far < 0.5 * others, "{far} of {others}");
    assert_eq!(other.similarity, None);
    // The same request makes the same face.
    let again = changed(change(file, 1.0, 50)).await;
    assert_eq!(again.image, result.image);
}

#[tokio::test]
async fn a_change_of_nearly_nothing_leaves_the_photograph() {
    let file = photograph().await;
    let before = image::load_from_memory(&file).unwrap().into_rgb8();
    let mut request = change(file, 1e-6, 1);
    let settings = request.settings.get_or_insert_default();
    settings.target.get_or_insert_default().likelihood = Some(0.0);
    let inversion = settings.inversion.get_or_insert_default();
    inversion.learning_rate = Some(1e-6);
    let result = changed(request).await;
    // What the prior cannot show of it is there too.
    let far = apart(&pixels(result.image), &before);
    assert!(far < 0.1, "{far} levels");
    let cosine = result.similarity.unwrap();
    assert!(cosine > 0.999, "{cosine}");
}

#[tokio::test]
async fn changes_are_counted_from_the_photograph() {
    let file = photograph().await;
    let images = vec![v1::Image {
        content: Some(Content::Encoded(file.clone())),
        framing: v1::Framing::Face.into(),
        face: None,
    }];
    let seen = shared().classifier().classify(images).await.unwrap();
    let groups = seen.results[0].groups.iter();
    let seen: Vec<f32> = groups
        .flat_map(|g| g.attributes.iter().map(|a| a.probability))
        .collect();
    let result = changed(change(file, 1.0, 2)).await;
    let reference = result
        .attributes
        .iter()
        .map(|a| a.reference_probability.unwrap());
    assert_eq!(reference.collect::<Vec<_>>(), seen);
}

#[tokio::test]
async fn an_image_without_a_face_is_named() {
    let grey = image::RgbImage::from_pixel(80, 80, image::Rgb([90, 90, 90]));
    let mut request = change(deepface_images::png(&grey).unwrap(), 1.0, 2);
    request.from.as_mut().unwrap().framing = v1::Framing::Detect.into();
    let mut events = shared().generator().generate(request).await.unwrap();
    let refused = loop {
        match events.next().await {
            Ok(Some(Event::Started(_) | Event::Iterate(_))) => {}
            Ok(other) => panic!("expected a refusal, got {other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.violations()[0].field, "from");
}
