//! Detection of generated faces that are pasted into a larger picture.

use deepface_client::{Event, encoded_image, v1};
use deepface_tests::shared;
use image::{Rgb, RgbImage, imageops};
use v1::image::Content;

/// Positions of the pasted faces: left, top and side.
const LARGE: (u32, u32, u32) = (330, 60, 256);
const SMALL: (u32, u32, u32) = (60, 200, 128);

async fn face() -> RgbImage {
    let inversion = v1::InversionSettings {
        steps: Some(30),
        ..Default::default()
    };
    let request = v1::GenerateRequest::of(["Male", "Smiling"]).with_inversion(inversion);
    let mut events = shared().generator().generate(request).await.unwrap();
    let image = events.result().await.unwrap().image.unwrap();
    let Some(Content::Encoded(png)) = image.content else {
        panic!("expected a PNG");
    };
    image::load_from_memory(&png).unwrap().into_rgb8()
}

fn encoded(picture: RgbImage) -> v1::Image {
    encoded_image(deepface_images::png(&picture).unwrap(), v1::Framing::Detect)
}

/// The face at these places, on a plain wall.
async fn photograph(places: &[(u32, u32, u32)]) -> v1::Image {
    let face = face().await;
    let mut picture = RgbImage::from_pixel(640, 400, Rgb([150, 140, 130]));
    for &(left, top, side) in places {
        let face = imageops::resize(&face, side, side, imageops::FilterType::CatmullRom);
        imageops::replace(&mut picture, &face, left.into(), top.into());
    }
    encoded(picture)
}

/// Checks a detected square. A generated face fills its image just as it fills the square.
#[track_caller]
fn assert_at(face: Option<v1::FaceBox>, (left, top, side): (u32, u32, u32)) {
    let face = face.expect("a position");
    assert_eq!(face.width, face.height);
    let off = |a: i32, b: u32| (a - b as i32).abs() as f32 / side as f32;
    let worst = off(face.left, left)
        .max(off(face.top, top))
        .max(off(face.width, side));
    assert!(worst < 0.2, "{face:?} for {left}, {top}, {side}");
}

#[tokio::test]
async fn all_faces_are_classified_largest_first() {
    let images = vec![photograph(&[SMALL, LARGE]).await];
    let client = shared().classifier();
    let results = client.classify(images).await.unwrap().results;
    let [large, small] = &results[..] else {
        panic!("expected 2 faces, got {}", results.len());
    };
    assert_at(large.face, LARGE);
    assert_at(small.face, SMALL);
    // Both are the same face.
    for (large, small) in large.groups.iter().zip(&small.groups) {
        let off = (large.none_probability - small.none_probability).abs();
        assert!(off < 0.3, "{}: {off}", large.group);
    }
    let limits = client.get_model().await.unwrap().limits.unwrap();
    assert!(limits.max_faces_per_image >= 2 && limits.max_faces >= limits.max_faces_per_image);
}

#[tokio::test]
async fn comparison_finds_the_similar_face_and_activations_use_the_largest() {
    let both = photograph(&[SMALL, LARGE]).await;
    let small = photograph(&[SMALL]).await;
    let client = shared().classifier();
    let likeness = client.compare(both.clone(), small).await.unwrap();
    // Of the two faces of the first, the one that is the same picture.
    assert_at(likeness.first_face, SMALL);
    assert_at(likeness.second_face, SMALL);
    assert!(likeness.cosine > 0.8, "{likeness:?}");
    assert_eq!(likeness.pairs.len(), 2);
    assert_at(likeness.pairs[1].first_face, LARGE);
    let request = v1::GetActivationsRequest {
        images: vec![both],
        layers: vec!["fc7".to_owned()],
        data_type: 0,
        ..Default::default()
    };
    let reply = client.get_activations(request).await.unwrap();
    assert_at(reply.faces.get(&0).copied(), LARGE);
}

#[tokio::test]
async fn an_inversion_reports_which_face_it_inverts() {
    let request = |image| v1::InvertRequest {
        image: Some(image),
        inversion: Some(v1::InversionSettings {
            steps: Some(2),
            ..Default::default()
        }),
        ..Default::default()
    };
    let client = shared().generator();
    let image = photograph(&[SMALL, LARGE]).await;
    let mut events = client.invert(request(image)).await.unwrap();
    let Some(Event::Started(started)) = events.next().await.unwrap() else {
        panic!("expected the start first");
    };
    assert_at(started.face, LARGE);
    events.result().await.unwrap();

    let blank = photograph(&[]).await;
    let refused = async { client.invert(request(blank)).await?.result().await };
    let error = refused.await.unwrap_err();
    let violations = error.violations();
    assert!(
        violations[0].field == "image" && violations[0].description.contains("no face was found"),
        "{error}"
    );
}
