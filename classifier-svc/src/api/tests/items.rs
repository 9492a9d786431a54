//! Every item of a request has its own answer, and every answer says what its reader should know.

use deepface_images::ImageLimits;
use deepface_proto::v1::WarningKind;
use image::imageops;

use super::detect::{classify, kinds, photograph, row};
use super::*;

async fn activations(
    s: &mut Service,
    request: v1::GetActivationsRequest,
) -> v1::GetActivationsResponse {
    let request = v1::GetActivationsRequest {
        layers: vec!["fc7".into()],
        ..request
    };
    s.client
        .get_activations(request)
        .await
        .unwrap()
        .into_inner()
}

fn fc7(reply: &v1::GetActivationsResponse) -> Array {
    Array::try_from(reply.activations[0].tensor.as_ref().unwrap()).unwrap()
}

#[tokio::test]
async fn a_bad_image_has_no_row_and_its_own_error() {
    let mut s = service(Limits::default()).await;
    let images = vec![
        face_image(1),
        encoded(b"not an image".to_vec(), v1::Framing::Face),
        face_image(2),
    ];
    let request = v1::GetActivationsRequest {
        images,
        ..Default::default()
    };
    let reply = activations(&mut s, request).await;
    let rows: Vec<_> = reply.rows.iter().map(|row| row.image).collect();
    assert_eq!((rows, reply.errors.len()), (vec![0, 2], 1));
    assert_eq!(reply.errors[0].image, 1);
    let status = of_item(reply.errors[0].status.as_ref());
    assert_violation(&status, "images[1].encoded", "");
    let request = v1::GetActivationsRequest {
        images: vec![face_image(1), face_image(2)],
        ..Default::default()
    };
    assert_eq!(fc7(&reply), fc7(&activations(&mut s, request).await));
}

#[tokio::test]
async fn a_face_is_chosen_by_its_number() {
    let mut s = service(Limits::default()).await;
    let both = photograph(&row(&[90, 180]));
    let all = classify(&mut s, vec![both.clone()]).await.unwrap().results;
    for (i, expected) in all.iter().enumerate() {
        let one = v1::Image {
            face: Some(i as i32),
            ..both.clone()
        };
        let results = classify(&mut s, vec![one]).await.unwrap().results;
        assert_eq!(results[..], *std::slice::from_ref(expected));
    }
    let framed = encoded(png(&row(&[90])), v1::Framing::Face);
    for (image, face, says) in [
        (&both, 2, "only 2 faces"),
        (&both, -1, "-1"),
        (&framed, 0, "FRAMING_DETECT"),
    ] {
        let image = v1::Image {
            face: Some(face),
            ..image.clone()
        };
        let status = classify(&mut s, vec![image]).await.unwrap_err();
        assert_violation(&status, "images[0].face", says);
    }
}

#[tokio::test]
async fn activations_of_every_face_have_a_row_each() {
    // Three faces at a time, though seven have a row.
    let limits = Limits {
        images: 3,
        ..Limits::default()
    };
    let mut s = service(limits).await;
    let four = photograph(&row(&[90, 180, 110, 130]));
    let images = vec![four.clone(), face_image(3), photograph(&row(&[150, 100]))];
    let request = v1::GetActivationsRequest {
        images,
        all_faces: true,
        ..Default::default()
    };
    let reply = activations(&mut s, request).await;
    let rows: Vec<_> = reply.rows.iter().map(|row| row.image).collect();
    assert_eq!(rows, [0, 0, 0, 0, 1, 2, 2]);
    let all = fc7(&reply);
    let features = all.shape[1];
    assert_eq!(all.shape[0], 7);
    assert_eq!(reply.faces[&0], reply.rows[0].face.unwrap());
    for face in 0..4 {
        let image = v1::Image {
            face: Some(face),
            ..four.clone()
        };
        let request = v1::GetActivationsRequest {
            images: vec![image],
            ..Default::default()
        };
        let alone = fc7(&activations(&mut s, request).await);
        let row = &all.data[face as usize * features..][..features];
        assert_eq!(row, alone.data);
    }
}

#[tokio::test]
async fn the_most_similar_pair_of_two_groups_is_found() {
    let mut s = service(Limits::default()).await;
    let mut group = row(&[90, 180, 120]);
    // The others are mirrored, so that only the first is the person.
    let person = imageops::crop_imm(&group, 0, 0, 110, 110).to_image();
    let (width, height) = group.dimensions();
    let others = imageops::crop_imm(&group, 110, 0, width - 110, height).to_image();
    imageops::replace(&mut group, &imageops::flip_horizontal(&others), 110, 0);
    let request = |second| v1::CompareRequest {
        first: Some(photograph(&group)),
        second: Some(second),
        ..Default::default()
    };
    let reply = s
        .client
        .compare(request(photograph(&person)))
        .await
        .unwrap()
        .into_inner();
    let best = &reply.pairs[0];
    assert_eq!(
        (reply.first_face, reply.cosine),
        (best.first_face, best.cosine)
    );
    assert!(
        reply.pairs.is_sorted_by(|a, b| a.cosine >= b.cosine),
        "{:?}",
        reply.pairs
    );
    assert!(
        reply.first_face.unwrap().left < 60,
        "{:?}",
        reply.first_face
    );
    assert!(best.cosine > reply.pairs[1].cosine, "{:?}", reply.pairs);
    assert_eq!(
        reply.pairs.len(),
        reply.pairs.iter().map(|pair| pair.first).max().unwrap() as usize + 1
    );
}

