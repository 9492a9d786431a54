//! Pickles: PyTorch's, which say which windows of which storages the tensors are, and those of NumPy arrays.
//!
//! A pickle is read by a machine that knows tensors, arrays and containers and nothing else, so there is nothing that a
//! file could make it execute. The layers of a whole model are objects of classes that nothing is known of; their
//! attributes are read like a dictionary.

mod call;
mod global;
mod legacy;
mod object;
mod pickle;
mod plain;
mod state;
mod zip;

use crate::{Format, ReadError};

pub(crate) use legacy::read as read_legacy;
pub(crate) use plain::read as read_plain;
pub(crate) use zip::{folder, read as read_zip};

/// What is wrong with a pickle.
#[derive(Debug)]
enum Problem {
    /// It is damaged, or does what no state_dict does.
    Malformed(String),
    /// It calls this function.
    Refused(String),
    /// It is sound, but what it holds is not a network: the rest of a sentence.
    Content(String),
    /// A tensor is not right.
    Tensor(ReadError),
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::Malformed(problem)
    }
}

impl Problem {
    fn of(self, format: Format) -> ReadError {
        match self {
            Self::Malformed(problem) => ReadError::Malformed { format, problem },
            Self::Content(problem) => ReadError::Content { format, problem },
            Self::Refused(name) => ReadError::Refused { name },
            Self::Tensor(error) => error,
        }
    }
}
