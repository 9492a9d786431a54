//! Faces whose activations are moved, for `deepface evaluate`: by the generator's own descent of a changed face, which its
//! service offers only towards attributes.

use std::sync::Arc;

use deepface_client::v1::{self, GetActivationsRequest};
use deepface_client::{Array, ClassifierClient, encoded_image};
use deepface_evaluate::{GuestError, Moved, Mover, Painting};
use deepface_images::png;
use deepface_paper::{Descent, towards};
use generator_svc::defaults;
use generator_svc::gaussian::Statistics;
use generator_svc::inversion::{Basis, Parametrization, Rule, Settings};
use generator_svc::source::StatisticsSource;
use generator_svc::workers::Workers;
use image::RgbImage;

/// Threads for linear algebra: a descent at a time needs no more.
const THREADS: usize = 2;

/// The descent of a changed face, in this process.
pub(crate) struct Movement {
    classifier: ClassifierClient,
    statistics: Arc<Statistics>,
    workers: Workers,
}

impl Movement {
    /// With the built-in statistics; `None` where the generator serves others, with this digest.
    ///
    /// # Errors
    /// They cannot be read, or threads cannot be started.
    pub(crate) fn like(classifier: ClassifierClient, digest: &str) -> anyhow::Result<Option<Self>> {
        let statistics = StatisticsSource::Embedded.load()?;
        if statistics.digest != digest {
            return Ok(None);
        }
        Ok(Some(Self {
            classifier,
            statistics: Arc::new(statistics),
            workers: Workers::new(THREADS)?,
        }))
    }

    /// As the generator changes a face, with the prior around the face itself.
    async fn find(&self, moved: Moved<'_>) -> Result<RgbImage, GuestError> {
        let (pixels, mut target) = self.seen(&moved).await?;
        if target.data.len() != moved.by.len() {
            let (expected, got) = (target.data.len(), moved.by.len());
            return Err(format!("expected a direction of {expected} values, got {got}").into());
        }
        let both = target.data.iter_mut().zip(moved.by);
        both.for_each(|(x, by)| *x += by);
        let statistics = self.statistics.clone();
        let around = move || {
            let (centre, detail) = statistics.prior.take_apart(&pixels.data);
            Parametrization::new(statistics.clone(), Basis::Prior, centre, true)
                .with_detail(Some(detail))
        };
        let parametrization = self.workers.run(around).await?;
        let settings = Settings {
            conditional: true,
            ..defaults::descent(Basis::Prior, Rule::Adam)
        };
        let objective = towards(moved.layer, &target.shape, target.data);
        let descent = Descent {
            classifier: &self.classifier,
            statistics: &self.statistics,
            workers: &self.workers,
        };
        let picture = descent.picture(vec![objective], parametrization, settings, moved.seed);
        picture.await
    }

    /// The face's pixels as the network sees them, and its activation.
    async fn seen(&self, moved: &Moved<'_>) -> Result<(Array, Array), GuestError> {
        let request = GetActivationsRequest {
            images: vec![encoded_image(png(moved.face)?, v1::Framing::Face)],
            layers: vec![moved.layer.to_owned()],
            data_type: v1::DataType::F32.into(),
            skip_face_check: true,
            model_digest: self.statistics.classifier_digest.clone(),
            return_pixels: true,
            ..Default::default()
        };
        let reply = self.classifier.get_activations(request).await?;
        let pixels = reply.rows.first().and_then(|row| row.pixels.as_ref());
        let activation = reply.activations.first().and_then(|a| a.tensor.as_ref());
        let (Some(pixels), Some(activation)) = (pixels, activation) else {
            return Err("expected pixels and an activation from the classifier".into());
        };
        let (pixels, mut activation) = (Array::try_from(pixels)?, Array::try_from(activation)?);
        let side = self.statistics.input_size;
        if pixels.shape != [3, side, side] {
            let shape = pixels.shape;
            return Err(
                format!("expected pixels of shape [3, {side}, {side}], got {shape:?}").into(),
            );
        }
        // A target has no batch.
        activation.shape = activation.shape.split_off(1.min(activation.shape.len()));
        Ok((pixels, activation))
    }
}

impl Mover for Movement {
    fn paint<'a>(&'a self, moved: Moved<'a>) -> Painting<'a> {
        Box::pin(self.find(moved))
    }
}
