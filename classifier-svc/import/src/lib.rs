//! Reads the weights of networks as others publish them: the bytes of a file in, named tensors out.
//!
//! Which format a file has is told by its content, never by its name. Values stay in the file's bytes until
//! [`Tensor::read`] asks for them, so an unused tensor costs nothing. Nothing in a file is executed, and what
//! it says of itself is checked against its length before memory is taken for it.

mod caffe;
mod cursor;
mod error;
mod format;
mod recognise;
mod safetensors;
mod tensor;
mod torch;

use std::collections::{HashMap, HashSet};

pub use bytes::Bytes;
pub use error::ReadError;
pub use format::Format;
pub use tensor::{Dtype, Tensor};

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The format that was recognised.
    pub format: Format,
    /// The tensors, in the order of the file; no two have the same name.
    pub tensors: Vec<Tensor>,
    /// The texts of a safetensors header; empty for other formats.
    pub metadata: HashMap<String, String>,
}

/// Reads a file of weights.
///
/// Layers of Caffe give `NAME.weight` and `NAME.bias`; a PyTorch state_dict gives its keys, and where it lies within
/// another dictionary, that one's key and a point before them.
///
/// # Errors
/// The format is not known, the file is damaged, or a pickle asks for anything but tensors.
pub fn read(file: &Bytes) -> Result<Contents, ReadError> {
    let format = Format::recognise(file)?;
    let mut metadata = HashMap::new();
    let tensors = match format {
        Format::Caffe => caffe::read(file)?,
        Format::PyTorchZip => torch::read_zip(file)?,
        Format::PyTorchLegacy => torch::read_legacy(file)?,
        Format::Safetensors => {
            let (tensors, texts) = safetensors::read(file)?;
            metadata = texts;
            tensors
        }
    };
    let mut names = HashSet::new();
    if let Some(twice) = tensors.iter().find(|t| !names.insert(t.name())) {
        return Err(twice.wrong("the name occurs twice"));
    }
    Ok(Contents {
        format,
        tensors,
        metadata,
    })
}
