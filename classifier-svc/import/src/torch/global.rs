//! The functions and classes that a pickle names.

use std::rc::Rc;

use crate::Dtype;

/// A function or a class. To name one costs nothing; only those with a meaning here can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Global {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `collections.defaultdict`: a function, then what a dictionary takes.
    DefaultDict,
    /// `torch._utils._rebuild_tensor` or `_rebuild_tensor_v2`: storage, offset, shape, strides, and more that does not
    /// matter.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`: a tensor, and more that does not matter.
    RebuildParameter,
    /// `torch._tensor._rebuild_from_type_v2`: a function, a type, the function's arguments, attributes.
    RebuildFromType,
    /// `torch.FloatStorage` and its like.
    Storage(Dtype),
    /// `copyreg._reconstructor`: a class, and more that does not matter.
    Reconstructor,
    /// `numpy.core.multiarray._reconstruct`: an array without shape and values, which follow.
    Reconstruct,
    /// `numpy.core.numeric._frombuffer`: values, type, shape, order.
    FromBuffer,
    /// `numpy.dtype`: a text such as `f4`, and more that does not matter.
    NumpyDtype,
    /// `_codecs.encode`: bytes that protocol 2 wrote as a Latin-1 text.
    Encode,
    /// A class whose values say nothing about weights, such as a date, a path or a set.
    Inert,
    /// Any other function or class, with its module.
    Other(Rc<str>),
}

impl Global {
    /// The meaning of a name.
    pub(super) fn find(module: &str, name: &str) -> Self {
        match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("collections", "defaultdict") => Self::DefaultDict,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Self::RebuildParameter
            }
            ("torch._tensor", "_rebuild_from_type_v2") => Self::RebuildFromType,
            ("torch", "FloatStorage") => Self::Storage(Dtype::F32),
            ("torch", "DoubleStorage") => Self::Storage(Dtype::F64),
            ("torch", "HalfStorage") => Self::Storage(Dtype::F16),
            ("torch", "BFloat16Storage") => Self::Storage(Dtype::BF16),
            ("torch", "LongStorage") => Self::Storage(Dtype::Other(8)),
            ("torch", "IntStorage") => Self::Storage(Dtype::Other(4)),
            ("torch", "ShortStorage") => Self::Storage(Dtype::Other(2)),
            ("torch", "CharStorage" | "ByteStorage" | "BoolStorage") => {
                Self::Storage(Dtype::Other(1))
            }
            ("copyreg" | "copy_reg", "_reconstructor") => Self::Reconstructor,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => {
                Self::Reconstruct
            }
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Self::FromBuffer,
            ("numpy", "dtype") => Self::NumpyDtype,
            ("_codecs", "encode") => Self::Encode,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar")
            | ("torch", "Size" | "device" | "Generator")
            | ("torch.serialization", "_get_layout")
            | ("torch.jit._pickle", _)
            | (
                "builtins" | "__builtin__",
                "set" | "frozenset" | "slice" | "complex" | "bytearray",
            )
            | ("collections", "Counter" | "deque")
            | ("datetime", "datetime" | "date" | "timedelta" | "timezone")
            | (
                "pathlib" | "pathlib._local",
                "PosixPath" | "WindowsPath" | "PurePosixPath" | "PureWindowsPath" | "Path",
            )
            | ("argparse", "Namespace") => Self::Inert,
            _ => Self::Other(format!("{module}.{name}").into()),
        }
    }
}
