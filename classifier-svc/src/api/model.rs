//! GetModel.

use deepface_proto::v1;
use deepface_serve::this_server;

use super::status::{Refusal, check_network};
use super::{Classifier, Limits};
use deepface_network::ModelInfo;

/// Describes the model and the limits.
pub(super) fn get_model(
    api: &Classifier,
    request: &v1::GetModelRequest,
) -> Result<v1::GetModelResponse, Refusal> {
    let info = api.engine.info()?;
    check_network(&info, "model_digest", &request.model_digest)?;
    Ok(v1::GetModelResponse {
        model: Some(model(&info)),
        limits: Some(limits(&api.limits)),
        server: Some(this_server()),
    })
}

fn model(info: &ModelInfo) -> v1::Model {
    let layer = |l: &deepface_network::LayerInfo| v1::Layer {
        name: l.name.clone(),
        shape: l.shape.iter().map(|&d| d as i64).collect(),
    };
    v1::Model {
        name: info.name.clone(),
        digest: info.digest.clone(),
        input_size: info.input_size as i32,
        preprocessing: Some(v1::Preprocessing {
            channel_order: info.preprocessing.order.to_string(),
            mean: info.preprocessing.mean.to_vec(),
            scale: info.preprocessing.scale,
        }),
        layers: info.layers.iter().map(layer).collect(),
        groups: groups(info),
        parameters: info.parameters as i64,
        device: info.device.clone(),
        license: info.license.clone(),
        heads_untrained: info.heads_untrained,
        verification: info.verification.map(verification),
        mean_metrics: info.mean_metrics.map(mean_metrics),
    }
}

fn mean_metrics(means: deepface_network::MeanMetrics) -> v1::MeanMetrics {
    let estimate = |e: deepface_network::Estimate| v1::Estimate {
        value: e.value,
        low: e.low,
        high: e.high,
    };
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    v1::MeanMetrics {
        accuracy: Some(estimate(means.accuracy)),
        balanced_accuracy_at_balanced: Some(estimate(means.balanced_accuracy_at_balanced)),
        auc: Some(estimate(means.auc)),
        calibration_error: means.calibration_error,
        people: count(means.people),
        images: count(means.photographs),
    }
}

/// How reliable a verdict of Compare is.
pub(super) fn verification(v: deepface_network::Verification) -> v1::Verification {
    v1::Verification {
        threshold: v.threshold,
        accuracy: v.accuracy,
        standard_error: v.standard_error,
        pairs: i32::try_from(v.pairs).unwrap_or(i32::MAX),
    }
}

fn groups(info: &ModelInfo) -> Vec<v1::Group> {
    let mut calibrated = info.thresholds.iter().zip(&info.metrics);
    let mut attribute = |name: &String| {
        let (thresholds, metrics) = calibrated
            .next()
            .map_or_else(Default::default, |(t, m)| (*t, *m));
        v1::Attribute {
            name: name.clone(),
            threshold: thresholds.accurate,
            balanced_threshold: thresholds.balanced,
            metrics: metrics.map(|m| v1::AttributeMetrics {
                accuracy: m.accuracy,
                balanced_accuracy: m.balanced_accuracy,
                balanced_accuracy_at_balanced: m.balanced_accuracy_at_balanced,
                auc: m.auc,
                positives: m.positives,
            }),
        }
    };
    let group = |g: &deepface_attributes::Group| v1::Group {
        name: g.name.clone(),
        attributes: g.attributes.iter().map(&mut attribute).collect(),
    };
    info.schema.groups().iter().map(group).collect()
}

fn limits(limits: &Limits) -> v1::Limits {
    v1::Limits {
        max_images: limits.images as i32,
        max_image_bytes: limits.image.bytes as i64,
        max_image_side: limits.image.side as i32,
        max_request_bytes: limits.request_bytes as i64,
        max_response_bytes: limits.response_bytes as i64,
        max_objectives: limits.objectives as i32,
        max_faces_per_image: limits.faces_per_image as i32,
        max_faces: limits.faces as i32,
        max_image_pixels: limits.image.pixels as i64,
        max_request_pixels: limits.request_pixels as i64,
    }
}

#[cfg(test)]
mod tests {
    use deepface_network::DeviceChoice;

    use super::*;
    use crate::service::ModelSource;

    #[test]
    fn the_built_in_model_says_how_good_it_is_and_how_certain_that_is() {
        let built_in = ModelSource::Embedded.load(DeviceChoice::Cpu, 1).unwrap();
        let model = model(built_in.info());
        let means = model.mean_metrics.unwrap();
        let attributes = model.groups.iter().flat_map(|g| &g.attributes);
        let metrics: Vec<_> = attributes.filter_map(|a| a.metrics).collect();
        assert_eq!(metrics.len(), 73);
        let mean = |of: fn(&v1::AttributeMetrics) -> f32| {
            metrics.iter().map(of).sum::<f32>() / metrics.len() as f32
        };
        for (estimate, mean) in [
            (means.accuracy, mean(|m| m.accuracy)),
            (
                means.balanced_accuracy_at_balanced,
                mean(|m| m.balanced_accuracy_at_balanced),
            ),
            (means.auc, mean(|m| m.auc)),
        ] {
            let v1::Estimate { value, low, high } = estimate.unwrap();
            assert!((value - mean).abs() < 1e-5, "{value} instead of {mean}");
            assert!(low < value && value < high && high - low < 0.02);
        }
        assert!((0.0..0.2).contains(&means.calibration_error));
        assert_eq!((means.people, means.images), (646, 1829));
    }
}
