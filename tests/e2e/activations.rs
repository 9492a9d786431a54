//! Activations of the layers.

use deepface_client::{Array, v1};
use deepface_tests::{distance, face_image, shared};

async fn activations(
    images: u64,
    layers: &[String],
    data_type: v1::DataType,
) -> Vec<v1::Activation> {
    let request = v1::GetActivationsRequest {
        images: (0..images).map(|seed| face_image(90, seed)).collect(),
        layers: layers.to_vec(),
        data_type: data_type.into(),
        ..Default::default()
    };
    shared()
        .classifier()
        .get_activations(request)
        .await
        .unwrap()
        .activations
}

fn array(activation: &v1::Activation) -> Array {
    Array::try_from(activation.tensor.as_ref().unwrap()).unwrap()
}

#[tokio::test]
async fn every_layer_has_its_stated_shape() {
    let model = shared()
        .classifier()
        .get_model()
        .await
        .unwrap()
        .model
        .unwrap();
    let layers: Vec<_> = model
        .layers
        .iter()
        .map(|layer| layer.name.clone())
        .collect();
    for name in [
        "conv1_1", "conv5_3", "pool1", "pool5", "fc6", "fc7", "heads",
    ] {
        assert!(layers.iter().any(|layer| layer == name), "{name}");
    }
    let all = activations(2, &layers, v1::DataType::F32).await;
    assert_eq!(all.len(), layers.len());
    for (activation, layer) in all.iter().zip(&model.layers) {
        assert_eq!(activation.layer, layer.name);
        let shape = &activation.tensor.as_ref().unwrap().shape;
        assert_eq!(
            (shape[0], &shape[1..]),
            (2, &layer.shape[..]),
            "{}",
            layer.name
        );
        let rectified = layer.name != "heads";
        assert!(
            !rectified || array(activation).data.iter().all(|&x| x >= 0.0),
            "{}",
            layer.name
        );
    }
}

#[tokio::test]
async fn half_precision_agrees_within_its_rounding() {
    let layers = ["conv4_3".to_owned(), "fc7".to_owned()];
    let whole = activations(1, &layers, v1::DataType::F32).await;
    for (data_type, rounding) in [(v1::DataType::F16, 1e-3), (v1::DataType::Bf16, 8e-3)] {
        let half = activations(1, &layers, data_type).await;
        for (half, whole) in half.iter().zip(&whole) {
            let tensor = half.tensor.as_ref().unwrap();
            assert_eq!(tensor.data_type(), data_type);
            assert_eq!(
                tensor.data.len() * 2,
                whole.tensor.as_ref().unwrap().data.len()
            );
            assert!(distance(&array(half).data, &array(whole).data) < rounding);
        }
    }
}

#[tokio::test]
async fn the_softmax_of_the_logits_is_the_probabilities() {
    let logits = array(&activations(1, &["heads".to_owned()], v1::DataType::F32).await[0]).data;
    let scores = shared()
        .classifier()
        .classify(vec![face_image(90, 0)])
        .await
        .unwrap()
        .results
        .remove(0);
    let mut rest = &logits[..];
    for group in scores.groups {
        let (head, next) = rest.split_at(group.attributes.len() + 1);
        rest = next;
        let sum: f32 = head.iter().map(|logit| logit.exp()).sum();
        for (logit, score) in head.iter().zip(&group.attributes) {
            assert!(
                (logit.exp() / sum - score.probability).abs() < 1e-5,
                "{}",
                score.name
            );
        }
    }
    assert!(rest.is_empty());
}
