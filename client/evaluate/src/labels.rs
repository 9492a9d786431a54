//! Which attributes a photograph has.

use deepface_attributes::{AttributeId, Schema};

/// Labels of a photograph: every attribute is present or absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    schema: Schema,
    /// In the order of the schema.
    labels: Vec<bool>,
}

impl Labels {
    /// Labels of all attributes of a schema, in order.
    pub(crate) fn new(schema: &Schema, labels: Vec<bool>) -> Self {
        Self {
            schema: schema.clone(),
            labels,
        }
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// For each attribute whether it is present, in the order of the schema.
    pub(crate) fn present(&self) -> &[bool] {
        &self.labels
    }

    pub(crate) fn has(&self, attribute: AttributeId) -> bool {
        self.labels[attribute.index()]
    }

    /// The attributes that are present, or those that are absent, in order.
    pub(crate) fn all(&self, present: bool) -> impl Iterator<Item = AttributeId> {
        self.schema
            .all()
            .filter(move |&attribute| self.has(attribute) == present)
    }

    /// Their names.
    pub(crate) fn names(&self, present: bool) -> impl Iterator<Item = &str> {
        self.all(present)
            .map(|attribute| self.schema.name(attribute))
    }

    /// Number of attributes that two photographs do not share.
    pub(crate) fn differences(&self, other: &Self) -> usize {
        let both = self.labels.iter().zip(&other.labels);
        both.filter(|(own, other)| own != other).count()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Labels of a photograph that has just these attributes.
    pub(crate) fn labels(present: &[&str]) -> Labels {
        let schema = Schema::default();
        let mut labels = vec![false; schema.len()];
        for name in present {
            labels[schema.find(name).unwrap().index()] = true;
        }
        Labels::new(&schema, labels)
    }

    #[test]
    fn every_attribute_is_present_or_absent() {
        let both = labels(&["Smiling", "Male"]);
        let names: Vec<_> = both.names(true).collect();
        assert_eq!(names, ["Male", "Smiling"]);
        assert_eq!(both.all(false).count(), 71);
        assert_eq!(both.differences(&labels(&["Male", "Bald"])), 2);
    }
}
