//! What a request asks of a face's attributes.

use deepface_attributes::AttributeId;

/// What is asked of one attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// The attribute.
    pub attribute: AttributeId,
    /// Whether it should be absent.
    pub absent: bool,
    /// How strongly: 1 is as in the training data, 2 twice as far from the mean, near 0 as if it were not named.
    pub strength: f64,
}

/// Everything that a request says about attributes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    /// Attributes asked for, each at most once.
    pub asked: Vec<Asked>,
    /// Attributes that must stay as they are; none of them is also asked for.
    pub kept: Vec<AttributeId>,
}

impl Wish {
    /// What is asked of an attribute, if the request asks for its presence or absence.
    pub fn of(&self, attribute: AttributeId) -> Option<&Asked> {
        self.asked.iter().find(|a| a.attribute == attribute)
    }

    /// Whether an attribute must stay as it is.
    pub fn keeps(&self, attribute: AttributeId) -> bool {
        self.kept.contains(&attribute)
    }

    /// Whether the request says nothing about an attribute.
    pub fn leaves_open(&self, attribute: AttributeId) -> bool {
        !self.keeps(attribute) && self.of(attribute).is_none()
    }

    /// The attributes that should be present, in the order of the request.
    pub fn present(&self) -> impl Iterator<Item = AttributeId> {
        let present = self.asked.iter().filter(|a| !a.absent);
        present.map(|a| a.attribute)
    }
}
