//! GetActivations.

use std::sync::Arc;
use std::time::Instant;

use deepface_proto::v1::{self, DataType};
use deepface_serve::{Deadline, Violations};
use tonic::Request;

use super::faces::Wanted;
use super::status::Refusal;
use super::{Classifier, images, layers, timing};
use deepface_network::ModelInfo;

/// Activations of some layers for some images, in one pass.
pub(super) async fn get_activations(
    api: &Classifier,
    request: Request<v1::GetActivationsRequest>,
) -> Result<v1::GetActivationsResponse, Refusal> {
    let arrived = Instant::now();
    let deadline = Deadline::of(&request, api.limits.call);
    let info = api.engine.info()?;
    let request = request.into_inner();
    let (asked, data_type) = check(api, &info, &request)?;
    let n = request.images.len();
    let room = api.engine.admit(n)?;
    let named = request.images.into_iter().enumerate();
    let named = named.map(|(i, image)| (format!("images[{i}]"), image));
    let (size, most) = (info.input_size, 1);
    let faces = images::faces(api, named.collect(), Wanted { size, most }, deadline).await?;
    let done = api
        .engine
        .activations(room, faces.pixels, asked.clone(), deadline);
    let done = done.await?;
    let places = faces.origins.into_iter();
    let places = places.filter_map(|origin| Some((origin.image as i32, origin.found?)));
    Ok(v1::GetActivationsResponse {
        activations: layers::to_wire(&info, &asked, n, done.value, data_type),
        timing: Some(timing(arrived, done.compute)),
        faces: places.collect(),
    })
}

fn check(
    api: &Classifier,
    info: &ModelInfo,
    request: &v1::GetActivationsRequest,
) -> Result<(Arc<[usize]>, DataType), Violations> {
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
    violations.or((layers, data_type))
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
