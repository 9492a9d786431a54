//! Well-formed messages whose contents lie: tensors, pictures, and fields far out of their range.

use deepface_client::{encoded_image, v1};
use deepface_tests::{Random, damage, face_image};
use prost::Message;

use super::templates::{
    ACTIVATIONS, CLASSIFY, COMPARE, DIFFERENTIATE, GENERATE, INVERT, Side, TARGET, Template,
    of_tensor,
};

const INTEGERS: [i32; 10] = [i32::MIN, -1, 0, 1, 2, 17, 1001, 5001, 0x00ff_ffff, i32::MAX];
const NUMBERS: [f64; 14] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -0.0,
    0.0,
    5e-324,
    1e-7,
    0.5,
    1.0,
    4.000_001,
    -1.0,
    1e6,
    1e39,
    f64::MAX,
];
const SIZES: [i64; 13] = [
    0,
    1,
    2,
    3,
    48,
    4096,
    4097,
    -1,
    1 << 16,
    1 << 31,
    1 << 32,
    i64::MAX,
    i64::MIN,
];

const LAYERS: [&str; 6] = ["conv4_3", "fc7", "conv1_1", "heads", "conv9_9", "\u{0}"];
const NAMES: [&str; 6] = [
    "Male",
    "smiling",
    "Bald",
    "Blond Hair",
    "eyeglasses",
    "conv4_3",
];

/// A choice among these.
fn one<T: Clone>(of: &[T], random: &mut Random) -> T {
    of[random.below(of.len())].clone()
}

/// Rarely one of these, so that what else is wrong is seen too.
fn perhaps<T: Clone>(of: &[T], random: &mut Random) -> Option<T> {
    (random.below(6) == 0).then(|| one(of, random))
}

/// The number of an enumeration's value, rarely any.
fn choice(random: &mut Random) -> i32 {
    perhaps(&[1, 2, 3, 4, 5, 6, -1, i32::MAX], random).unwrap_or(0)
}

fn name(random: &mut Random) -> String {
    match random.below(40) {
        0 => String::new(),
        1 => "x".repeat(random.below(1 << 16)),
        2 => "Male\0".into(),
        3 => "\u{202e}elaM\u{7}".into(),
        4 => "\u{ff2d}\u{ff41}\u{ff4c}\u{ff45}".into(),
        5 => "\u{301}".repeat(random.below(500)),
        _ => one(&NAMES, random).into(),
    }
}

/// As many as it likes.
fn many<T>(random: &mut Random, make: impl Fn(&mut Random) -> T) -> Vec<T> {
    let count = match random.below(20) {
        0 => random.below(3000),
        _ => random.below(3),
    };
    (0..count).map(|_| make(random)).collect()
}

/// A tensor whose shape, type and bytes do not fit each other, mostly.
fn tensor(random: &mut Random) -> v1::Tensor {
    let shape: Vec<i64> = match random.below(3) {
        0 => vec![3, one(&SIZES, random), one(&SIZES, random)],
        1 => (0..random.below(6)).map(|_| one(&SIZES, random)).collect(),
        _ => vec![3, 16, 16],
    };
    let data_type = one(&[0, 1, 1, 1, 2, 3, 4, 5, -1, i32::MAX], random);
    let size = match random.below(4) {
        0 => random.below(1 << 14),
        1 => one(&[3 * 16 * 16, 3 * 16 * 16 * 2, 3 * 16 * 16 * 4 - 1], random),
        _ => 3 * 16 * 16 * 4,
    };
    let value = match random.below(3) {
        0 => f32::NAN,
        1 => one(&NUMBERS, random) as f32,
        _ => 0.5,
    };
    let mut data: Vec<u8> = value.to_le_bytes().into_iter().cycle().take(size).collect();
    if random.below(2) == 0 {
        damage(&mut data, random);
    }
    v1::Tensor {
        data_type,
        shape,
        data,
    }
}

