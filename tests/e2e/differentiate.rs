//! Gradients with respect to the image, over the wire.

use deepface_client::{Array, DifferentiateStream, v1};
use deepface_tests::{distance, face_image, face_pixels, shared};
use v1::objective::Term;

async fn size() -> usize {
    let model = shared()
        .classifier()
        .get_model()
        .await
        .unwrap()
        .model
        .unwrap();
    model.input_size as usize
}

fn objective(weight: f64, term: Term) -> v1::Objective {
    v1::Objective {
        weight: Some(weight),
        term: Some(term),
    }
}

/// Distance to another face's activation.
async fn squared_distance(layer: &str, size: usize, normalized: bool) -> Term {
    let request = v1::GetActivationsRequest {
        images: vec![face_image(size, 77)],
        layers: vec![layer.to_owned()],
        data_type: v1::DataType::F32.into(),
        ..Default::default()
    };
    let mut response = shared()
        .classifier()
        .get_activations(request)
        .await
        .unwrap();
    Term::SquaredDistance(v1::SquaredDistance {
        layer: layer.to_owned(),
        target: response.activations.remove(0).tensor,
        normalized,
    })
}

fn likelihood() -> Term {
    let target = |attribute: &str, absent| v1::AttributeTarget {
        attribute: attribute.to_owned(),
        absent,
        weight: None,
        enough: None,
    };
    Term::AttributeLikelihood(v1::AttributeLikelihood {
        targets: vec![target("Male", false), target("Eyeglasses", true)],
    })
}

async fn open(objectives: Vec<v1::Objective>) -> DifferentiateStream {
    let setup = v1::DifferentiateSetup {
        objectives,
        ..Default::default()
    };
    shared().classifier().differentiate(setup).await.unwrap()
}

fn gradient(response: &v1::DifferentiateResponse) -> Vec<f32> {
    Array::try_from(response.gradient.as_ref().unwrap())
        .unwrap()
        .data
}

fn moved(image: &Array, direction: &[f32], by: f32) -> Array {
    let data = image.data.iter().zip(direction).map(|(x, d)| x + by * d);
    Array::new(image.shape.clone(), data.collect()).unwrap()
}

/// Along the gradient the slope is the norm of the gradient. A large step crosses kinks of the rectifiers and a small
/// one is lost in the rounding of f32, so the best of several sizes counts.
async fn slope_error(objectives: Vec<v1::Objective>) -> f64 {
    let image = face_pixels(size().await, 5);
    let mut stream = open(objectives).await;
    let gradient = gradient(&stream.step(&image, &[]).await.unwrap());
    let norm = gradient
        .iter()
        .map(|&g| f64::from(g).powi(2))
        .sum::<f64>()
        .sqrt();
    assert!(norm > 0.0);
    let direction: Vec<f32> = gradient
        .iter()
        .map(|&g| (f64::from(g) / norm) as f32)
        .collect();
    let mut best = f64::INFINITY;
    for h in [0.1, 0.03, 0.01, 0.003, 0.001] {
        let mut loss = async |by| {
            let response = stream
                .step(&moved(&image, &direction, by), &[])
                .await
                .unwrap();
            response.losses[0].total
        };
        let slope = (loss(h).await - loss(-h).await) / (2.0 * f64::from(h));
        best = best.min((slope / norm - 1.0).abs());
    }
    best
}

#[tokio::test]
async fn a_likelihood_counts_until_it_is_enough() {
    let image = face_pixels(size().await, 5);
    let term = |enough| {
        let target = v1::AttributeTarget {
            attribute: "Male".to_owned(),
            enough,
            ..Default::default()
        };
        let targets = vec![target];
        Term::AttributeLikelihood(v1::AttributeLikelihood { targets })
    };
    let step = async |enough| {
        let mut stream = open(vec![objective(1.0, term(enough))]).await;
        let response = stream.step(&image, &[]).await.unwrap();
        (response.losses[0].total, gradient(&response))
    };
    let (loss, along) = step(None).await;
    let p = (-loss).exp();
    let (missing, same) = step(Some(0.5 + p / 2.0)).await;
    assert!(
        (missing - ((0.5 + p / 2.0) / p).ln()).abs() < 1e-4,
        "{missing} {p}"
    );
    assert_eq!(same, along);
    let (nothing, none) = step(Some(0.9 * p)).await;
    assert_eq!(nothing, 0.0);
    assert!(none.iter().all(|&g| g == 0.0));
}

