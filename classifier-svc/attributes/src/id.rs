//! One of the 73 attributes.

use std::fmt;

use crate::{ATTRIBUTE_COUNT, GROUPS};

/// Names by number, so that looking one up costs no walk over the groups.
const NAMES: [&str; ATTRIBUTE_COUNT] = names();

const fn names() -> [&'static str; ATTRIBUTE_COUNT] {
    let mut all = [""; ATTRIBUTE_COUNT];
    let (mut group, mut next) = (0, 0);
    while group < GROUPS.len() {
        let mut i = 0;
        while i < GROUPS[group].attributes.len() {
            all[next] = GROUPS[group].attributes[i];
            next += 1;
            i += 1;
        }
        group += 1;
    }
    all
}

/// An attribute. Attributes are numbered group by group, in the order of [`GROUPS`]; wherever this project keeps a
/// value for every attribute, it is in that order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeId(u8);

impl AttributeId {
    /// All 73, in order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + DoubleEndedIterator + Clone {
        (0..ATTRIBUTE_COUNT as u8).map(Self)
    }

    /// The names of all 73, in order.
    pub fn names() -> impl ExactSizeIterator<Item = &'static str> + Clone {
        NAMES.iter().copied()
    }

    /// The attribute with this number, if there is one.
    pub fn from_index(index: usize) -> Option<Self> {
        (index < ATTRIBUTE_COUNT).then_some(Self(index as u8))
    }

    /// The attribute with exactly this name.
    pub const fn from_name(name: &str) -> Option<Self> {
        let mut number = 0;
        while number < ATTRIBUTE_COUNT {
            if equal(NAMES[number].as_bytes(), name.as_bytes()) {
                return Some(Self(number as u8));
            }
            number += 1;
        }
        None
    }

    /// Its number, from 0.
    pub fn index(self) -> usize {
        self.0.into()
    }

    /// Its name, as the label files spell it.
    pub fn name(self) -> &'static str {
        NAMES[self.index()]
    }
}

/// `a == b`, which constants cannot say yet.
const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

impl fmt::Debug for AttributeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttributeId({})", self.name())
    }
}

impl fmt::Display for AttributeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_73_attributes_with_distinct_names() {
        let mut names: Vec<_> = AttributeId::all().map(AttributeId::name).collect();
        assert!(names.iter().all(|name| !name.is_empty()));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ATTRIBUTE_COUNT);
    }

    #[test]
    fn an_attribute_is_found_by_its_exact_name_and_by_its_number() {
        for attribute in AttributeId::all() {
            assert_eq!(AttributeId::from_name(attribute.name()), Some(attribute));
            assert_eq!(AttributeId::from_index(attribute.index()), Some(attribute));
        }
        assert_eq!(
            AttributeId::from_name("Male").map(AttributeId::index),
            Some(0)
        );
        assert_eq!(AttributeId::from_name("male"), None);
        assert_eq!(AttributeId::from_index(ATTRIBUTE_COUNT), None);
    }
}
