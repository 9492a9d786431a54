//! The reference face: the same seed without a request. Changes are counted from it, and kept attributes are held there.

use deepface_proto::v1::{self, AttributeScore};

use super::inversion::Inversion;
use super::picture::to_wire;
use super::scores::classify;
use super::status::Refusal;

/// The face from which changes are counted, and what the classifier sees in it once it was asked.
#[derive(Debug, PartialEq)]
pub(super) struct Reference {
    face: Face,
    scores: Option<Vec<AttributeScore>>,
}

#[derive(Debug, PartialEq)]
enum Face {
    /// The prior's at these coordinates.
    At(Vec<f32>),
    /// The one to change, as a tensor.
    Given(v1::Image),
}

impl Reference {
    /// The prior's face at these coordinates.
    pub(super) fn at(coordinates: Vec<f32>) -> Self {
        Self {
            face: Face::At(coordinates),
            scores: None,
        }
    }

    /// The face to change, which the classifier has seen.
    pub(super) fn given(image: v1::Image, scores: Vec<AttributeScore>) -> Self {
        Self {
            face: Face::Given(image),
            scores: Some(scores),
        }
    }

    /// The face to change, if there is one.
    pub(super) fn image(&self) -> Option<&v1::Image> {
        match &self.face {
            Face::At(_) => None,
            Face::Given(image) => Some(image),
        }
    }

    /// The scores of the face, one per attribute. The classifier is asked once.
    ///
    /// # Errors
    /// The classifier does not answer, or the work panicked.
    pub(super) async fn scores(
        &mut self,
        inversion: &Inversion,
    ) -> Result<&[AttributeScore], Refusal> {
        if self.scores.is_none() {
            self.scores = Some(classify(inversion, self.render(inversion).await?).await?);
        }
        Ok(self.scores.as_deref().unwrap_or_default())
    }

    async fn render(&self, inversion: &Inversion) -> Result<v1::Image, Refusal> {
        let coordinates = match &self.face {
            Face::At(coordinates) => coordinates.clone(),
            Face::Given(image) => return Ok(image.clone()),
        };
        let statistics = inversion.statistics.clone();
        let moved = inversion.descent.basis.coordinates();
        let image = inversion.workers.run(move || {
            let mut pixels = statistics.prior(moved).image(&coordinates);
            pixels.iter_mut().for_each(|x| *x = x.clamp(0.0, 1.0));
            to_wire(&pixels, statistics.input_size, v1::ImageFormat::Tensor)
        });
        image.await?
    }
}
