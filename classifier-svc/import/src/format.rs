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
    /// `torch.jit.save`: the same archive, and the code of the network.
    TorchScript,
    /// `pickle.dump` of a dictionary of NumPy arrays.
    Pickle,
    /// safetensors.
    Safetensors,
    /// Keras' HDF5 files: `.h5`, `.weights.h5`.
    Keras,
    /// Keras 3: a zip archive with an HDF5 file in it, `.keras`.
    KerasZip,
    /// Any other HDF5 file.
    Hdf5,
    /// MATLAB 5 to 7, `.mat`.
    Matlab,
    /// MATLAB 7.3, `.mat`: HDF5.
    MatlabHdf5,
    /// Torch 7, `.t7`.
    Torch7,
    /// One NumPy array, or one pickled dictionary of arrays, `.npy`.
    Npy,
    /// A zip archive of NumPy arrays, `.npz`.
    Npz,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caffe => "Caffe",
            Self::PyTorchZip => "PyTorch (zip)",
            Self::PyTorchLegacy => "PyTorch (before 1.6)",
            Self::TorchScript => "TorchScript",
            Self::Pickle => "pickle",
            Self::Safetensors => "safetensors",
            Self::Keras => "Keras (HDF5)",
            Self::KerasZip => "Keras (.keras)",
            Self::Hdf5 => "HDF5",
            Self::Matlab => "MATLAB",
            Self::MatlabHdf5 => "MATLAB 7.3",
            Self::Torch7 => "Torch 7",
            Self::Npy => "NumPy (.npy)",
            Self::Npz => "NumPy (.npz)",
        })
    }
}
