//! Model "vgg": probabilities, decisions and activations.

use std::mem::take;

use deepface_network::ModelInfo;
use deepface_proto::inference::ModelInferRequest;
use deepface_proto::{rpc, v1};
use deepface_serve::{Violations, quote};
use tonic::Request;

use super::images::images;
use super::metadata::{ATTRIBUTES, IMAGE, PRESENT, PROBABILITIES};
use super::outputs::{Output, Values};
use super::tensors::Input;
use crate::api::status::{Refusal, wrong_with};
use crate::api::{Classifier, activations, classify};

/// Computes the wanted outputs.
pub(super) async fn infer(
    api: &Classifier,
    info: &ModelInfo,
    request: Request<ModelInferRequest>,
    inputs: Vec<Input>,
    wanted: &[String],
) -> Result<Vec<Output>, Refusal> {
    let (field, images) = only_image(request.get_ref(), inputs)?;
    let (metadata, extensions, _) = request.into_parts();
    let scored = |name: &String| *name == PROBABILITIES || *name == PRESENT;
    let mut scores = match wanted.iter().any(scored) {
        true => {
            let asked = v1::ClassifyRequest {
                images: images.clone(),
                ..Default::default()
            };
            let asked = Request::from_parts(metadata.clone(), extensions.clone(), asked);
            let reply = classify::classify(api, asked).await;
            let scores = reply.and_then(scores);
            scores.map_err(|refusal| refusal.renamed("images", &field))?
        }
        false => Scores::default(),
    };
    let layers: Vec<_> = wanted
        .iter()
        .filter(|name| info.layer(name).is_some())
        .cloned()
        .collect();
    let mut found = Vec::new();
    if !layers.is_empty() {
        let asked = v1::GetActivationsRequest {
            images,
            layers,
            ..Default::default()
        };
        let asked = Request::from_parts(metadata, extensions, asked);
        let reply = activations::get_activations(api, asked).await;
        let used = reply.and_then(|mut reply| {
            let errors = take(&mut reply.errors);
            first_wrong(errors.into_iter().find_map(|error| error.status))?;
            Ok(reply)
        });
        let reply = used.map_err(|refusal| refusal.renamed("images", &field))?;
        found = reply.activations;
    }
    let mut found = found.into_iter().filter_map(|activation| activation.tensor);
    let attributes = info.schema.len() as i64;
    let rows = vec![scores.rows, attributes];
    // No output is wanted twice.
    let output = |name: &String| {
        let (shape, values) = match name.as_str() {
            PROBABILITIES => (
                rows.clone(),
                Values::Floats(take(&mut scores.probabilities)),
            ),
            PRESENT => (rows.clone(), Values::Bools(take(&mut scores.present))),
            ATTRIBUTES => {
                let names = info.schema.names().map(str::to_owned);
                (vec![attributes], Values::Texts(names.collect()))
            }
            _ => {
                let tensor = found.next().unwrap_or_default();
                (tensor.shape, Values::FloatBytes(tensor.data))
            }
        };
        Output {
            name: name.clone(),
            shape,
            values,
        }
    };
    Ok(wanted.iter().map(output).collect())
}

/// The images, and the field that they were in.
fn only_image(
    request: &ModelInferRequest,
    inputs: Vec<Input>,
) -> Result<(String, Vec<v1::Image>), Violations> {
    let mut violations = Violations::new();
    let mut image = None;
    for input in inputs {
        if input.name == IMAGE {
            image = Some(input);
        } else {
            let wrong = format_args!("expected {IMAGE:?} alone, got {}", quote(&input.name));
            violations.add(format!("{}.name", input.field), wrong);
        }
    }
    let Some(image) = image else {
        violations.add("inputs", format_args!("expected {IMAGE:?}, got none"));
        return Err(violations);
    };
    let field = image.field.clone();
    match images(image, &request.parameters) {
        Ok(images) => violations.or((field, images)),
        Err(wrong) => {
            violations.extend(wrong);
            Err(violations)
        }
    }
}

/// The scores of all images, one row each.
#[derive(Debug, Default)]
struct Scores {
    rows: i64,
    probabilities: Vec<f32>,
    present: Vec<bool>,
}

/// The largest face of each image.
fn scores(reply: v1::ClassifyResponse) -> Result<Scores, Refusal> {
    let mut scores = Scores::default();
    for result in reply.results {
        first_wrong(result.error)?;
        // The largest face comes first.
        if i64::from(result.image) < scores.rows {
            continue;
        }
        scores.rows += 1;
        for score in result.groups.iter().flat_map(|group| &group.attributes) {
            scores.probabilities.push(score.probability);
            scores.present.push(score.present);
        }
    }
    Ok(scores)
}

/// The protocol has no errors of single images: one that cannot be used refuses the request.
fn first_wrong(wrong: Option<rpc::Status>) -> Result<(), Refusal> {
    match wrong {
        Some(status) => Err(wrong_with(&status).into()),
        None => Ok(()),
    }
}
