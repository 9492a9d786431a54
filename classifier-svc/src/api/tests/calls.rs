//! The unary calls.

use deepface_attributes::Schema;
use deepface_images::{Framing, face_pixels};

use super::*;
use crate::service::{self, ModelSource, ServiceError};
use crate::settings::Settings;

#[tokio::test]
async fn the_model_is_described_whole() {
    let mut s = service(Limits::default()).await;
    let reply = s
        .client
        .get_model(v1::GetModelRequest::default())
        .await
        .unwrap()
        .into_inner();
    let (model, limits) = (reply.model.unwrap(), reply.limits.unwrap());
    assert_eq!(model.name, "vgg-face-tiny");
    assert_eq!(model.input_size as usize, SIDE);
    assert_eq!(model.digest.len(), 64);
    let names: Vec<_> = model.layers.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names.len(), 21);
    assert_eq!((names[0], names[20]), ("conv1_1", "heads"));
    assert_eq!(model.layers[0].shape, [16, 32, 32]);
    assert_eq!(model.groups.len(), Schema::default().groups().len());
    assert_eq!(
        model
            .groups
            .iter()
            .map(|g| g.attributes.len())
            .sum::<usize>(),
        73
    );
    assert_eq!(limits.max_images, 64);
    assert_eq!(limits.max_response_bytes, 64 << 20);
}

#[tokio::test]
async fn a_picture_is_the_same_as_file_and_as_tensor() {
    let mut s = service(Limits::default()).await;
    let picture = picture(1, 250);
    let face = face_pixels(&picture, Framing::Aligned, SIDE);
    let face = Array::new(vec![3, SIDE, SIDE], face).unwrap();
    let planes = |c: usize| picture.pixels().map(move |p| p.0[c]);
    let whole = v1::Tensor {
        data_type: DataType::U8.into(),
        shape: vec![3, 250, 250],
        data: (0..3).flat_map(planes).collect(),
    };
    let mut aligned = tensor_image(whole);
    aligned.framing = v1::Framing::Aligned.into();
    let images = vec![
        encoded(png(&picture), v1::Framing::Unspecified),
        tensor_image(face.to_tensor(DataType::F32)),
        aligned,
        encoded(png(&picture), v1::Framing::Face),
    ];
    let reply = s
        .client
        .classify(v1::ClassifyRequest {
            images,
            ..Default::default()
        })
        .await
        .unwrap()
        .into_inner();
    let [file, tensor, aligned, other] = &reply.results[..] else {
        panic!("expected 4 results")
    };
    assert_eq!(file.groups, tensor.groups);
    assert_eq!(file.groups, aligned.groups);
    assert_ne!(file.groups, other.groups);
    for (i, result) in reply.results.iter().enumerate() {
        assert_eq!((result.image, result.face), (i as i32, None));
    }
    for (scores, group) in file.groups.iter().zip(Schema::default().groups()) {
        assert_eq!(scores.group, group.name);
        let names: Vec<_> = scores.attributes.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, group.attributes);
        let sum: f32 = scores.attributes.iter().map(|a| a.probability).sum();
        assert!((sum + scores.none_probability - 1.0).abs() < 1e-5);
        for score in &scores.attributes {
            assert_eq!(score.present, score.probability > 0.5);
        }
    }
    assert!(reply.timing.unwrap().compute_us > 0);
}

#[tokio::test]
async fn many_images_and_layers_are_each_alone() {
    let mut s = service(Limits::default()).await;
    let layers = vec!["fc7".to_owned(), "pool1".into(), "heads".into()];
    let ask = |images| v1::GetActivationsRequest {
        images,
        layers: layers.clone(),
        data_type: DataType::Unspecified.into(),
        ..Default::default()
    };
    // More than a batch.
    let images: Vec<_> = (0..6).map(face_image).collect();
    let all = s
        .client
        .get_activations(ask(images.clone()))
        .await
        .unwrap()
        .into_inner();
    let shapes = all
        .activations
        .iter()
        .map(|a| a.tensor.as_ref().unwrap().shape.clone());
    let shapes = shapes.collect::<Vec<_>>();
    assert_eq!(shapes, [vec![6, 32], vec![6, 16, 16, 16], vec![6, 115]]);
    for (i, image) in images.into_iter().enumerate() {
        let one = s
            .client
            .get_activations(ask(vec![image]))
            .await
            .unwrap()
            .into_inner();
        for (all, one) in all.activations.iter().zip(&one.activations) {
            assert_eq!(all.layer, one.layer);
            let (all, one) = (all.tensor.as_ref().unwrap(), one.tensor.as_ref().unwrap());
            let n = one.data.len();
            assert_eq!(one.data, all.data[i * n..][..n]);
        }
    }
    let mut half = ask(vec![face_image(0)]);
    half.data_type = DataType::F16.into();
    let half = s.client.get_activations(half).await.unwrap().into_inner();
    let half = half.activations[0].tensor.as_ref().unwrap();
    assert_eq!((half.data_type(), half.data.len()), (DataType::F16, 64));
}

#[tokio::test]
async fn a_face_is_entirely_like_itself() {
    let mut s = service(Limits::default()).await;
    let mut compare = async |a, b| {
        let request = v1::CompareRequest {
            first: Some(face_image(a)),
            second: Some(face_image(b)),
            ..Default::default()
        };
        s.client.compare(request).await.unwrap().into_inner()
    };
    let same = compare(1, 1).await;
    assert_eq!((same.similarity_percent, same.cosine), (100.0, 1.0));
    let other = compare(1, 2).await;
    assert!(other.cosine < 1.0);
    assert_eq!(
        other,
        v1::CompareResponse {
            timing: other.timing,
            ..compare(2, 1).await
        }
    );
}

#[tokio::test]
async fn the_service_is_healthy_once_it_can_answer_and_ends_when_told() {
    let settings = Settings::default();
    let listener = settings.serve.bind(0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        let model = ModelSource::Bytes(WEIGHTS.clone());
        let shutdown = async { drop(stopped.await) };
        service::serve(listener, model, &settings, shutdown).await
    });
    deepface_serve::wait_until_serving(address, SERVICE_NAME, SOON)
        .await
        .unwrap();
    let mut client = Client::connect(format!("http://{address}")).await.unwrap();
    client
        .get_model(v1::GetModelRequest::default())
        .await
        .unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(SOON, running)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_damaged_model_ends_the_service_with_the_reason() {
    let settings = Settings::default();
    for (model, says) in [
        (
            ModelSource::Bytes(WEIGHTS[..WEIGHTS.len() / 2].into()),
            "safetensors",
        ),
        (ModelSource::File("/nowhere/model".into()), "/nowhere/model"),
    ] {
        let listener = settings.serve.bind(0).await.unwrap();
        let never = std::future::pending();
        let served = service::serve(listener, model, &settings, never);
        let error = tokio::time::timeout(SOON, served)
            .await
            .unwrap()
            .unwrap_err();
        assert!(
            matches!(&error, ServiceError::Model(why) if why.contains(says)),
            "{error}"
        );
    }
}
