//! Files: written whole or not at all, and known by their digest.

mod atomic;
mod digest;

pub use atomic::{write_atomically, write_atomically_with};
pub use digest::{sha256, sha256_of};
