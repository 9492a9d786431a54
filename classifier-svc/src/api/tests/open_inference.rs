//! The Open Inference Protocol gives what our own contract gives.

use deepface_proto::inference::infer_parameter::ParameterChoice;
use deepface_proto::inference::model_infer_request::{
    InferInputTensor, InferRequestedOutputTensor,
};
use deepface_proto::inference::{
    InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse,
    ModelMetadataRequest, ModelReadyRequest,
};

use super::streams::{Stream, setup, step};
use super::*;

/// Bytes of f32, little-endian.
fn raw(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (values, rest) = bytes.as_chunks();
    assert!(rest.is_empty());
    values.iter().map(|&b| f32::from_le_bytes(b)).collect()
}

/// An input of these sizes, whose elements are raw.
fn input(name: &str, datatype: &str, shape: &[usize]) -> InferInputTensor {
    InferInputTensor {
        name: name.into(),
        datatype: datatype.into(),
        shape: shape.iter().map(|&d| d as i64).collect(),
        ..Default::default()
    }
}

fn outputs(names: &[&str]) -> Vec<InferRequestedOutputTensor> {
    let output = |name: &&str| InferRequestedOutputTensor {
        name: (*name).into(),
        ..Default::default()
    };
    names.iter().map(output).collect()
}

fn two_faces() -> (Vec<v1::Image>, Vec<f32>) {
    let faces = [face(1), face(2)];
    let images = faces
        .iter()
        .map(|f| tensor_image(f.to_tensor(DataType::F32)));
    (
        images.collect(),
        faces.iter().flat_map(|f| f.data.clone()).collect(),
    )
}

fn of_two_faces(names: &[&str]) -> ModelInferRequest {
    ModelInferRequest {
        model_name: "vgg".into(),
        id: "mine".into(),
        inputs: vec![input("image", "FP32", &[2, 3, SIDE, SIDE])],
        outputs: outputs(names),
        raw_input_contents: vec![raw(&two_faces().1)],
        ..Default::default()
    }
}