/// An image of any framing, possible or not.
fn framed(image: v1::Image, random: &mut Random) -> v1::Image {
    v1::Image {
        framing: one(&[0, 1, 2, 3, 4, -1], random),
        face: (random.below(8) == 0).then(|| one(&INTEGERS, random)),
        ..image
    }
}

/// Any call that takes images, with this one.
fn with_image(image: v1::Image, random: &mut Random) -> Template {
    let twice = || vec![image.clone(), image.clone()];
    let (side, path, message) = match random.below(5) {
        0 => {
            let request = v1::ClassifyRequest {
                images: twice(),
                ..Default::default()
            };
            (Side::Classifier, CLASSIFY, request.encode_to_vec())
        }
        1 => {
            let request = v1::GetActivationsRequest {
                images: twice(),
                layers: vec!["fc7".into()],
                ..Default::default()
            };
            (Side::Classifier, ACTIVATIONS, request.encode_to_vec())
        }
        2 => {
            let request = v1::CompareRequest {
                first: Some(image.clone()),
                second: Some(image),
                ..Default::default()
            };
            (Side::Classifier, COMPARE, request.encode_to_vec())
        }
        3 => {
            let request = v1::ClassifyRequest {
                images: vec![image],
                ..Default::default()
            };
            (Side::Classifier, CLASSIFY, request.encode_to_vec())
        }
        _ => {
            let request = v1::InvertRequest {
                image: Some(image),
                inversion: Some(v1::InversionSettings {
                    steps: Some(1),
                    ..Default::default()
                }),
                ..Default::default()
            };
            (Side::Generator, INVERT, request.encode_to_vec())
        }
    };
    Template {
        side,
        path,
        messages: vec![message],
    }
}

/// A tensor that lies, wherever one can be.
pub(super) fn lying_tensor(random: &mut Random) -> Template {
    let lie = tensor(random);
    let message = match random.below(4) {
        0 => v1::differentiate_request::Message::Step(v1::DifferentiateStep {
            image: Some(lie),
            ..Default::default()
        }),
        1 => v1::differentiate_request::Message::Setup(v1::DifferentiateSetup {
            objectives: vec![v1::Objective {
                weight: perhaps(&NUMBERS, random),
                term: Some(v1::objective::Term::SquaredDistance(v1::SquaredDistance {
                    layer: name(random),
                    target: Some(lie),
                    normalized: random.below(2) == 0,
                })),
            }],
            ..Default::default()
        }),
        2 => {
            let request = v1::CompareRequest {
                first_embeddings: Some(lie),
                second_embeddings: Some(tensor(random)),
                embeddings_digest: name(random),
                ..Default::default()
            };
            return Template {
                side: Side::Classifier,
                path: COMPARE,
                messages: vec![request.encode_to_vec()],
            };
        }
        _ => return with_image(framed(of_tensor(lie), random), random),
    };
    let message = v1::DifferentiateRequest {
        message: Some(message),
    };
    Template {
        side: Side::Classifier,
        path: DIFFERENTIATE,
        messages: vec![message.encode_to_vec()],
    }
}

/// A picture that is damaged, or no picture at all.
pub(super) fn bad_picture(pictures: &[Vec<u8>], random: &mut Random) -> Template {
    let mut file = one(pictures, random);
    match random.below(10) {
        0 => file.truncate(random.below(file.len() + 1)),
        1 => file = b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
        2 => file = one(&[vec![], vec![0xff; 64], b"%PDF-1.7".to_vec()], random),
        3 => file.extend(vec![0; random.below(1 << 12)]),
        4 => {
            let other = one(pictures, random);
            let at = random.below(file.len().min(other.len()));
            file.splice(at.., other[at..].iter().copied());
        }
        _ => (0..=random.below(4)).for_each(|_| damage(&mut file, random)),
    }
    let image = encoded_image(file, v1::Framing::Face);
    with_image(framed(image, random), random)
}

