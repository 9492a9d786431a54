//! Layers by name, their shapes, and the size of a reply that carries them.

use std::sync::Arc;

use deepface_proto::v1::{Activation, DataType};
use deepface_proto::{Array, position, v1};
use deepface_serve::{Violations, quote, unknown};

use super::Limits;
use deepface_network::{LayerInfo, ModelInfo};

/// Bytes for everything in a reply that is not a tensor's data.
const OVERHEAD: usize = 64 << 10;

/// The index of a layer.
///
/// # Errors
/// No layer has this name.
pub(super) fn index(info: &ModelInfo, name: &str, field: &str) -> Result<usize, Violations> {
    let names = || info.layers.iter().map(|l| l.name.as_str());
    info.layer(name).ok_or_else(|| {
        Violations::one(
            field,
            unknown("layer", name, names(), "GetModel lists them"),
        )
    })
}

/// The indices of distinct layers. An empty list is fine.
///
/// # Errors
/// A layer does not exist or is named twice.
pub(super) fn indices(
    info: &ModelInfo,
    names: &[String],
    field: &str,
) -> Result<Arc<[usize]>, Violations> {
    let mut violations = Violations::new();
    let mut found = Vec::new();
    if names.len() > info.layers.len() {
        let (n, most) = (names.len(), info.layers.len());
        return Err(Violations::one(
            field,
            format_args!("expected at most {most} layers without repeats, got {n}"),
        ));
    }
    for (i, name) in names.iter().enumerate() {
        let field = format!("{field}[{i}]");
        match index(info, name, &field) {
            Ok(layer) if found.contains(&layer) => {
                violations.add(field, format_args!("{} is repeated", quote(name)));
            }
            Ok(layer) => found.push(layer),
            Err(wrong) => violations.extend(wrong),
        }
    }
    violations.or(found.into())
}

/// Values in a layer's activation of one image.
pub(super) fn size(layer: &LayerInfo) -> usize {
    layer.shape.iter().product()
}

/// Checks that the reply to a request fits, before anything is computed.
///
/// # Errors
/// `extra` bytes and the activations of these layers for `n` images exceed the largest reply.
pub(super) fn check_reply(
    info: &ModelInfo,
    limits: &Limits,
    (n, layers): (usize, &[usize]),
    (element, extra): (usize, usize),
    field: &str,
) -> Result<(), Violations> {
    let values: usize = layers.iter().map(|&l| size(&info.layers[l])).sum();
    let bytes = values * n * element + extra + OVERHEAD;
    if bytes <= limits.response_bytes {
        return Ok(());
    }
    Err(Violations::one(
        field,
        format_args!(
            "the reply would take {bytes} bytes, more than the limit of {}: ask for fewer images or layers",
            limits.response_bytes
        ),
    ))
}

/// Activations as they travel: `[n, ...]` each.
pub(super) fn to_wire(
    info: &ModelInfo,
    layers: &[usize],
    n: usize,
    arrays: Vec<Vec<f32>>,
    data_type: DataType,
) -> Vec<Activation> {
    let activation = |(&layer, data): (&usize, Vec<f32>)| {
        let layer = &info.layers[layer];
        let shape = std::iter::once(n).chain(layer.shape.iter().copied());
        let array = Array {
            shape: shape.collect(),
            data,
        };
        Activation {
            layer: layer.name.clone(),
            tensor: Some(array.to_tensor(data_type)),
        }
    };
    layers.iter().zip(arrays).map(activation).collect()
}

/// A tensor from the wire.
///
/// # Errors
/// It is missing or inconsistent: the violation names the field of the tensor.
pub(super) fn tensor(tensor: Option<&v1::Tensor>, field: &str) -> Result<Array, Violations> {
    let Some(tensor) = tensor else {
        return Err(Violations::one(field, "expected a tensor, got none"));
    };
    Array::try_from(tensor).map_err(|e| {
        // Every message of a `TensorError` starts with the name of the field.
        let message = e.to_string();
        let (part, what) = message.split_once(": ").unwrap_or(("data", &message));
        Violations::one(format!("{field}.{part}"), what)
    })
}

/// Checks that no value of a tensor is large enough to make the network overflow.
///
/// # Errors
/// A value is too large: the violation names the tensor's data.
pub(super) fn bounded(array: &Array, most: f32, field: &str) -> Result<(), Violations> {
    match position(&array.data, |x| x.abs() > most) {
        None => Ok(()),
        Some(i) => Err(Violations::one(
            format!("{field}.data"),
            format_args!(
                "expected -{most:e} to {most:e}, element {i} is {:e}",
                array.data[i]
            ),
        )),
    }
}
