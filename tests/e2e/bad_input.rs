//! Invalid requests are refused with the field and the reason, and the services keep working.

use deepface_client::{Array, ClientError, Code, encoded_image, tensor_image, v1};
use deepface_tests::{face_image, face_pixels, png, shared};
use v1::objective::Term;

/// Checks an INVALID_ARGUMENT: it must name the field, and describe the violation with these words.
#[track_caller]
fn refused<T>(result: Result<T, ClientError>, field: &str, says: &str) {
    let Err(error) = result else {
        panic!("expected a refusal of {field}");
    };
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    let found = error
        .violations()
        .iter()
        .find(|violation| violation.field == field);
    let found = found.unwrap_or_else(|| {
        panic!(
            "expected a violation of {field}, got {:?}",
            error.violations()
        )
    });
    assert!(found.description.contains(says), "{says:?} in {found:?}");
}

async fn classify(image: v1::Image) -> Result<v1::ClassifyResponse, ClientError> {
    shared().classifier().classify(vec![image]).await
}

/// The first error of a Generate call, wherever it comes.
async fn generate(request: v1::GenerateRequest) -> Result<v1::Result, ClientError> {
    shared().generator().generate(request).await?.result().await
}

fn wanted(present: &[&str], absent: &[&str]) -> v1::GenerateRequest {
    v1::GenerateRequest::of(present.iter().copied()).without(absent.iter().copied())
}

fn with_inversion(inversion: v1::InversionSettings) -> v1::GenerateRequest {
    wanted(&["Male"], &[]).with_inversion(inversion)
}

/// Both services still answer.
async fn both_still_answer() {
    classify(face_image(64, 1)).await.unwrap();
    let inversion = v1::InversionSettings {
        steps: Some(1),
        ..Default::default()
    };
    assert_eq!(generate(with_inversion(inversion)).await.unwrap().steps, 1);
}

