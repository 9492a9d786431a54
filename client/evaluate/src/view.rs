//! What a network sees in a face.

/// What a network sees in one face.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Activation of its last layer but one: faces that are alike lie close together.
    pub embedding: Vec<f32>,
    /// Probability of every attribute, 0 to 1, in the order of [`deepface_attributes::AttributeId::all`].
    pub probabilities: Vec<f32>,
}
