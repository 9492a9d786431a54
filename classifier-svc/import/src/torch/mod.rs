//! PyTorch: a pickle that says which windows of which storages the tensors are, and the storages.
//!
//! The pickle is read by a machine that knows tensors and containers and nothing else, so there is nothing that a file
//! could make it execute.

mod global;
mod legacy;
mod object;
mod pickle;
mod state;
mod zip;

use crate::{Format, ReadError};

pub(crate) use legacy::read as read_legacy;
pub(crate) use zip::read as read_zip;

/// What is wrong with a pickle.
#[derive(Debug)]
enum Problem {
    /// It is damaged, or does what no state_dict does.
    Malformed(String),
    /// It asks for this function or class.
    Refused(String),
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
            Self::Refused(name) => ReadError::Refused { name },
            Self::Tensor(error) => error,
        }
    }
}
