//! What a network sees in a face.

use deepface_attributes::{ATTRIBUTE_COUNT, AttributeId};

/// What a network sees in one face.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    /// Activation of its last layer but one: faces that are alike lie close together.
    pub(crate) embedding: Vec<f32>,
    /// Probability of every attribute, 0 to 1, in the order of [`AttributeId::all`].
    pub(crate) probabilities: [f32; ATTRIBUTE_COUNT],
}

impl View {
    pub(crate) fn probability(&self, attribute: AttributeId) -> f32 {
        self.probabilities[attribute.index()]
    }
}
