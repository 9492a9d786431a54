//! Why a data set cannot be read.

use std::path::{Path, PathBuf};

/// Why a data set cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// There is not exactly one label file.
    #[error(
        "expected one label file in {dir} (*_attributes.txt as in LFW, list_attr_celeba.txt as in CelebA, or a .csv or .tsv \
         of that name), found {}; --labels says which",
        crate::columns::listed(&.found.iter().map(String::as_str).collect::<Vec<_>>())
    )]
    LabelFiles {
        /// The folder that was searched.
        dir: PathBuf,
        /// Names of such files.
        found: Vec<String>,
    },
    /// A table is malformed.
    #[error("{path}, line {line}: {problem}")]
    Malformed {
        /// The table.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What was expected and what came.
        problem: String,
    },
    /// No photograph of the label file exists.
    #[error("none of the {rows} photographs named in {labels} lies under {dir}")]
    Empty {
        /// The folder that was searched.
        dir: PathBuf,
        /// The label file.
        labels: PathBuf,
        /// Rows in it.
        rows: usize,
    },
}

/// The error of a file or folder that cannot be read.
pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> DatasetError {
    let path = path.to_owned();
    |source| DatasetError::Io { path, source }
}
