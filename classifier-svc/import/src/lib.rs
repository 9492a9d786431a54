//! Reads the weights of networks as others publish them: the bytes of a file in, named tensors out.
//!
//! Which format a file has is told by its content, never by its name. Values stay in the file's bytes until
//! [`Tensor::read`] asks for them, so an unused tensor costs nothing. Nothing in a file is executed, and what
//! it says of itself is checked against its length before memory is taken for it; what is compressed may grow to a
//! bounded multiple of the file.

mod archive;
mod caffe;
mod cursor;
mod error;
mod format;
mod hdf5;
mod inflate;
mod keras;
mod matlab;
mod npy;
mod recognise;
mod safetensors;
mod tensor;
mod torch;
mod torch7;

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
    /// The tensors, in the order of the file, or of the layers where the file says it; no two have the same name.
    pub tensors: Vec<Tensor>,
    /// The texts of a safetensors header; empty for other formats.
    pub metadata: HashMap<String, String>,
}

/// Reads a file of weights.
///
/// Tensors are named by all that leads to them in the file: layers of Caffe give `NAME.weight` and `NAME.bias`; PyTorch's
/// dictionaries their keys, with points between them; HDF5 its groups, with slashes; MATLAB's structures their fields.
/// Shapes are those of the file.
///
/// # Errors
/// The format is not known, the file is damaged, holds no tensor, or a pickle calls anything but what makes tensors.
pub fn read(file: &Bytes) -> Result<Contents, ReadError> {
    let mut format = Format::recognise(file)?;
    let mut metadata = HashMap::new();
    let tensors = match format {
        Format::Caffe => caffe::read(file)?,
        Format::PyTorchZip | Format::TorchScript => torch::read_zip(file, format)?,
        Format::PyTorchLegacy => torch::read_legacy(file)?,
        Format::Pickle => torch::read_plain(file.clone(), format)?,
        Format::Safetensors => {
            let (tensors, texts) = safetensors::read(file)?;
            metadata = texts;
            tensors
        }
        Format::Keras | Format::Hdf5 => {
            let (kind, tensors) = keras::read_hdf5(file)?;
            format = kind;
            tensors
        }
        Format::KerasZip => keras::read_zip(file)?,
        Format::Matlab => matlab::read_v5(file)?,
        Format::MatlabHdf5 => matlab::read_v73(file)?,
        Format::Torch7 => torch7::read(file)?,
        Format::Npy => npy::read_npy(file)?,
        Format::Npz => npy::read_npz(file)?,
    };
    if tensors.is_empty() {
        return Err(ReadError::Content {
            format,
            problem: "holds no tensor".into(),
        });
    }
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
