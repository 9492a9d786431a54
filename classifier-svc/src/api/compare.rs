//! Compare.

use std::sync::Arc;
use std::time::Instant;

use deepface_network::{ModelInfo, cosine};
use deepface_proto::v1;
use deepface_serve::Violations;
use tonic::Request;

use super::activations::activations;
use super::faces::Wanted;
use super::images::Origin;
use super::model::verification;
use super::portions::Portions;
use super::status::{Refusal, check_network};
use super::{Classifier, images, layers, timing};
use crate::batch::Kind;

/// The layer by which faces are compared.
const LAYER: &str = "fc7";
/// Largest absolute value of an embedding: no activation comes near it, and its square does not overflow.
const LARGEST: f32 = 1e9;

/// One side of a comparison, as it came.
enum Side {
    Image(Box<v1::Image>),
    /// Row after row.
    Embeddings(Vec<f32>),
}

/// How similar two faces are.
pub(super) async fn compare(
    api: &Classifier,
    request: Request<v1::CompareRequest>,
) -> Result<v1::CompareResponse, Refusal> {
    let arrived = Instant::now();
    let call = api.call(&request);
    let info = api.engine.info()?;
    let layer = info.layer(LAYER);
    let layer = layer.ok_or(Refusal::Internal("the model has no layer fc7"))?;
    let features = layers::size(&info.layers[layer]);
    let sides = sides(api, &info, request.into_inner(), features)?;
    let wanted = Wanted {
        size: info.input_size,
        most: api.limits.faces_per_image,
        check: true,
    };
    let (images, embeddings) = apart(sides);
    let faces = images::faces(api, (&call, Kind::Activations), images, wanted).await?;
    let faces = faces.complete()?;
    let portions = Portions::new(api, (&call, Kind::Activations), faces.claim, &faces.pixels);
    let computed = activations(api, &call, portions, Arc::from([layer]));
    let (computed, compute) = computed.await?;
    let computed = computed.into_iter().flatten().collect();
    let [first, second] = together(embeddings, faces.origins, computed, features);
    let pairs = pairs(&first, &second, &info.compare_mean);
    let best = pairs.first().cloned();
    let best = best.ok_or(Refusal::Internal("there was nothing to compare"))?;
    Ok(v1::CompareResponse {
        similarity_percent: 100.0 * best.cosine.max(0.0),
        cosine: best.cosine,
        timing: Some(timing(arrived, compute)),
        first_face: best.first_face,
        second_face: best.second_face,
        same_person: info.verification.map(|v| best.cosine > v.threshold),
        verification: info.verification.map(verification),
        first_warnings: first.warnings(best.first),
        second_warnings: second.warnings(best.second),
        pairs,
        model_digest: info.digest.clone(),
    })
}

/// Both sides of a request, with their fields.
///
/// # Errors
/// A side is missing, comes twice, or its embeddings are not those of this network.
fn sides(
    api: &Classifier,
    info: &ModelInfo,
    request: v1::CompareRequest,
    features: usize,
) -> Result<[(&'static str, Side); 2], Refusal> {
    check_network(info, "embeddings_digest", &request.embeddings_digest)?;
    let most = api.limits.faces_per_image;
    let first = side(
        "first",
        request.first,
        request.first_embeddings,
        (most, features),
    );
    let second = side(
        "second",
        request.second,
        request.second_embeddings,
        (most, features),
    );
    match (first, second) {
        (Ok(first), Ok(second)) => Ok([("first", first), ("second", second)]),
        (first, second) => {
            let wrong = [first.err(), second.err()].into_iter().flatten();
            Err(wrong.collect::<Violations>().into())
        }
    }
}

fn side(
    field: &str,
    image: Option<v1::Image>,
    embeddings: Option<v1::Tensor>,
    (most, features): (usize, usize),
) -> Result<Side, Violations> {
    let tensor = match (image, embeddings) {
        (Some(image), None) => return Ok(Side::Image(Box::new(image))),
        (None, Some(tensor)) => tensor,
        (None, None) => {
            return Err(Violations::one(
                field,
                format_args!(
                    "expected an image here or a tensor in `{field}_embeddings`, got neither"
                ),
            ));
        }
        (Some(_), Some(_)) => {
            return Err(Violations::one(
                format!("{field}_embeddings"),
                format_args!("expected either this or `{field}`, got both"),
            ));
        }
    };
    let name = format!("{field}_embeddings");
    let array = layers::tensor(Some(&tensor), &name)?;
    let fits = match array.shape[..] {
        [d] => d == features,
        [rows, d] => d == features && (1..=most).contains(&rows),
        _ => false,
    };
    if !fits {
        return Err(Violations::one(
            format!("{name}.shape"),
            format_args!(
                "expected [{features}] or [1 to {most}, {features}], got {:?}",
                array.shape
            ),
        ));
    }
    layers::bounded(&array, LARGEST, &name)?;
    Ok(Side::Embeddings(array.data))
}

/// An image and its field.
type Named = (String, v1::Image);

/// Named images, and embeddings of the sides that are not images.
fn apart(sides: [(&'static str, Side); 2]) -> (Vec<Named>, [Option<Vec<f32>>; 2]) {
    let mut images = Vec::with_capacity(2);
    let embeddings = sides.map(|(field, side)| match side {
        Side::Image(image) => {
            images.push((field.to_owned(), *image));
            None
        }
        Side::Embeddings(values) => Some(values),
    });
    (images, embeddings)
}

/// The faces of one side.
struct Faces {
    /// Row after row of `features` values.
    values: Vec<f32>,
    features: usize,
    /// Where each face comes from; empty for embeddings.
    origins: Vec<Origin>,
}

impl Faces {
    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.features)
    }

    fn place(&self, row: usize) -> Option<v1::FaceBox> {
        self.origins.get(row)?.found
    }

    fn warnings(&self, row: i32) -> Vec<v1::Warning> {
        let row = usize::try_from(row)
            .ok()
            .and_then(|row| self.origins.get(row));
        row.map_or_else(Vec::new, |origin| origin.warnings.clone())
    }
}

/// Both sides as rows of features: those that came, and those `computed` for faces from `origins`, image after image.
fn together(
    embeddings: [Option<Vec<f32>>; 2],
    origins: Vec<Origin>,
    mut computed: Vec<f32>,
    features: usize,
) -> [Faces; 2] {
    let mut origins = origins.into_iter().peekable();
    let mut image = 0;
    embeddings.map(|values| {
        let mut from = Vec::new();
        let values = values.unwrap_or_else(|| {
            while let Some(origin) = origins.next_if(|origin| origin.image == image) {
                from.push(origin);
            }
            image += 1;
            let rest = computed.split_off(from.len() * features);
            std::mem::replace(&mut computed, rest)
        });
        Faces {
            values,
            features,
            origins: from,
        }
    })
}

/// Every pair of faces, the most similar first.
fn pairs(first: &Faces, second: &Faces, mean: &[f32]) -> Vec<v1::FacePair> {
    let mut pairs = Vec::new();
    for (i, a) in first.rows().enumerate() {
        for (j, b) in second.rows().enumerate() {
            pairs.push(v1::FacePair {
                first: i as i32,
                second: j as i32,
                cosine: cosine(a, b, mean) as f32,
                first_face: first.place(i),
                second_face: second.place(j),
            });
        }
    }
    // Stable: of equal pairs the one of the larger faces comes first.
    pairs.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
    pairs
}
