//! Faces by the autoencoder, for the table of methods: drawn, and by inversion with its decoder as the parametrisation.

use std::sync::{Arc, Mutex};

use deepface_client::ClassifierClient;
use deepface_client::v1::DifferentiateSetup;
use deepface_evaluate::{Guest, GuestError, Painting, Wanted};
use deepface_network::autoencoder::{Autoencoder, Resample};
use generator_svc::api::oracle::GrpcOracle;
use generator_svc::gaussian::Statistics;
use generator_svc::inversion::{Optimizer, Oracle, Rule, regularizers};
use image::RgbImage;

use super::autoencoder::load;
use crate::bench::Bench;
use crate::descent::towards;
use crate::error::PaperError;
use crate::faces::picture;

/// Layer of the target.
const LAYER: &str = "conv4_3";
/// Steps of the descent, its rate in the unit of a latent, and the weight of the distance from the latent that it starts
/// from.
const STEPS: usize = 50;
const RATE: f64 = 0.1;
const PRIOR: f64 = 0.05;

/// A face drawn from the autoencoder.
pub(crate) struct Drawn(Mutex<Autoencoder>);

/// Feature inversion in the latents of the autoencoder, towards the regression's target.
pub(crate) struct Inverted {
    autoencoder: Mutex<Autoencoder>,
    classifier: ClassifierClient,
    statistics: Arc<Statistics>,
}

impl Drawn {
    /// # Errors
    /// The autoencoder's file cannot be read.
    pub(crate) fn new(bench: &Bench<'_>) -> Result<Self, PaperError> {
        Ok(Self(Mutex::new(load(bench)?)))
    }
}

impl Guest for Drawn {
    fn name(&self) -> &str {
        "vae"
    }

    fn note(&self) -> &'static str {
        "a variational autoencoder (section 8): a latent drawn given the attributes, decoded"
    }

    fn paint<'a>(&'a self, wanted: Wanted<'a>) -> Painting<'a> {
        let made = with(&self.0, |autoencoder| {
            let pixels = autoencoder.sample(&attributes(&wanted), wanted.seed)?;
            Ok(picture(&pixels, autoencoder.side()))
        });
        Box::pin(std::future::ready(made))
    }
}

impl Inverted {
    /// # Errors
    /// The autoencoder's file cannot be read.
    pub(crate) fn new(bench: &Bench<'_>) -> Result<Self, PaperError> {
        Ok(Self {
            autoencoder: Mutex::new(load(bench)?),
            classifier: bench.classifier.clone(),
            statistics: bench.statistics.clone(),
        })
    }

    /// The regression's target for a description.
    fn target(&self, values: &[f64]) -> Result<(Vec<usize>, Vec<f32>), GuestError> {
        let layer = self.statistics.find_layer(LAYER);
        let layer = layer.ok_or("the statistics have no conv4_3")?;
        let layer = self.statistics.layer(layer);
        let offsets = values.iter().zip(&self.statistics.frequencies);
        let offsets: Vec<f64> = offsets.map(|(v, f)| v - f).collect();
        Ok((layer.shape.clone(), layer.regression(&offsets).data.into()))
    }

    async fn descend(&self, wanted: Wanted<'_>) -> Result<RgbImage, GuestError> {
        let (shape, target) = self.target(wanted.values)?;
        let setup = DifferentiateSetup {
            objectives: vec![towards(LAYER, &shape, target)],
            model_digest: self.statistics.classifier_digest.clone(),
        };
        let side = self.statistics.input_size;
        let stream = self.classifier.differentiate_durably(setup).await?;
        let mut oracle = GrpcOracle::new(stream, side);
        let attributes = attributes(&wanted);
        let own = with(&self.autoencoder, |a| Ok(a.side()))?;
        let start = with(&self.autoencoder, |a| Ok(a.draw(&attributes, wanted.seed)?))?;
        let mut latent = start.clone();
        let mut optimizer = Optimizer::new(Rule::Adam, RATE, STEPS, latent.len());
        let (up, decode) = (Resample::new(own, side), |latent: &[f32]| {
            with(&self.autoencoder, |a| Ok(a.decode(latent, &attributes)?))
        });
        for _ in 0..STEPS {
            let evaluation = oracle.evaluate(up.apply(&decode(&latent)?)).await?;
            let gradient = up.adjoint(&evaluation.gradient);
            let mut gradient = with(&self.autoencoder, |a| {
                Ok(a.pull_back(&latent, &attributes, &gradient)?)
            })?;
            regularizers::mahalanobis(PRIOR, &latent, &start, &mut gradient);
            optimizer.step(&mut latent, &gradient);
        }
        oracle.finish();
        Ok(picture(&decode(&latent)?, own))
    }
}

impl Guest for Inverted {
    fn name(&self) -> &str {
        "vae-inversion"
    }

    fn note(&self) -> &'static str {
        "feature inversion towards a regression target on conv4_3, in the latents of that autoencoder"
    }

    fn paint<'a>(&'a self, wanted: Wanted<'a>) -> Painting<'a> {
        Box::pin(self.descend(wanted))
    }
}

/// What is asked for, as the autoencoder was trained: 1 present, 0 absent.
fn attributes(wanted: &Wanted<'_>) -> Vec<f32> {
    let present = wanted.present.iter();
    present
        .map(|&present| f32::from(u8::from(present)))
        .collect()
}

/// Uses the autoencoder, whose buffers one face at a time can have.
fn with<T>(
    autoencoder: &Mutex<Autoencoder>,
    work: impl FnOnce(&mut Autoencoder) -> Result<T, GuestError>,
) -> Result<T, GuestError> {
    let locked = autoencoder.lock();
    let mut locked = locked.map_err(|_| "another face's arithmetic panicked")?;
    work(&mut locked)
}
