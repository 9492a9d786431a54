//! GetActivations.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deepface_proto::Array;
use deepface_proto::v1::{self, DataType};
use deepface_serve::Violations;
use tonic::Request;

use super::faces::Wanted;
use super::images::Origin;
use super::portions::Portions;
use super::status::{Refusal, check_network, of_item};
use super::{Classifier, images, layers, timing};
use crate::batch::{Call, EngineError, Kind};
use deepface_network::ModelInfo;

/// Activations of some layers for some images, in one pass.
pub(super) async fn get_activations(
    api: &Classifier,
    request: Request<v1::GetActivationsRequest>,
) -> Result<v1::GetActivationsResponse, Refusal> {
    let arrived = Instant::now();
    let call = api.call(&request);
    let info = api.engine.info()?;
    let request = request.into_inner();
    check_network(&info, "model_digest", &request.model_digest)?;
    let Asked {
        layers,
        data_type,
        element,
    } = check(api, &info, &request)?;
    let n = request.images.len();
    let named = request.images.into_iter().enumerate();
    let named = named.map(|(i, image)| (format!("images[{i}]"), image));
    let wanted = Wanted {
        size: info.input_size,
        most: match request.all_faces {
            true => api.limits.faces_per_image,
            false => 1,
        },
        check: !request.skip_face_check,
    };
    let faces = images::faces(api, (&call, Kind::Activations), named.collect(), wanted).await?;
    let faces = faces.usable_of(n)?;
    let rows = faces.origins.len();
    let pixels = match request.return_pixels {
        true => 4 * faces.pixels.len(),
        false => 0,
    };
    layers::check_reply(
        &info,
        &api.limits,
        (rows, &layers),
        (element, pixels),
        "images",
    )?;
    let portions = Portions::new(api, (&call, Kind::Activations), faces.claim, &faces.pixels);
    let computed = activations(api, &call, portions, layers.clone());
    let (arrays, compute) = computed.await?;
    let seen = faces.pixels.chunks_exact(info.pixels());
    let seen = seen.map(|face| request.return_pixels.then(|| pixels_of(&info, face)));
    let errors = faces.refused.into_iter();
    let errors = errors.map(|(image, wrong)| v1::ImageError {
        image: image as i32,
        status: Some(of_item(wrong)),
    });
    Ok(v1::GetActivationsResponse {
        activations: layers::to_wire(&info, &layers, rows, arrays, data_type),
        timing: Some(timing(arrived, compute)),
        faces: largest(&faces.origins),
        rows: faces.origins.into_iter().zip(seen).map(row).collect(),
        errors: errors.collect(),
        model_digest: info.digest.clone(),
    })
}

/// The activations of all faces, one `[n, ...]` array a layer, and the time that they took.
pub(super) async fn activations(
    api: &Classifier,
    call: &Call,
    mut portions: Portions<'_>,
    layers: Arc<[usize]>,
) -> Result<(Vec<Vec<f32>>, Duration), EngineError> {
    let size = api.engine.info()?.pixels();
    let (mut all, mut compute) = (vec![Vec::new(); layers.len()], Duration::ZERO);
    while let Some((room, portion)) = portions.next(size).await? {
        let done = api.engine.activations(call, room, portion, layers.clone());
        let done = done.await?;
        for (all, some) in all.iter_mut().zip(done.value) {
            all.extend(some);
        }
        compute += done.compute;
    }
    Ok((all, compute))
}

/// The largest face of each image, which comes first.
fn largest(origins: &[Origin]) -> HashMap<i32, v1::FaceBox> {
    let places = origins.iter().rev();
    let places = places.filter_map(|origin| Some((origin.image as i32, origin.found?)));
    places.collect()
}

/// The pixels of a face as they travel.
fn pixels_of(info: &ModelInfo, face: &[f32]) -> v1::Tensor {
    let array = Array {
        shape: vec![3, info.input_size, info.input_size],
        data: face.to_vec(),
    };
    array.to_tensor(DataType::F32)
}

fn row((origin, pixels): (Origin, Option<v1::Tensor>)) -> v1::ActivationRow {
    v1::ActivationRow {
        image: origin.image as i32,
        face: origin.found,
        warnings: origin.warnings,
        pixels,
    }
}

/// What a request asks for, checked.
struct Asked {
    layers: Arc<[usize]>,
    data_type: DataType,
    /// Bytes of one value.
    element: usize,
}

fn check(
    api: &Classifier,
    info: &ModelInfo,
    request: &v1::GetActivationsRequest,
) -> Result<Asked, Violations> {
    let mut violations = Violations::new();
    let n = request.images.len();
    if let Err(wrong) = images::check_count(n, &api.limits) {
        violations.extend(wrong);
    }
    let (data_type, element) = data_type(request.data_type).unwrap_or_else(|wrong| {
        violations.extend(wrong);
        (DataType::F32, 4)
    });
    if request.layers.is_empty() {
        violations.add("layers", "expected at least 1 layer, got none");
    }
    let layers = layers::indices(info, &request.layers, "layers").unwrap_or_else(|wrong| {
        violations.extend(wrong);
        Arc::default()
    });
    if violations.is_empty() {
        layers::check_reply(info, &api.limits, (n, &layers), (element, 0), "layers")?;
    }
    violations.or(Asked {
        layers,
        data_type,
        element,
    })
}

/// The element type of the reply and its bytes.
fn data_type(value: i32) -> Result<(DataType, usize), Violations> {
    match DataType::try_from(value) {
        Ok(DataType::Unspecified | DataType::F32) => Ok((DataType::F32, 4)),
        Ok(data_type @ (DataType::F16 | DataType::Bf16)) => Ok((data_type, 2)),
        Ok(DataType::U8) => Err(DataType::U8.as_str_name().to_owned()),
        Err(_) => Err(format!("unknown value {value}")),
    }
    .map_err(|got| {
        Violations::one(
            "data_type",
            format_args!("expected DATA_TYPE_F32, DATA_TYPE_F16 or DATA_TYPE_BF16, got {got}"),
        )
    })
}
