//! The functions and classes that a state_dict names.

use super::Problem;
use crate::Dtype;

/// A name with a meaning here. All others are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `torch._utils._rebuild_tensor` or `_rebuild_tensor_v2`: storage, offset, shape, strides, and more that does not
    /// matter.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`: a tensor, and more that does not matter.
    RebuildParameter,
    /// `torch.FloatStorage` and its like.
    Storage(Dtype),
}

impl Global {
    /// The meaning of a name.
    pub(super) fn find(module: &str, name: &str) -> Result<Self, Problem> {
        Ok(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
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
            _ => return Err(Problem::Refused(format!("{module}.{name}"))),
        })
    }
}
