//! Why a file is not read.

use crate::Format;

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The beginning is that of no format that is read.
    #[error(
        "expected weights (a caffemodel; PyTorch's .pth; Keras' .h5 or .keras; MatConvNet's .mat; Torch 7's .t7; \
         safetensors; NumPy's .npz), got a file that begins with {start}"
    )]
    Unknown {
        /// The first bytes, readable.
        start: String,
    },
    /// A format that is known, and not read.
    #[error("this is {what}: {advice}")]
    Unsupported {
        /// Which format.
        what: String,
        /// What to do about it.
        advice: String,
    },
    /// The file is sound, but does not hold the tensors of a network.
    #[error("the {format} file {problem}")]
    Content {
        /// The format of the file.
        format: Format,
        /// What it holds, as the rest of a sentence.
        problem: String,
    },
    /// The file is not what its format asks for: truncated, damaged, or made to hurt.
    #[error("truncated or damaged {format} file: {problem}")]
    Malformed {
        /// The format that the beginning is of.
        format: Format,
        /// Where it goes wrong.
        problem: String,
    },
    /// A pickle calls a function that weights do not need.
    #[error(
        "the pickle calls {name}, which weights do not need; nothing was executed. If you trust the file, load it with \
         Python and save only its tensors: torch.save(model.state_dict(), FILE)"
    )]
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

impl ReadError {
    /// A format that is known, and not read.
    pub(crate) fn unsupported(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Unsupported {
            what: what.into(),
            advice: advice.into(),
        }
    }
}
