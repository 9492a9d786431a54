//! Requests that are wrong are refused by field, and the service goes on.

use super::*;

fn f32s(shape: &[i64], data: &[f32]) -> v1::Tensor {
    v1::Tensor {
        data_type: DataType::F32.into(),
        shape: shape.to_vec(),
        data: data.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

fn with_framing(framing: i32) -> v1::Image {
    v1::Image {
        framing,
        ..face_image(1)
    }
}

#[tokio::test]
async fn bad_images_are_named() {
    let mut s = service(Limits::default()).await;
    let file = png(&picture(1, 20));
    let huge = image::RgbImage::new(65536, 1);
    let plain = v1::Framing::Unspecified;
    let one = f32s(&[3, 1, 1], &[0.1, 0.2, 0.3]);
    let mut unknown_type = one.clone();
    unknown_type.data_type = 9;
    let cases = [
        (v1::Image::default(), "", "`encoded` or `tensor`"),
        (
            encoded(b"GIF89a".to_vec(), plain),
            ".encoded",
            "the GIF file is cut short",
        ),
        (
            encoded(file[..90].to_vec(), plain),
            ".encoded",
            "the PNG file is cut short",
        ),
        (encoded(Vec::new(), plain), ".encoded", "an empty file"),
        (encoded(png(&huge), plain), ".encoded", "65535"),
        (
            encoded(vec![0; (24 << 20) + 1], plain),
            ".encoded",
            "25165825 bytes",
        ),
        (with_framing(7), ".framing", "unknown value 7"),
        (tensor_image(unknown_type), ".tensor.data_type", "got 9"),
        (
            tensor_image(f32s(&[1, 1, 3], &[0.0; 3])),
            ".tensor.shape",
            "[3, height, width]",
        ),
        (
            tensor_image(f32s(&[3, 0, 1], &[])),
            ".tensor.shape",
            "at least 1",
        ),
        (
            tensor_image(f32s(&[3, 1, 4097], &[0.0; 3 * 4097])),
            ".tensor.shape",
            "4096",
        ),
        (
            tensor_image(f32s(&[3, i64::MAX, i64::MAX], &[0.0])),
            ".tensor.data",
            "takes",
        ),
        (
            tensor_image(f32s(&[3, 1, 2], &[0.0; 5])),
            ".tensor.data",
            "24 bytes, got 20",
        ),
        (
            tensor_image(f32s(&[3, 1, 1], &[0.0, f32::NAN, 0.0])),
            ".tensor.data",
            "NaN",
        ),
        (
            tensor_image(f32s(&[3, 1, 1], &[0.0, 0.5, 255.0])),
            ".tensor.data",
            "element 2 is 255",
        ),
    ];
    for (image, field, says) in cases {
        let images = vec![tensor_image(one.clone()), image.clone()];
        let request = v1::ClassifyRequest {
            images,
            ..Default::default()
        };
        let results = s
            .client
            .classify(request)
            .await
            .unwrap()
            .into_inner()
            .results;
        assert_eq!((results.len(), results[1].image), (2, 1));
        assert!(!results[0].groups.is_empty() && results[0].error.is_none());
        let status = of_item(results[1].error.as_ref());
        assert_violation(&status, &format!("images[1]{field}"), says);
        let alone = v1::ClassifyRequest {
            images: vec![image.clone()],
            ..Default::default()
        };
        let status = s.client.classify(alone).await.unwrap_err();
        assert_violation(&status, &format!("images[0]{field}"), says);
        let request = v1::CompareRequest {
            first: Some(face_image(1)),
            second: Some(image),
            ..Default::default()
        };
        let status = s.client.compare(request).await.unwrap_err();
        assert_violation(&status, &format!("second{field}"), says);
    }
    let request = v1::CompareRequest::default();
    let status = s.client.compare(request).await.unwrap_err();
    assert_violation(&status, "first", "got neither");
    assert_violation(&status, "second", "got neither");
    let images = vec![face_image(1)];
    s.client
        .classify(v1::ClassifyRequest {
            images,
            ..Default::default()
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn bad_lists_are_named() {
    let mut s = service(Limits::default()).await;
    for n in [0, 65] {
        let images = vec![v1::Image::default(); n];
        let status = s
            .client
            .classify(v1::ClassifyRequest {
                images,
                ..Default::default()
            })
            .await
            .unwrap_err();
        assert_violation(&status, "images", &format!("1 to 64 images, got {n}"));
    }
    let good = v1::GetActivationsRequest {
        images: vec![face_image(1)],
        layers: vec!["fc7".into()],
        data_type: DataType::F32.into(),
        ..Default::default()
    };
    let layers = |names: &[&str]| v1::GetActivationsRequest {
        layers: names.iter().map(|&n| n.to_owned()).collect(),
        ..good.clone()
    };
    let typed = |data_type| v1::GetActivationsRequest {
        data_type,
        ..good.clone()
    };
    let cases = [
        (layers(&[]), "layers", "at least 1 layer"),
        (
            layers(&["fc7", "conv1-1"]),
            "layers[1]",
            "did you mean conv1_1",
        ),
        (layers(&["fc7", "fc6", "fc7"]), "layers[2]", "repeated"),
        (layers(&[""; 1000]), "layers", "got 1000"),
        (typed(DataType::U8.into()), "data_type", "got DATA_TYPE_U8"),
        (typed(77), "data_type", "unknown value 77"),
    ];
    for (request, field, says) in cases {
        let status = s.client.get_activations(request).await.unwrap_err();
        assert_violation(&status, field, says);
    }
    s.client.get_activations(good).await.unwrap();
}

#[tokio::test]
async fn a_reply_that_would_be_too_large_is_refused_before_it_is_computed() {
    let limits = Limits {
        response_bytes: 256 << 10,
        ..Limits::default()
    };
    let mut s = service(limits).await;
    let ask = |n, data_type: DataType| v1::GetActivationsRequest {
        images: (0..n).map(face_image).collect(),
        layers: vec!["conv1_1".into()],
        data_type: data_type.into(),
        ..Default::default()
    };
    // 64 KiB an image.
    let status = s
        .client
        .get_activations(ask(4, DataType::F32))
        .await
        .unwrap_err();
    assert_violation(&status, "layers", "more than the limit of 262144");
    s.client
        .get_activations(ask(3, DataType::F32))
        .await
        .unwrap();
    s.client
        .get_activations(ask(4, DataType::F16))
        .await
        .unwrap();
}
