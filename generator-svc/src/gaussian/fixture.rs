//! Small statistics that the tests of several modules share.

use std::convert::Infallible;

use deepface_attributes::Schema;
use deepface_network::autoencoder::{Coder, Density, DensitySizes, Topology};
use deepface_statistics::{AttributeCopula, AttributeMoments};
use nalgebra::{DMatrix, DVector};

use super::decoder::Decoder;
use super::given::Given;
use super::images::Images;
use super::{
    Asked, Canvas, Cgmm, Coordinates, Labelled, Layer, Origin, Prior, Regression, Residual, Seen,
    Statistics,
};

/// Small statistics of made-up activations: every attribute moves a neuron of its own, by 1.
pub(crate) fn statistics() -> Statistics {
    const SIDE: usize = 8;
    let schema = Schema::default();
    let n = schema.len();
    let mut second = DMatrix::from_element(n + 1, n + 1, 0.0625);
    second[(0, 0)] = 1.0;
    for i in 1..=n {
        second[(0, i)] = 0.25;
        second[(i, 0)] = 0.25;
        second[(i, i)] = 0.25;
    }
    let attributes = AttributeMoments::new(second);
    let canvas = Canvas::new(SIDE, SIDE);
    let images: Vec<f32> = (0..40 * canvas.size())
        .map(|i| 0.5 + 0.3 * ((i * i) as f32 * 0.37).sin())
        .collect();
    let labels = vec![false; n];
    let labelled = Labelled {
        labels: &[&labels[..]; 40],
        moments: &attributes,
        ridge: 1e-3,
    };
    let mut prior = Prior::fit(canvas, images, 12, labelled, 1, |_| {}).prior;
    // Labels that are all alike teach nothing; the regression on them is made up.
    prior.slopes = DMatrix::from_fn(n, 12, |j, k| if j == k { 1.0 } else { 0.0 });
    prior.given = Given::new(&prior.slopes, &attributes.covariance_matrix());
    let layer = Layer {
        name: "conv4_3".into(),
        shape: vec![n],
        mean: DVector::from_element(n, 2.0),
        means: DMatrix::from_fn(n, n, |i, j| if i == j { 2.75 } else { 2.0 }),
        deviations: DMatrix::from_element(n, n, 0.1),
        weights: vec![1.0; n],
        slopes: DMatrix::identity(n, n),
        residual: vec![0.2; n],
        decoder_response: DMatrix::zeros(0, n),
        response: DMatrix::from_fn(4, n, |k, i| if i == k { 0.2 } else { 0.0 }),
    };
    Statistics {
        schema,
        digest: "d".into(),
        classifier_digest: "c".into(),
        input_size: SIDE,
        origin: Origin {
            images: 40,
            set_size: 2,
            seed: 1,
            lambda: 1e-5,
            ridge: 1e-3,
            prior_variance: 0.9,
        },
        frequencies: attributes.frequencies(),
        copula: AttributeCopula::of(&attributes),
        attributes,
        seen: vec![
            Seen {
                present: 1.0,
                absent: -3.0,
            };
            n
        ],
        layers: vec![layer],
        prior,
        decoder: None,
    }
}

/// The same with a decoder of made-up weights, whose latents every attribute moves a little.
pub(crate) fn with_decoder() -> Statistics {
    const LATENT: usize = 5;
    let mut statistics = statistics();
    let n = statistics.schema.len();
    let topology = Topology {
        side: 16,
        channels: vec![16, 16],
        latent: LATENT,
        fold: 2,
    };
    let mut number = 0;
    let coder = Coder::read(topology, |_, shape| {
        let size: usize = shape.iter().product();
        let inputs = shape[1..].iter().product::<usize>().max(1);
        let values = (0..size).map(|_| {
            number += 1;
            2.0 * ((number * number) as f32 * 0.37).sin() / (inputs as f32).sqrt()
        });
        Ok::<_, Infallible>(values.collect())
    });
    let Ok(coder) = coder;
    let slopes = DMatrix::from_fn(n, LATENT, |j, k| if j % LATENT == k { 0.1 } else { 0.0 });
    let covariance = statistics.attributes.covariance_matrix();
    statistics.decoder = Some(Prior {
        images: Images::Decoder(Decoder::new(coder, statistics.input_size)),
        given: Given::new(&slopes, &covariance),
        slopes,
        learned: None,
    });
    let response = DMatrix::from_fn(2, n, |k, i| if i == k { 0.3 } else { 0.0 });
    statistics.layers[0].decoder_response = response;
    statistics
}

/// The same with a density of made-up weights.
pub(crate) fn with_density() -> Statistics {
    let mut statistics = with_decoder();
    let sizes = DensitySizes {
        latent: statistics.decoder.as_ref().map_or(0, Prior::components),
        conditions: statistics.schema.len(),
        width: 16,
        hidden: 1,
    };
    let density = Density::read(sizes, |_, shape| {
        let size: usize = shape.iter().product();
        let values = (0..size).map(|i| 0.1 * ((i * i) as f32 * 0.61).sin());
        Ok::<_, Infallible>(values.collect())
    });
    let Ok(density) = density;
    let frequencies = statistics.attributes.frequencies();
    let decoder = statistics.decoder.take();
    statistics.decoder = decoder.map(|d| d.with_density(Some(density), frequencies));
    statistics
}

/// A request for the attribute with this number.
pub(crate) fn asked(attribute: usize, absent: bool, strength: f64) -> Asked {
    Asked {
        attribute: Schema::default().id(attribute).unwrap(),
        absent,
        strength,
    }
}

/// A plain regression target: nothing exaggerated, varied or completed with absence.
pub(crate) fn regression() -> Regression {
    Regression {
        layer: super::LayerId(0),
        exaggeration: 0.0,
        variety: 0.0,
        completeness: 0.0,
        emphasis: 0.0,
        residual: Residual::LowRank,
        likelihood: 0.0,
        coordinates: Coordinates::Components,
        margin: 0.0,
    }
}

/// A plain target of the paper.
pub(crate) fn cgmm(sampled: bool) -> Cgmm {
    Cgmm {
        layer: super::LayerId(0),
        exaggeration: 0.0,
        sampled,
        likelihood: 0.0,
    }
}
