//! Files: written whole or not at all, known by their digest, and their arrays checked.

mod atomic;
mod digest;
mod note;
mod tensors;

pub use atomic::{write_atomically, write_atomically_at};
pub use digest::{sha256, sha256_of};
pub use note::write_note;
pub use tensors::{FloatArray, TensorError, Tensors, with_text, write_tensors};
