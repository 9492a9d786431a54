//! What the models take and give.

use deepface_network::ModelInfo;
use deepface_proto::inference::ModelMetadataResponse;
use deepface_proto::inference::model_metadata_response::TensorMetadata;

use super::Model;

/// The name of the server, and of what runs the models.
pub(super) const PLATFORM: &str = "deepface";

/// Input: faces, `[N, 3, height, width]`, RGB, 0 to 1; or N encoded photographs in BYTES.
pub(super) const IMAGE: &str = "image";
/// Input: the name of a layer.
pub(super) const LAYER: &str = "layer";
/// Input: the activation that the loss is the distance to.
pub(super) const TARGET: &str = "target";
/// Input, in place of the target: the gradient of the caller's own loss with respect to the activation.
pub(super) const COTANGENT: &str = "cotangent";
/// Output: `[N, attributes]`, 0 to 1.
pub(super) const PROBABILITIES: &str = "probabilities";
/// Output: the decisions, `[N, attributes]`.
pub(super) const PRESENT: &str = "present";
/// Output: the names of the attributes.
pub(super) const ATTRIBUTES: &str = "attributes";
/// Output: one loss per image.
pub(super) const LOSS: &str = "loss";
/// Output: the gradient of each image's loss with respect to its pixels.
pub(super) const GRADIENT: &str = "gradient";

/// Describes a model.
pub(super) fn describe(model: Model, info: &ModelInfo) -> ModelMetadataResponse {
    ModelMetadataResponse {
        name: model.name().to_owned(),
        versions: vec![info.digest.clone()],
        platform: PLATFORM.to_owned(),
        inputs: inputs(model, info),
        outputs: outputs(model, info),
    }
}

fn inputs(model: Model, info: &ModelInfo) -> Vec<TensorMetadata> {
    let side = info.input_size as i64;
    match model {
        Model::Vgg => vec![tensor(IMAGE, "FP32", &[-1, 3, -1, -1])],
        Model::Gradient => vec![
            tensor(IMAGE, "FP32", &[-1, 3, side, side]),
            tensor(LAYER, "BYTES", &[1]),
            tensor(TARGET, "FP32", &[-1]),
            tensor(COTANGENT, "FP32", &[-1]),
        ],
    }
}

/// Describes the outputs of a model.
pub(super) fn outputs(model: Model, info: &ModelInfo) -> Vec<TensorMetadata> {
    let side = info.input_size as i64;
    match model {
        Model::Vgg => {
            let attributes = info.schema.len() as i64;
            let own = [
                tensor(PROBABILITIES, "FP32", &[-1, attributes]),
                tensor(PRESENT, "BOOL", &[-1, attributes]),
                tensor(ATTRIBUTES, "BYTES", &[attributes]),
            ];
            let layers = info.layers.iter().map(|layer| {
                let shape = layer.shape.iter().map(|&d| d as i64);
                let shape: Vec<_> = std::iter::once(-1).chain(shape).collect();
                tensor(&layer.name, "FP32", &shape)
            });
            own.into_iter().chain(layers).collect()
        }
        Model::Gradient => vec![
            tensor(LOSS, "FP64", &[-1]),
            tensor(GRADIENT, "FP32", &[-1, 3, side, side]),
        ],
    }
}

fn tensor(name: &str, datatype: &str, shape: &[i64]) -> TensorMetadata {
    TensorMetadata {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape: shape.to_vec(),
    }
}
