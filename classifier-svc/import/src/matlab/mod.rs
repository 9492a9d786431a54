//! MATLAB: MatConvNet's networks are structures in `.mat` files, of version 5 to 7, or of version 7.3, which is HDF5.
//!
//! An array gets the names of the fields that lead to it. An element of a list is named by its field `name`, if it has
//! one: `layers.conv1_1.weights.1`, counting from 1 as MATLAB does.

mod v5;
mod v73;

pub(crate) use v5::read as read_v5;
pub(crate) use v73::read as read_v73;

/// Structures within structures at most.
const MAX_DEPTH: usize = 32;
/// Arrays at most.
const MAX_ARRAYS: usize = 100_000;
/// Bytes of a name at most.
const MAX_NAME: usize = 512;

/// A name below another.
fn join(path: &str, name: &str) -> String {
    match (path, path.len() + name.len() < MAX_NAME) {
        ("", _) => name.into(),
        (_, true) => format!("{path}.{name}"),
        (_, false) => "?".into(),
    }
}