/// Fields far out of their range.
pub(super) fn wild_fields(random: &mut Random) -> Template {
    let attributes = many(random, |random| v1::RequestedAttribute {
        name: name(random),
        absent: random.below(2) == 0,
        strength: perhaps(&NUMBERS, random),
    });
    let keep = many(random, name);
    let seed = one(&[0, 1, u64::MAX, 1 << 63], random);
    let (path, message) = match random.below(3) {
        0 => {
            let request = v1::GetTargetRequest {
                attributes,
                target: Some(target(random)),
                seed,
                keep,
                parametrization: choice(random),
            };
            (TARGET, request.encode_to_vec())
        }
        1 => {
            let request = v1::InvertRequest {
                image: match random.below(4) {
                    0 => Some(of_tensor(tensor(random))),
                    1 => None,
                    _ => Some(face_image(16, 1)),
                },
                layer: perhaps(&LAYERS, random).unwrap_or_default().into(),
                inversion: Some(inversion(random)),
                seed,
                stream: Some(stream(random)),
                resume_token: token(random),
            };
            (INVERT, request.encode_to_vec())
        }
        _ => {
            let settings = v1::GenerationSettings {
                target: Some(target(random)),
                inversion: Some(inversion(random)),
                preset: choice(random),
            };
            let request = v1::GenerateRequest {
                attributes,
                settings: Some(settings),
                seed,
                stream: Some(stream(random)),
                keep,
                resume_tokens: vec![token(random); random.below(3)],
                count: perhaps(&[i32::MIN, -1, 0, 2, 17, i32::MAX], random),
                from: None,
            };
            (GENERATE, request.encode_to_vec())
        }
    };
    Template {
        side: Side::Generator,
        path,
        messages: vec![message],
    }
}

fn target(random: &mut Random) -> v1::TargetSettings {
    v1::TargetSettings {
        method: choice(random),
        layer: perhaps(&LAYERS, random).unwrap_or_default().into(),
        exaggeration: perhaps(&NUMBERS, random),
        variety: perhaps(&NUMBERS, random),
        likelihood: perhaps(&NUMBERS, random),
        completeness: perhaps(&NUMBERS, random),
        residual: choice(random),
        margin: perhaps(&NUMBERS, random),
        emphasis: perhaps(&NUMBERS, random),
    }
}

fn inversion(random: &mut Random) -> v1::InversionSettings {
    let number = |random: &mut Random| perhaps(&NUMBERS, random);
    v1::InversionSettings {
        parametrization: choice(random),
        optimizer: choice(random),
        start: choice(random),
        // Many steps are no lie, only work.
        steps: perhaps(&[i32::MIN, -1, 0, 2, 5001, i32::MAX], random).or(Some(1)),
        learning_rate: number(random),
        regularizers: Some(v1::Regularizers {
            prior: number(random),
            total_variation: number(random),
            l2: number(random),
            jitter: perhaps(&INTEGERS, random),
            blur_sigma: number(random),
            blur_every: perhaps(&INTEGERS, random),
            conditional: perhaps(&[true, false], random),
        }),
    }
}

fn stream(random: &mut Random) -> v1::StreamSettings {
    v1::StreamSettings {
        every: perhaps(&INTEGERS, random),
        format: choice(random),
        losses_only: random.below(2) == 0,
        resume_tokens: random.below(2) == 0,
    }
}

/// Nothing, or a token with the right checksum and nothing else right.
fn token(random: &mut Random) -> Vec<u8> {
    if random.below(4) > 0 {
        return Vec::new();
    }
    let mut content = b"DFR\x01".to_vec();
    content.resize(4 + random.below(1 << 12), one(b"0a\x00\xff", random));
    damage(&mut content, random);
    let digest = deepface_files::sha256(&content);
    content.extend(digest.as_bytes());
    content
}
