//! What a network sees in a face.

use deepface_attributes::AttributeId;

/// What a network sees in one face.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Activation of its last layer but one: faces that are alike lie close together.
    pub embedding: Vec<f32>,
    /// Probability of every attribute of the evaluation, 0 to 1; `None` of those that the network does not know.
    pub probabilities: Vec<Option<f32>>,
}

impl View {
    /// Probability of an attribute.
    pub fn probability(&self, attribute: AttributeId) -> Option<f32> {
        self.probabilities[attribute.index()]
    }
}
