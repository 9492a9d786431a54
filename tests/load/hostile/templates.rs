//! Valid requests of every method, which the hostile ones start from.

use deepface_client::v1::{
    self, DifferentiateRequest, GenerateRequest, InversionSettings, differentiate_request::Message,
};
use deepface_client::{Array, encoded_image, tensor_image};
use deepface_tests::{face_image, face_pixels, png, seeds};
use prost::Message as _;

use crate::Outcome;

/// A service that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Classifier,
    Generator,
}

/// A valid call: a path and its messages.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) side: Side,
    pub(super) path: &'static str,
    pub(super) messages: Vec<Vec<u8>>,
}

pub(super) const CLASSIFY: &str = "/deepface.v1.ClassifierService/Classify";
pub(super) const DIFFERENTIATE: &str = "/deepface.v1.ClassifierService/Differentiate";
pub(super) const ACTIVATIONS: &str = "/deepface.v1.ClassifierService/GetActivations";
pub(super) const COMPARE: &str = "/deepface.v1.ClassifierService/Compare";
pub(super) const GENERATE: &str = "/deepface.v1.GeneratorService/Generate";
pub(super) const INVERT: &str = "/deepface.v1.GeneratorService/Invert";
pub(super) const TARGET: &str = "/deepface.v1.GeneratorService/GetTarget";
/// Of the server itself, which both have.
const HEALTH: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// Valid calls of every method, for a network whose input has this side.
pub(super) fn templates(input: usize) -> Vec<Template> {
    use Side::{Classifier, Generator};
    let file = encoded_image(png(&face_pixels(48, 3)), v1::Framing::Detect);
    let classify = v1::ClassifyRequest {
        images: vec![face_image(48, 1), file.clone()],
        ..Default::default()
    };
    let activations = v1::GetActivationsRequest {
        images: vec![face_image(48, 2)],
        layers: vec!["fc7".into(), "pool5".into()],
        ..Default::default()
    };
    let compare = v1::CompareRequest {
        first: Some(face_image(48, 1)),
        second: Some(face_image(48, 2)),
        ..Default::default()
    };
    let invert = v1::InvertRequest {
        image: Some(face_image(48, 1)),
        layer: "conv3_3".into(),
        inversion: Some(one_step()),
        ..Default::default()
    };
    let generate = GenerateRequest::of(["Male"]).without(["Bald"]);
    let target = v1::GetTargetRequest {
        attributes: generate.attributes.clone(),
        ..Default::default()
    };
    let call = |side, path, messages| Template {
        side,
        path,
        messages,
    };
    // SERVER_REFLECTION `list_services: ""`, and `service: ""` of a health check.
    let (list, whole) = (vec![0x3a, 0], vec![0x0a, 0]);
    vec![
        call(
            Classifier,
            "/deepface.v1.ClassifierService/GetModel",
            vec![vec![]],
        ),
        call(Classifier, CLASSIFY, vec![classify.encode_to_vec()]),
        call(Classifier, ACTIVATIONS, vec![activations.encode_to_vec()]),
        call(Classifier, COMPARE, vec![compare.encode_to_vec()]),
        call(Classifier, DIFFERENTIATE, differentiate(input)),
        call(Classifier, HEALTH, vec![whole.clone()]),
        call(Classifier, REFLECTION, vec![list.clone(), list.clone()]),
        call(
            Generator,
            "/deepface.v1.GeneratorService/ListAttributes",
            vec![vec![]],
        ),
        call(Generator, TARGET, vec![target.encode_to_vec()]),
        call(
            Generator,
            GENERATE,
            vec![generate.with_inversion(one_step()).encode_to_vec()],
        ),
        call(Generator, INVERT, vec![invert.encode_to_vec()]),
        call(Generator, WATCH, vec![whole]),
        call(Generator, REFLECTION, vec![list]),
    ]
}

fn one_step() -> InversionSettings {
    InversionSettings {
        steps: Some(1),
        ..Default::default()
    }
}

/// The messages of a Differentiate stream: a setup and a step.
fn differentiate(input: usize) -> Vec<Vec<u8>> {
    let likelihood = v1::AttributeLikelihood {
        targets: vec![v1::AttributeTarget {
            attribute: "Male".into(),
            ..Default::default()
        }],
    };
    let setup = v1::DifferentiateSetup {
        objectives: vec![v1::Objective {
            weight: Some(1.0),
            term: Some(v1::objective::Term::AttributeLikelihood(likelihood)),
        }],
        ..Default::default()
    };
    let step = v1::DifferentiateStep {
        id: 1,
        image: Some(face_pixels(input, 1).to_tensor(v1::DataType::F32)),
        return_layers: vec!["fc6".into()],
    };
    [Message::Setup(setup), Message::Step(step)]
        .map(|message| {
            let request = DifferentiateRequest {
                message: Some(message),
            };
            request.encode_to_vec()
        })
        .to_vec()
}

/// Files of pictures, small ones of several formats.
///
/// # Errors
/// The seeds of the fuzz target cannot be read.
pub(super) fn pictures() -> Outcome<Vec<Vec<u8>>> {
    let seeds = seeds("image")?.into_iter().map(|(_, file)| file);
    let pixels: Array = face_pixels(48, 5);
    let bytes: Vec<u8> = pixels.data.iter().map(|x| (255.0 * x) as u8).collect();
    let picture = image::RgbImage::from_fn(48, 48, |x, y| {
        let at = (y * 48 + x) as usize;
        image::Rgb([0, 1, 2].map(|c| bytes[c * 48 * 48 + at]))
    });
    let mut files: Vec<_> = seeds.collect();
    use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Qoi, Tiff, WebP};
    for format in [Bmp, Gif, Jpeg, Png, Qoi, Tiff, WebP] {
        let mut file = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut file, format)?;
        files.push(file.into_inner());
    }
    Ok(files)
}

/// A tensor as an image.
pub(super) fn of_tensor(tensor: v1::Tensor) -> v1::Image {
    let image = tensor_image(&face_pixels(8, 1), v1::Framing::Face);
    v1::Image {
        content: Some(v1::image::Content::Tensor(tensor)),
        ..image
    }
}
