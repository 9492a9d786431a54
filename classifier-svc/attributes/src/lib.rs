//! The vocabulary: which attributes a face can have, and which of them belong together.
//!
//! Every model, every statistics file and every data set has a [`Schema`]. The default has Kumar's 73 facial attributes
//! (ICCV 2009) in 42 groups.

mod id;
mod kumar;
mod names;
mod schema;
mod synonyms;

pub use id::AttributeId;
pub use names::same_name;
pub use schema::{Group, Schema, SchemaError};
pub use synonyms::{Synonym, synonyms};
