//! Why a file is not read.

use crate::Format;

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The beginning is that of no format that is read.
    #[error(
        "expected a caffemodel, a PyTorch file or safetensors, got a file that begins with {start}"
    )]
    Unknown {
        /// The first bytes, readable.
        start: String,
    },
    /// A format that is known, and not read.
    #[error("this is {what}: {advice}")]
    Unsupported {
        /// Which format.
        what: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// The file is not what its format asks for: truncated, damaged, or made to hurt.
    #[error("not a whole {format} file: {problem}")]
    Malformed {
        /// The format that the beginning is of.
        format: Format,
        /// Where it goes wrong.
        problem: String,
    },
    /// A pickle asks for a function or a class that weights do not need.
    #[error("the pickle asks for {name}, which weights do not need; nothing was executed")]
    Refused {
        /// Which one, with its module.
        name: String,
    },
    /// A tensor's description and its data do not fit.
    #[error("tensor {name:?}: {problem}")]
    Tensor {
        /// Which one.
        name: String,
        /// What does not fit.
        problem: String,
    },
}
