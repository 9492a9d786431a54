//! Why a result cannot go where it should.

use std::io;
use std::path::{Path, PathBuf};

/// Why a result cannot go where it should. Names the path that was typed, and never a temporary file.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The name does not end as the format demands.
    #[error("expected a name that ends in {}, got {:?}", list(.expected), .path)]
    Ending {
        /// The path as typed.
        path: PathBuf,
        /// The endings that are known, without the full stop.
        expected: &'static [&'static str],
    },
    /// The place cannot be written to.
    #[error("cannot write {}", shown(.path))]
    Place {
        /// The path as typed.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl OutputError {
    pub(super) fn at(path: &Path, source: io::Error) -> Self {
        Self::Place {
            path: path.to_owned(),
            source: plain(source),
        }
    }

    /// The kind of the cause.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Ending { .. } => io::ErrorKind::InvalidInput,
            Self::Place { source, .. } => source.kind(),
        }
    }
}

fn shown(path: &Path) -> String {
    match path == Path::new("-") {
        true => "to standard output".to_owned(),
        false => path.display().to_string(),
    }
}

/// `.png, .jpg or .webp`.
fn list(endings: &[&str]) -> String {
    let mut all: Vec<_> = endings.iter().map(|ending| format!(".{ending}")).collect();
    match (all.pop(), all.is_empty()) {
        (Some(last), false) => format!("{} or {last}", all.join(", ")),
        (last, _) => last.unwrap_or_default(),
    }
}

/// The error of the system behind one that names a temporary file.
fn plain(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.source());
    let inner = inner.and_then(|inner| inner.downcast_ref::<io::Error>());
    match inner.and_then(io::Error::raw_os_error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error,
    }
}
