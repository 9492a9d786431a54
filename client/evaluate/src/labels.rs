//! Which attributes a photograph has.

use deepface_attributes::{ATTRIBUTE_COUNT, AttributeId};

/// Labels of a photograph: every attribute is present or absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Labels([bool; ATTRIBUTE_COUNT]);

impl Labels {
    /// In the order of [`AttributeId::all`].
    pub(crate) fn new(labels: [bool; ATTRIBUTE_COUNT]) -> Self {
        Self(labels)
    }

    pub(crate) fn has(&self, attribute: AttributeId) -> bool {
        self.0[attribute.index()]
    }

    /// The attributes that are present, or those that are absent, in order.
    pub(crate) fn all(&self, present: bool) -> impl Iterator<Item = AttributeId> {
        AttributeId::all().filter(move |&attribute| self.has(attribute) == present)
    }

    /// Number of attributes that two photographs do not share.
    pub(crate) fn differences(&self, other: &Self) -> usize {
        AttributeId::all()
            .filter(|&attribute| self.has(attribute) != other.has(attribute))
            .count()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Labels of a photograph that has just these attributes.
    pub(crate) fn labels(present: &[&str]) -> Labels {
        let mut labels = [false; ATTRIBUTE_COUNT];
        for name in present {
            labels[AttributeId::from_name(name).unwrap().index()] = true;
        }
        Labels::new(labels)
    }

    #[test]
    fn every_attribute_is_present_or_absent() {
        let both = labels(&["Smiling", "Male"]);
        let names: Vec<_> = both.all(true).map(AttributeId::name).collect();
        assert_eq!(names, ["Male", "Smiling"]);
        assert_eq!(both.all(false).count(), ATTRIBUTE_COUNT - 2);
        assert_eq!(both.differences(&labels(&["Male", "Bald"])), 2);
    }
}