#[tokio::test]
async fn invalid_images_are_refused() {
    let file = |bytes: &[u8]| encoded_image(bytes.to_vec(), v1::Framing::Face);
    refused(
        classify(file(b"not an image")).await,
        "images[0].encoded",
        "a text that begins with",
    );
    let good = png(&face_pixels(64, 1));
    refused(
        classify(file(&good[..good.len() / 2])).await,
        "images[0].encoded",
        "the PNG file is cut short",
    );
    let wide = png(&Array::new(vec![3, 1, 65536], vec![0.5; 3 * 65536]).unwrap());
    refused(classify(file(&wide)).await, "images[0].encoded", "65535");
    // The header promises 60000 x 60000 pixels, and none follow.
    let mut bomb = good.clone();
    bomb[16..20].copy_from_slice(&60_000u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    assert_eq!(
        classify(file(&bomb)).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    refused(
        classify(file(&vec![0; (24 << 20) + 1])).await,
        "images[0].encoded",
        "25165824",
    );
    refused(classify(v1::Image::default()).await, "images[0]", "neither");
    let grey = Array::new(vec![3, 300, 400], vec![0.5; 3 * 300 * 400]).unwrap();
    let blank = encoded_image(png(&grey), v1::Framing::Detect);
    refused(classify(blank).await, "images[0]", "no face was found");
    both_still_answer().await;
}

#[tokio::test]
async fn invalid_tensors_are_refused() {
    let good = face_pixels(64, 1).to_tensor(v1::DataType::F32);
    let with = |change: &dyn Fn(&mut v1::Tensor)| {
        let mut tensor = good.clone();
        change(&mut tensor);
        v1::Image {
            content: Some(v1::image::Content::Tensor(tensor)),
            framing: v1::Framing::Face.into(),
            face: None,
        }
    };
    let shape = with(&|tensor| tensor.shape = vec![64, 64, 3]);
    refused(
        classify(shape).await,
        "images[0].tensor.shape",
        "[3, height, width]",
    );
    let length = with(&|tensor| tensor.shape = vec![3, 64, 65]);
    refused(classify(length).await, "images[0].tensor.data", "bytes");
    let huge = with(&|tensor| tensor.shape = vec![i64::MAX, i64::MAX, i64::MAX]);
    refused(classify(huge).await, "images[0].tensor.data", "bytes");
    let data_type = with(&|tensor| tensor.data_type = 0);
    refused(
        classify(data_type).await,
        "images[0].tensor.data_type",
        "F32",
    );
    let nan = with(&|tensor| tensor.data[..4].copy_from_slice(&f32::NAN.to_le_bytes()));
    refused(classify(nan).await, "images[0].tensor.data", "NaN");
    let mut bright = face_pixels(8, 1);
    bright.data[5] = 255.0;
    refused(
        classify(tensor_image(&bright, v1::Framing::Face)).await,
        "images[0].tensor.data",
        "255",
    );
    let none = shared().classifier().classify(Vec::new()).await;
    refused(none, "images", "got 0");
    both_still_answer().await;
}

#[tokio::test]
async fn unknown_and_repeated_layers_are_refused() {
    let request = |layers: &[&str]| v1::GetActivationsRequest {
        images: vec![face_image(64, 1)],
        layers: layers.iter().map(ToString::to_string).collect(),
        data_type: 0,
        ..Default::default()
    };
    let client = shared().classifier();
    refused(
        client.get_activations(request(&["fc7", "conv4_4"])).await,
        "layers[1]",
        "conv4_3",
    );
    refused(
        client.get_activations(request(&["fc7", "fc7"])).await,
        "layers[1]",
        "repeated",
    );
    let mut generation = wanted(&["Male"], &[]);
    let settings = generation.settings.get_or_insert_default();
    settings.target.get_or_insert_default().layer = "conv9_9".to_owned();
    refused(
        generate(generation).await,
        "settings.target.layer",
        "conv9_9",
    );
    both_still_answer().await;
}

#[tokio::test]
async fn invalid_objectives_and_steps_are_refused() {
    let step = async |term: Option<Term>, image: &Array| {
        let objectives = vec![v1::Objective {
            weight: Some(1.0),
            term,
        }];
        let mut stream = shared()
            .classifier()
            .differentiate(v1::DifferentiateSetup {
                objectives,
                ..Default::default()
            })
            .await?;
        stream.step(image, &[]).await
    };
    let image = face_pixels(64, 1);
    refused(step(None, &image).await, "setup.objectives[0]", "none");
    let target = Array::new(vec![2, 2], vec![1.0; 4])
        .unwrap()
        .to_tensor(v1::DataType::F32);
    let distance = Term::SquaredDistance(v1::SquaredDistance {
        layer: "fc7".to_owned(),
        target: Some(target),
        normalized: true,
    });
    let field = "setup.objectives[0].squared_distance.target.shape";
    refused(step(Some(distance), &image).await, field, "fc7");
    let likelihood = Term::AttributeLikelihood(v1::AttributeLikelihood {
        targets: vec![v1::AttributeTarget {
            attribute: "Male".to_owned(),
            ..Default::default()
        }],
    });
    let enough = |enough, probability: bool| {
        let targets = vec![v1::AttributeTarget {
            attribute: "Male".to_owned(),
            enough: Some(enough),
            ..Default::default()
        }];
        match probability {
            true => Term::AttributeProbability(v1::AttributeProbability { targets }),
            false => Term::AttributeLikelihood(v1::AttributeLikelihood { targets }),
        }
    };
    for wrong in [0.0, -0.5, 1.01, f64::NAN] {
        let field = "setup.objectives[0].attribute_likelihood.targets[0].enough";
        refused(
            step(Some(enough(wrong, false)), &image).await,
            field,
            "above 0 and at most 1",
        );
    }
    let field = "setup.objectives[0].attribute_probability.targets[0].enough";
    refused(
        step(Some(enough(0.5, true)), &image).await,
        field,
        "attribute_likelihood",
    );
    let wrong_size = face_pixels(17, 1);
    refused(
        step(Some(likelihood), &wrong_size).await,
        "step.image.shape",
        "17",
    );
    both_still_answer().await;
}

#[tokio::test]
async fn invalid_attributes_are_refused() {
    refused(
        generate(wanted(&["Male", "Eyeglases"], &[])).await,
        "attributes[1].name",
        "Eyeglasses",
    );
    refused(
        generate(wanted(&["Bald"], &["bald"])).await,
        "attributes[1]",
        "Bald",
    );
    refused(
        generate(wanted(&["Smiling", "frowning"], &[])).await,
        "attributes[1]",
        "Smiling",
    );
    refused(generate(wanted(&[], &[])).await, "attributes", "");
    let mut strong = wanted(&["Male"], &[]);
    strong.attributes[0].strength = Some(f64::NAN);
    refused(generate(strong).await, "attributes[0].strength", "NaN");
    let mut ignored = wanted(&["Male"], &["Smiling"]);
    let settings = ignored.settings.get_or_insert_default();
    let target = settings.target.get_or_insert_default();
    target.set_method(v1::Method::CgmmMean);
    refused(
        generate(ignored).await,
        "attributes[1].absent",
        "METHOD_REGRESSION",
    );
    both_still_answer().await;
}

#[tokio::test]
async fn invalid_settings_are_refused() {
    let inversion = v1::InversionSettings::default();
    let steps = |steps| v1::InversionSettings {
        steps: Some(steps),
        ..inversion
    };
    let field = "settings.inversion.steps";
    refused(generate(with_inversion(steps(0))).await, field, "0");
    refused(generate(with_inversion(steps(5001))).await, field, "5001");
    let rate = v1::InversionSettings {
        learning_rate: Some(f64::INFINITY),
        ..inversion
    };
    refused(
        generate(with_inversion(rate)).await,
        "settings.inversion.learning_rate",
        "inf",
    );
    let optimizer = v1::InversionSettings {
        optimizer: 99,
        ..inversion
    };
    refused(
        generate(with_inversion(optimizer)).await,
        "settings.inversion.optimizer",
        "99",
    );
    let invert = v1::InvertRequest {
        image: Some(face_image(64, 1)),
        inversion: Some(steps(0)),
        ..Default::default()
    };
    let inverted = async { shared().generator().invert(invert).await?.result().await };
    refused(inverted.await, "inversion.steps", "0");
    both_still_answer().await;
}