async fn infer(s: &mut Service, request: ModelInferRequest) -> ModelInferResponse {
    s.inference.model_infer(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn outputs_are_those_of_our_own_contract() {
    let mut s = service(Limits::default()).await;
    let reply = infer(
        &mut s,
        of_two_faces(&["fc7", "probabilities", "present", "attributes"]),
    )
    .await;
    assert_eq!(reply.id, "mine");
    let (images, _) = two_faces();
    let request = v1::ClassifyRequest {
        images: images.clone(),
        ..Default::default()
    };
    let classified = s.client.classify(request).await.unwrap().into_inner();
    assert_eq!(reply.model_version, classified.model_digest);
    let scores = classified.results.iter().flat_map(|r| &r.groups);
    let scores: Vec<_> = scores.flat_map(|g| &g.attributes).collect();
    let request = v1::GetActivationsRequest {
        images,
        layers: vec!["fc7".into()],
        ..Default::default()
    };
    let activations = s
        .client
        .get_activations(request)
        .await
        .unwrap()
        .into_inner();
    let fc7 = activations.activations[0].tensor.clone().unwrap();
    let [one, probabilities, present, names] = &reply.raw_output_contents[..] else {
        panic!(
            "expected four outputs, got {}",
            reply.raw_output_contents.len()
        );
    };
    assert_eq!(*one, fc7.data);
    assert_eq!(reply.outputs[0].shape, fc7.shape);
    let expected: Vec<f32> = scores.iter().map(|s| s.probability).collect();
    assert_eq!(floats(probabilities), expected);
    let attributes = (expected.len() / 2) as i64;
    assert_eq!(reply.outputs[1].shape, [2, attributes]);
    let expected: Vec<u8> = scores.iter().map(|s| s.present.into()).collect();
    assert_eq!(*present, expected);
    let first = &scores[0].name;
    assert_eq!(names[..4], (first.len() as u32).to_le_bytes());
    assert_eq!(&names[4..4 + first.len()], first.as_bytes());
}

#[tokio::test]
async fn typed_contents_come_back_typed() {
    let mut s = service(Limits::default()).await;
    let bytes: Vec<u32> = (0..3 * SIDE * SIDE).map(|i| (i * 7 % 256) as u32).collect();
    let image = |contents| InferInputTensor {
        contents: Some(contents),
        ..input("image", "UINT8", &[1, 3, SIDE, SIDE])
    };
    let request = ModelInferRequest {
        model_name: "vgg".into(),
        inputs: vec![image(InferTensorContents {
            uint_contents: bytes.clone(),
            ..Default::default()
        })],
        ..Default::default()
    };
    let reply = infer(&mut s, request).await;
    assert!(reply.raw_output_contents.is_empty());
    let names: Vec<_> = reply.outputs.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["probabilities", "present", "attributes"]);
    let typed = reply.outputs[0].contents.clone().unwrap().fp32_contents;
    let pixels: Vec<f32> = bytes.iter().map(|&b| b as f32 / 255.0).collect();
    let request = ModelInferRequest {
        inputs: vec![input("image", "FP32", &[1, 3, SIDE, SIDE])],
        raw_input_contents: vec![raw(&pixels)],
        ..of_two_faces(&["probabilities"])
    };
    let reply = infer(&mut s, request).await;
    assert_eq!(floats(&reply.raw_output_contents[0]), typed);
}

#[tokio::test]
async fn photographs_come_as_files() {
    let mut s = service(Limits::default()).await;
    let file = png(&picture(3, 100));
    let framed = |framing: &str| {
        let framing = InferParameter {
            parameter_choice: Some(ParameterChoice::StringParam(framing.into())),
        };
        ModelInferRequest {
            inputs: vec![InferInputTensor {
                parameters: [("framing".to_owned(), framing)].into(),
                ..input("image", "BYTES", &[1])
            }],
            raw_input_contents: vec![[&(file.len() as u32).to_le_bytes()[..], &file].concat()],
            ..of_two_faces(&["fc7"])
        }
    };
    let reply = infer(&mut s, framed("FRAMING_FACE")).await;
    let request = v1::GetActivationsRequest {
        images: vec![encoded(file.clone(), v1::Framing::Face)],
        layers: vec!["fc7".into()],
        ..Default::default()
    };
    let own = s
        .client
        .get_activations(request)
        .await
        .unwrap()
        .into_inner();
    let own = own.activations[0].tensor.clone().unwrap();
    assert_eq!(reply.raw_output_contents[0], own.data);
    // Many clients can set parameters of the request only.
    let of_request = |framing: &str| {
        let mut request = framed(framing);
        request.parameters = std::mem::take(&mut request.inputs[0].parameters);
        request
    };
    let same = infer(&mut s, of_request("FRAMING_FACE")).await;
    assert_eq!(same.raw_output_contents[0], own.data);
    let mut both = of_request("FRAMING_DETECT");
    both.inputs = framed("FRAMING_FACE").inputs;
    let same = infer(&mut s, both).await;
    assert_eq!(same.raw_output_contents[0], own.data);
    let refused = s.inference.model_infer(of_request("sideways"));
    assert_violation(
        &refused.await.unwrap_err(),
        "parameters.framing",
        "sideways",
    );
    let mut of_numbers = of_two_faces(&["fc7"]);
    of_numbers.parameters = of_request("FRAMING_FACE").parameters;
    let refused = s.inference.model_infer(of_numbers).await.unwrap_err();
    assert_violation(&refused, "parameters.framing", "encoded images");
    let refused = s
        .inference
        .model_infer(framed("sideways"))
        .await
        .unwrap_err();
    assert_violation(&refused, "inputs[0].parameters.framing", "sideways");
    let refused = s
        .inference
        .model_infer(framed("FRAMING_DETECT"))
        .await
        .unwrap_err();
    assert_violation(&refused, "inputs[0][0]", "no face");
}

#[tokio::test]
async fn gradients_are_those_of_a_stream() {
    let mut s = service(Limits::default()).await;
    let image = face(5);
    for (name, values) in [("target", vec![0.5; 32]), ("cotangent", noise(8, 32))] {
        let request = ModelInferRequest {
            model_name: "vgg.grad".into(),
            inputs: vec![
                input("image", "FP32", &[3, SIDE, SIDE]),
                input("layer", "BYTES", &[1]),
                input(name, "FP32", &[32]),
            ],
            raw_input_contents: vec![raw(&image.data), b"\x03\0\0\0fc7".to_vec(), raw(&values)],
            ..Default::default()
        };
        let reply = infer(&mut s, request).await;
        let array = Array::new(vec![32], values).unwrap();
        let tensor = Some(array.to_tensor(DataType::F32));
        let layer = "fc7".to_owned();
        let term = match name {
            "target" => v1::objective::Term::SquaredDistance(v1::SquaredDistance {
                layer,
                target: tensor,
                normalized: true,
            }),
            _ => v1::objective::Term::VectorJacobianProduct(v1::VectorJacobianProduct {
                layer,
                cotangent: tensor,
            }),
        };
        let mut stream = Stream::open(&mut s.client, None).await.unwrap();
        stream.send(setup([term])).await;
        stream.send(step(1, image.clone())).await;
        let own = stream.next().await.unwrap();
        let loss = own.losses[0].total.to_le_bytes().to_vec();
        let gradient = own.gradient.unwrap();
        assert_eq!(reply.raw_output_contents, [loss, gradient.data], "{name}");
        assert_eq!(reply.outputs[1].shape, gradient.shape);
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_as_the_protocol_names_it() {
    let mut s = service(Limits::default()).await;
    let gradient = |layer: &str, values: usize| ModelInferRequest {
        model_name: "vgg.grad".into(),
        inputs: vec![
            input("image", "FP32", &[1, 3, SIDE, SIDE]),
            input("layer", "BYTES", &[1]),
            input("target", "FP32", &[values]),
        ],
        raw_input_contents: vec![
            raw(&face(1).data),
            [&(layer.len() as u32).to_le_bytes()[..], layer.as_bytes()].concat(),
            raw(&vec![1.0; values]),
        ],
        ..Default::default()
    };
    let shaped = |shape: &[usize]| ModelInferRequest {
        inputs: vec![input("image", "FP32", shape)],
        ..of_two_faces(&["fc7"])
    };
    let mut not_finite = of_two_faces(&["fc7"]);
    not_finite.raw_input_contents[0][12 * SIDE * SIDE..][..4]
        .copy_from_slice(&f32::NAN.to_le_bytes());
    let cases = [
        (gradient("fc9", 32), "inputs[1]", "fc7"),
        (gradient("fc7", 31), "inputs[2]", "32"),
        (of_two_faces(&["fc7", "fc7"]), "outputs[1].name", "repeated"),
        (of_two_faces(&["fc77"]), "outputs[0].name", "fc7"),
        (
            shaped(&[2, 3, SIDE]),
            "inputs[0].shape",
            "[N, 3, height, width]",
        ),
        (
            shaped(&[0, 3, SIDE, SIDE]),
            "inputs[0].shape",
            "[N, 3, height, width]",
        ),
        (shaped(&[2, 4, SIDE, SIDE]), "inputs[0][0].tensor.data", "3"),
        (
            shaped(&[2, 3, SIDE, SIDE + 1]),
            "inputs[0][0].tensor.data",
            "bytes",
        ),
        (not_finite, "inputs[0][1].tensor.data", "NaN"),
        (
            ModelInferRequest {
                inputs: vec![],
                raw_input_contents: vec![],
                ..of_two_faces(&[])
            },
            "inputs",
            "image",
        ),
        (
            ModelInferRequest {
                raw_input_contents: vec![vec![]; 2],
                ..of_two_faces(&[])
            },
            "raw_input_contents",
            "got 2",
        ),
    ];
    for (request, field, says) in cases {
        let refused = s.inference.model_infer(request).await.unwrap_err();
        let details = refused.get_error_details();
        let violations = &details.bad_request().unwrap().field_violations;
        let found = violations
            .iter()
            .any(|v| v.field.starts_with(field) && v.description.contains(says));
        assert!(found, "{field} {says}: {violations:?}");
    }
    let unknown = |name: &str, version: &str| ModelInferRequest {
        model_name: name.into(),
        model_version: version.into(),
        ..of_two_faces(&[])
    };
    for request in [unknown("resnet", ""), unknown("vgg", "2")] {
        let refused = s.inference.model_infer(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{refused}");
    }
}

#[tokio::test]
async fn models_describe_themselves() {
    let mut s = service(Limits::default()).await;
    for (name, inputs, outputs) in [
        (
            "vgg",
            vec!["image"],
            vec!["probabilities", "present", "attributes"],
        ),
        (
            "vgg.grad",
            vec!["image", "layer", "target", "cotangent"],
            vec!["loss", "gradient"],
        ),
    ] {
        let request = ModelMetadataRequest {
            name: name.into(),
            ..Default::default()
        };
        let reply = s
            .inference
            .model_metadata(request)
            .await
            .unwrap()
            .into_inner();
        let names: Vec<_> = reply.inputs.iter().map(|i| i.name.as_str()).collect();
        assert_eq!(names, inputs);
        let names: Vec<_> = reply.outputs.iter().map(|o| o.name.as_str()).collect();
        assert_eq!(names[..outputs.len()], outputs);
        for (version, ready) in [(reply.versions[0].clone(), true), ("9".into(), false)] {
            let request = ModelReadyRequest {
                name: name.into(),
                version,
            };
            let reply = s.inference.model_ready(request).await.unwrap();
            assert_eq!(reply.into_inner().ready, ready);
        }
    }
}
