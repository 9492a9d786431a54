//! Files: results go out in one way, files are known by their digest, and their arrays are checked.

mod arrays;
mod destination;
mod digest;
mod note;
mod tensors;

pub use arrays::{DoubleArray, FloatArray};
pub use destination::{
    Destination, Existing, OutputError, check_folder, make_folder_of, same_file, write_atomically,
};
pub use digest::{sha256, sha256_of};
pub use note::write_note;
pub use tensors::{TensorError, Tensors, tensors_digest, with_text, write_tensors};
