//! What an inversion descends, and who decides it.

use deepface_proto::v1;

use super::inversion::Inversion;
use super::reference::Reference;
use super::status::Refusal;

/// Decides what an inversion descends, once the classifier's model is known: Generate makes a target activation,
/// Invert asks the classifier for the activations of an image.
pub(super) trait Goal: Send + 'static {
    /// What to descend with the model that is served.
    ///
    /// # Errors
    /// The model does not fit the request or the statistics, or the classifier does not answer.
    fn objectives(
        self,
        inversion: &Inversion,
        model: &v1::Model,
    ) -> impl Future<Output = Result<Objectives, Refusal>> + Send;
}

/// What to descend, and around what.
#[derive(Debug)]
pub(super) struct Objectives {
    /// The distance to a target or another first term; then further terms.
    pub(super) terms: Vec<v1::Objective>,
    /// Coordinates that the image prior expects.
    pub(super) centre: Vec<f32>,
    /// What of an image the prior cannot show, `[3, S, S]`: it stays in every iterate.
    pub(super) detail: Option<Vec<f32>>,
    /// The face of the same seed and no request, or the one to change: changes are counted from there.
    pub(super) reference: Option<Reference>,
    /// What the classifier saw in the image whose activations are wanted, if there is one.
    pub(super) seen: Option<v1::ActivationRow>,
}
