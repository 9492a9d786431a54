//! Descents that no method of the generator service has: its own sessions, over the classifier service, with objectives of
//! our own.

use std::sync::Arc;

use deepface_client::ClassifierClient;
use deepface_client::v1::{self, DifferentiateSetup, Objective};
use deepface_evaluate::GuestError;
use deepface_images::image_of;
use generator_svc::api::oracle::GrpcOracle;
use generator_svc::defaults::{self, paper};
use generator_svc::gaussian::Statistics;
use generator_svc::inversion::{
    Basis, Parametrization, Rule, Session, Settings, Start, StepError, View,
};
use generator_svc::workers::Workers;
use image::RgbImage;

/// The paper's descent of pixels.
#[derive(Clone, Debug)]
pub(crate) struct PixelDescent {
    pub(crate) classifier: ClassifierClient,
    pub(crate) statistics: Arc<Statistics>,
    pub(crate) workers: Workers,
    /// Number of steps.
    pub(crate) steps: usize,
    /// Where it starts.
    pub(crate) start: Start,
}

impl PixelDescent {
    /// The picture at the end.
    ///
    /// # Errors
    /// The classifier fails.
    pub(crate) async fn picture(
        &self,
        objectives: Vec<Objective>,
        seed: u64,
    ) -> Result<RgbImage, GuestError> {
        let centre = vec![0.0; self.statistics.prior.components()];
        let parametrization =
            Parametrization::new(self.statistics.clone(), Basis::Pixels, centre, false);
        let descent = Descent {
            classifier: &self.classifier,
            statistics: &self.statistics,
            workers: &self.workers,
        };
        descent
            .picture(objectives, parametrization, self.settings(), seed)
            .await
    }

    /// Those of the paper's preset.
    fn settings(&self) -> Settings {
        Settings {
            steps: self.steps,
            start: self.start,
            jitter: paper::JITTER as usize,
            blur_sigma: paper::BLUR_SIGMA,
            blur_every: paper::BLUR_EVERY as usize,
            ..defaults::descent(Basis::Pixels, Rule::Sgd)
        }
    }
}

/// What descends: the generator's sessions, over the classifier service.
#[derive(Clone, Copy, Debug)]
pub struct Descent<'a> {
    /// Differentiates.
    pub classifier: &'a ClassifierClient,
    /// Statistics that were fitted to the classifier.
    pub statistics: &'a Arc<Statistics>,
    /// Threads for the arithmetic.
    pub workers: &'a Workers,
}

impl Descent<'_> {
    /// The picture at the end of a descent of objectives.
    ///
    /// # Errors
    /// The classifier fails.
    pub async fn picture(
        &self,
        objectives: Vec<Objective>,
        parametrization: Parametrization,
        settings: Settings,
        seed: u64,
    ) -> Result<RgbImage, GuestError> {
        let side = self.statistics.input_size;
        let setup = DifferentiateSetup {
            objectives,
            model_digest: self.statistics.classifier_digest.clone(),
        };
        let stream = self.classifier.differentiate_durably(setup).await?;
        let session = Session::start(
            GrpcOracle::new(stream, side),
            self.workers.clone(),
            parametrization,
            settings,
            (side, seed),
            None,
        );
        let mut session = session.await?;
        while !session.finished() {
            let stepped = session.step().await.map_err(|error| match error {
                StepError::Oracle(error) => GuestError::from(error),
                StepError::Lost(error) => error.into(),
            });
            session = stepped?.0;
        }
        let picture = move |pixels: Vec<f32>| image_of(&pixels, [side as u32; 2]);
        let picture = session.render(View::Seen, picture);
        let picture = picture.await?;
        session.oracle().finish();
        Ok(picture)
    }
}

/// The distance of a layer's activation to a target (eq. 1).
pub fn towards(layer: &str, shape: &[usize], target: Vec<f32>) -> Objective {
    let array = deepface_client::Array {
        shape: shape.to_vec(),
        data: target,
    };
    Objective {
        weight: Some(1.0),
        term: Some(v1::objective::Term::SquaredDistance(v1::SquaredDistance {
            layer: layer.to_owned(),
            target: Some(array.to_tensor(v1::DataType::F32)),
            normalized: true,
        })),
    }
}

/// The probabilities of attributes, with gradients 1 and 0 at the softmaxes (section 3.3.1, step 2).
pub(crate) fn probabilities(present: impl IntoIterator<Item = String>) -> Objective {
    let target = |attribute| v1::AttributeTarget {
        attribute,
        absent: false,
        weight: Some(1.0),
        enough: None,
    };
    let targets = present.into_iter().map(target).collect();
    Objective {
        weight: Some(1.0),
        term: Some(v1::objective::Term::AttributeProbability(
            v1::AttributeProbability { targets },
        )),
    }
}
