//! The vocabulary of the project: 73 facial attributes (Kumar et al., ICCV 2009) in 42 groups.

mod groups;
mod id;
mod synonyms;

pub use groups::{ATTRIBUTE_COUNT, GROUPS, Group};
pub use id::AttributeId;
pub use synonyms::{Synonym, synonyms};
