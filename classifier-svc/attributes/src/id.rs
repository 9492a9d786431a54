//! The number of an attribute in its schema.

/// An attribute of a [`crate::Schema`], known by its number: attributes are numbered from 0, group by group. Wherever
/// this project keeps a value for every attribute, it is in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeId(u16);

impl AttributeId {
    /// The attribute with this number; a schema says which numbers exist.
    pub(crate) fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number, from 0.
    pub fn index(self) -> usize {
        self.0.into()
    }
}
