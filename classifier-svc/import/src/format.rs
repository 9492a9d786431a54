//! The formats of weights.

use std::fmt;

/// A format of weights that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A protocol buffer of Caffe, `.caffemodel`.
    Caffe,
    /// `torch.save` since PyTorch 1.6: a zip archive.
    PyTorchZip,
    /// `torch.save` before that: pickles, then the values.
    PyTorchLegacy,
    /// safetensors.
    Safetensors,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caffe => "Caffe",
            Self::PyTorchZip => "PyTorch (zip)",
            Self::PyTorchLegacy => "PyTorch (before 1.6)",
            Self::Safetensors => "safetensors",
        })
    }
}
