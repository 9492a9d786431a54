//! Photographs in which the faces have to be found.

use deepface_images::{Square, square_pixels};
use deepface_proto::v1::WarningKind;
use image::imageops;

use super::*;

/// A face that the generator made.
const FACE: &[u8] = include_bytes!("../../../detect/testdata/face.png");

/// Faces of these sizes, in a row.
pub(super) fn row(sides: &[u32]) -> image::RgbImage {
    let face = image::load_from_memory(FACE).unwrap().into_rgb8();
    let (width, height) = (
        sides.iter().map(|s| s + 20).sum(),
        sides.iter().max().unwrap() + 20,
    );
    let mut photograph = image::RgbImage::from_pixel(width, height, image::Rgb([150; 3]));
    let mut left = 10;
    for &side in sides {
        let face = imageops::resize(&face, side, side, imageops::FilterType::Triangle);
        imageops::replace(&mut photograph, &face, left, 10);
        left += i64::from(side) + 20;
    }
    photograph
}

pub(super) fn photograph(picture: &image::RgbImage) -> v1::Image {
    encoded(png(picture), v1::Framing::Detect)
}

pub(super) async fn classify(
    s: &mut Service,
    images: Vec<v1::Image>,
) -> Result<v1::ClassifyResponse, Status> {
    let reply = s
        .client
        .classify(v1::ClassifyRequest {
            images,
            ..Default::default()
        })
        .await;
    reply.map(tonic::Response::into_inner)
}

/// The kinds of warnings.
pub(super) fn kinds(warnings: &[v1::Warning]) -> Vec<WarningKind> {
    warnings.iter().map(v1::Warning::kind).collect()
}

/// What the square of a face looks like to those who cut it out themselves.
fn cut_out(picture: &image::RgbImage, face: &v1::FaceBox) -> v1::Image {
    let square = Square {
        left: face.left,
        top: face.top,
        side: face.width as u32,
    };
    let pixels = square_pixels(picture, square, SIDE);
    tensor_image(
        Array::new(vec![3, SIDE, SIDE], pixels)
            .unwrap()
            .to_tensor(DataType::F32),
    )
}

#[tokio::test]
async fn every_face_of_every_image_has_a_result() {
    let mut s = service(Limits::default()).await;
    let both = row(&[90, 180]);
    let images = vec![photograph(&both), face_image(5), photograph(&row(&[120]))];
    let results = classify(&mut s, images).await.unwrap().results;
    let images: Vec<_> = results.iter().map(|r| r.image).collect();
    assert_eq!(images, [0, 0, 1, 2]);
    let places: Vec<_> = results.iter().map(|r| r.face.map(|f| f.width)).collect();
    let [Some(first), Some(second), None, Some(_)] = places[..] else {
        panic!("expected a place for each face that was found, got {places:?}")
    };
    assert!(first > 150 && (70..110).contains(&second), "{places:?}");
    for result in &results[..2] {
        let image = cut_out(&both, &result.face.unwrap());
        let alone = classify(&mut s, vec![image]).await.unwrap();
        assert_eq!(alone.results[0].groups, result.groups);
    }
}

#[tokio::test]
async fn the_largest_face_counts_where_one_is_wanted() {
    let mut s = service(Limits::default()).await;
    let both = row(&[90, 180]);
    let images = vec![face_image(5), photograph(&both)];
    let request = v1::GetActivationsRequest {
        images,
        layers: vec!["fc7".into()],
        data_type: DataType::F32.into(),
        ..Default::default()
    };
    let reply = s.client.get_activations(request).await.unwrap();
    let faces = reply.into_inner().faces;
    assert_eq!(faces.keys().collect::<Vec<_>>(), [&1]);
    let face = faces[&1];
    assert!(face.left > 100 && face.width > 150, "{face:?}");
    let request = v1::CompareRequest {
        first: Some(photograph(&both)),
        second: Some(cut_out(&both, &face)),
        ..Default::default()
    };
    let reply = s.client.compare(request).await.unwrap().into_inner();
    assert_eq!((reply.first_face, reply.second_face), (Some(face), None));
    assert_eq!(reply.cosine, 1.0);
}

#[tokio::test]
async fn an_image_without_a_face_is_named() {
    let mut s = service(Limits::default()).await;
    let blank = image::RgbImage::from_pixel(1280, 700, image::Rgb([150; 3]));
    let images = vec![photograph(&row(&[120])), photograph(&blank)];
    let results = classify(&mut s, images).await.unwrap().results;
    assert!(results[0].face.is_some());
    let status = of_item(results[1].error.as_ref());
    assert_violation(&status, "images[1]", "no face was found in 1280x700 pixels");
    assert_violation(&status, "images[1]", "at least 40 pixels");
    assert_violation(&status, "images[1]", "FRAMING_FACE");
    let request = v1::CompareRequest {
        first: Some(face_image(1)),
        second: Some(photograph(&blank)),
        ..Default::default()
    };
    let status = s.client.compare(request).await.unwrap_err();
    assert_violation(&status, "second", "no face");
}

#[tokio::test]
async fn there_may_be_more_faces_than_images_are_computed_at_once() {
    let limits = Limits {
        images: 2,
        faces_per_image: 4,
        faces: 7,
        ..Limits::default()
    };
    let mut s = service(limits).await;
    let (four, five) = (row(&[80, 90, 100, 110]), row(&[70, 80, 90, 100, 110]));
    let images = vec![photograph(&row(&[90, 80, 70])), photograph(&five)];
    let results = classify(&mut s, images).await.unwrap().results;
    let images: Vec<_> = results.iter().map(|r| r.image).collect();
    assert_eq!(
        images,
        [0, 0, 0, 1, 1, 1, 1],
        "the smallest of five is left out"
    );
    assert_eq!((results[0].faces_found, results[3].faces_found), (3, 5));
    assert_eq!(kinds(&results[0].warnings), []);
    assert_eq!(kinds(&results[3].warnings), [WarningKind::FacesOmitted]);
    let alone = classify(&mut s, vec![photograph(&five)]).await.unwrap();
    for (together, alone) in results[3..].iter().zip(&alone.results) {
        assert_eq!(
            (together.face, &together.groups),
            (alone.face, &alone.groups)
        );
    }
    let images = vec![photograph(&four), photograph(&four)];
    let results = classify(&mut s, images).await.unwrap().results;
    assert_eq!(results.len(), 5);
    let status = of_item(results[4].error.as_ref());
    assert_violation(&status, "images[1]", "at most 7 faces in all");
}