#[tokio::test]
async fn embeddings_stand_for_images() {
    let mut s = service(Limits::default()).await;
    let request = v1::GetActivationsRequest {
        images: vec![face_image(1), face_image(2), face_image(3)],
        ..Default::default()
    };
    let tensor = activations(&mut s, request).await.activations[0]
        .tensor
        .clone();
    let model = s
        .client
        .get_model(v1::GetModelRequest::default())
        .await
        .unwrap()
        .into_inner();
    let digest = model.model.unwrap().digest;
    let by_images = v1::CompareRequest {
        first: Some(face_image(2)),
        second: Some(face_image(4)),
        ..Default::default()
    };
    let by_images = s.client.compare(by_images).await.unwrap().into_inner();
    let request = v1::CompareRequest {
        first_embeddings: tensor.clone(),
        second: Some(face_image(4)),
        embeddings_digest: digest,
        ..Default::default()
    };
    let reply = s
        .client
        .compare(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reply.pairs.len(), 3);
    let second = reply.pairs.iter().find(|pair| pair.first == 1).unwrap();
    assert_eq!(second.cosine, by_images.cosine);
    let alone = v1::CompareRequest {
        first_embeddings: tensor.clone(),
        second_embeddings: tensor,
        ..Default::default()
    };
    let alone = s.client.compare(alone).await.unwrap().into_inner();
    assert_eq!((alone.pairs.len(), alone.cosine), (9, 1.0));
    let other = v1::CompareRequest {
        embeddings_digest: "0".repeat(64),
        ..request.clone()
    };
    let status = s.client.compare(other).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
    let both = v1::CompareRequest {
        first: Some(face_image(1)),
        ..request.clone()
    };
    let status = s.client.compare(both).await.unwrap_err();
    assert_violation(&status, "first_embeddings", "got both");
    for shape in [vec![7], vec![0, 7], vec![1, 1, 7]] {
        let n: i64 = shape.iter().product();
        let wrong = v1::CompareRequest {
            first_embeddings: Some(v1::Tensor {
                data_type: DataType::F32.into(),
                shape,
                data: vec![0; 4 * n as usize],
            }),
            ..request.clone()
        };
        let status = s.client.compare(wrong).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(
            status
                .message()
                .starts_with("first_embeddings.shape: expected"),
            "{status}"
        );
    }
}

#[tokio::test]
async fn an_answer_about_something_else_than_a_face_says_so() {
    let mut s = service(Limits::default()).await;
    let face = row(&[220]);
    let aligned = imageops::resize(&face, 250, 250, imageops::FilterType::Triangle);
    let blank = image::RgbImage::from_pixel(250, 250, image::Rgb([150; 3]));
    let wide = imageops::resize(&blank, 250, 200, imageops::FilterType::Triangle);
    let tiny = imageops::resize(&blank, 20, 20, imageops::FilterType::Triangle);
    let cases: [(_, _, &[WarningKind]); 5] = [
        (&aligned, v1::Framing::Face, &[]),
        (&blank, v1::Framing::Aligned, &[WarningKind::NoFace]),
        (
            &wide,
            v1::Framing::Aligned,
            &[WarningKind::NoFace, WarningKind::NotSquare],
        ),
        (
            &tiny,
            v1::Framing::Face,
            &[WarningKind::NoFace, WarningKind::Small],
        ),
        (&aligned, v1::Framing::Detect, &[]),
    ];
    for (picture, framing, expected) in cases {
        let image = encoded(png(picture), framing);
        let results = classify(&mut s, vec![image.clone()]).await.unwrap().results;
        assert_eq!(kinds(&results[0].warnings), expected, "{framing:?}");
        let request = v1::GetActivationsRequest {
            images: vec![image.clone()],
            ..Default::default()
        };
        let reply = activations(&mut s, request).await;
        assert_eq!(kinds(&reply.rows[0].warnings), expected, "{framing:?}");
        let request = v1::CompareRequest {
            first: Some(face_image(1)),
            second: Some(image.clone()),
            ..Default::default()
        };
        let reply = s.client.compare(request).await.unwrap().into_inner();
        assert_eq!(kinds(&reply.second_warnings), expected, "{framing:?}");
        let request = v1::ClassifyRequest {
            images: vec![image],
            skip_face_check: true,
            ..Default::default()
        };
        let reply = s.client.classify(request).await.unwrap().into_inner();
        assert!(!kinds(&reply.results[0].warnings).contains(&WarningKind::NoFace));
    }
}

#[tokio::test]
async fn images_beyond_the_pixels_of_a_request_have_their_own_error() {
    let limits = Limits {
        request_pixels: 1000,
        image: ImageLimits {
            pixels: 500,
            ..ImageLimits::default()
        },
        ..Limits::default()
    };
    let mut s = service(limits).await;
    let small = encoded(png(&picture(1, 20)), v1::Framing::Face);
    let images = vec![small.clone(); 3];
    let results = classify(&mut s, images).await.unwrap().results;
    assert!(results[0].error.is_none() && results[1].error.is_none());
    let status = of_item(results[2].error.as_ref());
    assert_violation(&status, "images[2].encoded", "at most 1000 pixels");
    // What is too large alone is refused for itself, and leaves the others their room.
    let large = encoded(png(&picture(1, 30)), v1::Framing::Face);
    let images = vec![large, small.clone(), small];
    let results = classify(&mut s, images).await.unwrap().results;
    let status = of_item(results[0].error.as_ref());
    assert_violation(&status, "images[0].encoded", "30x30");
    assert!(results[1].error.is_none() && results[2].error.is_none());
    let model = s
        .client
        .get_model(v1::GetModelRequest::default())
        .await
        .unwrap();
    assert_eq!(model.into_inner().limits.unwrap().max_request_pixels, 1000);
}