#[tokio::test]
async fn gradients_agree_with_finite_differences() {
    let size = size().await;
    let vjp = Term::VectorJacobianProduct(v1::VectorJacobianProduct {
        layer: "fc6".to_owned(),
        cotangent: match squared_distance("fc6", size, false).await {
            Term::SquaredDistance(distance) => distance.target,
            _ => None,
        },
    });
    for (name, term) in [
        (
            "distance at conv3_2",
            squared_distance("conv3_2", size, false).await,
        ),
        (
            "distance at pool4",
            squared_distance("pool4", size, true).await,
        ),
        ("distance at fc7", squared_distance("fc7", size, true).await),
        ("likelihood", likelihood()),
        ("product at fc6", vjp),
    ] {
        let error = slope_error(vec![objective(1.5, term)]).await;
        assert!(error < 0.01, "{name}: {error}");
    }
}

#[tokio::test]
async fn losses_and_gradients_of_terms_add_up() {
    let size = size().await;
    let image = face_pixels(size, 5);
    let distance_term = squared_distance("conv4_3", size, true).await;
    let mut results = Vec::new();
    for objectives in [
        vec![
            objective(2.0, distance_term.clone()),
            objective(0.5, likelihood()),
        ],
        vec![objective(2.0, distance_term)],
        vec![objective(0.5, likelihood())],
    ] {
        results.push(open(objectives).await.step(&image, &[]).await.unwrap());
    }
    let [both, one, other] = &results[..] else {
        unreachable!()
    };
    let loss = &both.losses[0];
    assert_eq!(loss.terms.len(), 2);
    assert!((loss.total - loss.terms.iter().sum::<f64>()).abs() < 1e-9);
    assert!(
        (loss.total - one.losses[0].total - other.losses[0].total).abs() < 1e-5 * loss.total.abs()
    );
    let sum: Vec<_> = gradient(one)
        .iter()
        .zip(gradient(other))
        .map(|(a, b)| a + b)
        .collect();
    assert!(distance(&gradient(both), &sum) < 1e-4);
}

#[tokio::test]
async fn a_batch_agrees_with_single_images() {
    let size = size().await;
    let objectives = vec![objective(
        1.0,
        squared_distance("conv4_3", size, true).await,
    )];
    let mut stream = open(objectives).await;
    let images: Vec<_> = (0..3).map(|seed| face_pixels(size, seed)).collect();
    let all = images.iter().flat_map(|image| image.data.clone()).collect();
    let batch = Array::new(vec![3, 3, size, size], all).unwrap();
    let layers = ["fc6".to_owned()];
    let together = stream.step(&batch, &layers).await.unwrap();
    assert_eq!(
        together.gradient.as_ref().unwrap().shape,
        [3, 3, size as i64, size as i64]
    );
    let gradients = gradient(&together);
    let activations = Array::try_from(together.activations[0].tensor.as_ref().unwrap()).unwrap();
    for (i, image) in images.iter().enumerate() {
        let alone = stream.step(image, &layers).await.unwrap();
        assert_eq!(alone.losses[0], together.losses[i]);
        let n = image.data.len();
        assert_eq!(gradient(&alone), gradients[i * n..(i + 1) * n]);
        let activation = Array::try_from(alone.activations[0].tensor.as_ref().unwrap()).unwrap();
        let n = activation.data.len();
        assert_eq!(activation.data, activations.data[i * n..(i + 1) * n]);
    }
}

#[tokio::test]
async fn following_the_gradient_lowers_the_loss() {
    let size = size().await;
    let objectives = vec![objective(
        1.0,
        squared_distance("conv3_3", size, true).await,
    )];
    let mut stream = open(objectives).await;
    let mut image = face_pixels(size, 5);
    let mut losses = Vec::new();
    for _ in 0..10 {
        let response = stream.step(&image, &[]).await.unwrap();
        losses.push(response.losses[0].total);
        let gradient = gradient(&response);
        let largest = gradient.iter().fold(0.0f32, |m, g| m.max(g.abs()));
        image = moved(&image, &gradient, -0.02 / largest);
    }
    assert!(losses[9] < 0.9 * losses[0], "{losses:?}");
}
