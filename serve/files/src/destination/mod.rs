//! The one way out for results: a destination is checked before the work, and written after it.

mod error;
mod file;
mod place;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

pub use error::OutputError;
use file::exists_already;
use place::{Place, open_stream};

/// Most numbers that are tried to find an unused name.
const MOST_NUMBERS: u32 = 9999;

/// What to do with a regular file that is there already and not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Refuse it.
    Refuse,
    /// Replace its content.
    Replace,
    /// Leave it, and add a number to the name: `face-2.png`.
    Number,
}

impl Existing {
    /// For a name that the user typed: replaced only with `--force`.
    pub fn unless_forced(force: bool) -> Self {
        if force { Self::Replace } else { Self::Refuse }
    }
}

/// A place for a result that can be written, as far as that can be known before.
///
/// `-` is standard output, and so is every name of it, such as `/dev/stdout`. A device, a FIFO or a descriptor
/// (`/dev/fd/63`) is opened and written, and never replaced. A regular file is replaced whole or not at all, and keeps its
/// mode and owner; symbolic links to it are followed. Where it cannot be replaced, because it has several names (hard
/// links), is a mount point, or lies in a folder that cannot be written to, it is written in place.
#[derive(Clone, Debug)]
pub struct Destination {
    /// As typed.
    typed: PathBuf,
    /// With its number.
    path: PathBuf,
    place: Place,
    existing: Existing,
    ending: &'static str,
}

impl Destination {
    /// Checks a place before the work: that its name ends in one of `endings` (any, if there are none), that its folder
    /// exists, and that it can be written. Changes nothing. Streams need no ending, and get the first.
    ///
    /// # Errors
    /// [`OutputError::Ending`]; or [`OutputError::Place`] for a folder, a missing folder, a file that exists, a place that
    /// cannot be written to, or a terminal as standard output.
    pub fn check(
        path: &Path,
        endings: &'static [&'static str],
        existing: Existing,
    ) -> Result<Self, OutputError> {
        let failed = |source| OutputError::at(path, source);
        let place = Place::of(path).map_err(failed)?;
        let ending = ending(path, endings, matches!(place, Place::File(_)))?;
        let mut destination = Self {
            typed: path.to_owned(),
            path: path.to_owned(),
            place,
            existing,
            ending,
        };
        if existing == Existing::Number {
            destination.number(1)?;
        }
        destination.probe().map_err(failed)?;
        Ok(destination)
    }

    /// The path as typed, with its number if one was added.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The ending that decides the format, in lower case.
    pub fn ending(&self) -> &'static str {
        self.ending
    }

    /// Whether this is standard output, by whatever name.
    pub fn is_stdout(&self) -> bool {
        matches!(self.place, Place::Stdout)
    }

    /// Whether this is a file, beside which other files can lie.
    pub fn is_file(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    /// Whether both are the same place.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (Place::Stdout, Place::Stdout) => true,
            (Place::File(a) | Place::Stream(a), Place::File(b) | Place::Stream(b)) => {
                a == b || same_file(a, b)
            }
            _ => false,
        }
    }

    /// Writes the result, and gives the path that it went to: another process may have taken the name meanwhile.
    ///
    /// # Errors
    /// [`OutputError::Place`]; a regular file is then as it was, unless it was written in place.
    pub fn write(&self, bytes: &[u8]) -> Result<PathBuf, OutputError> {
        match &self.place {
            Place::Stdout => write_stdout(bytes),
            Place::Stream(stream) => open_stream(stream).and_then(|mut s| s.write_all(bytes)),
            Place::File(_) => return self.write_with(|temporary| fs::write(temporary, bytes)),
        }
        .map_err(|source| OutputError::at(&self.path, source))?;
        Ok(self.path.clone())
    }

    /// [`Self::write`] for a result that is not in memory in one piece: `fill` gets the path of an empty temporary file,
    /// which it may fill or replace.
    ///
    /// # Errors
    /// As for [`Self::write`], or `fill` fails.
    pub fn write_with(
        &self,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<PathBuf, OutputError> {
        let failed = |source| OutputError::at(&self.path, source);
        let filled = file::Filled::new(self.file(), fill).map_err(failed)?;
        match &self.place {
            Place::Stdout => filled.copy_to(&mut io::stdout().lock()),
            Place::Stream(stream) => open_stream(stream).and_then(|mut s| filled.copy_to(&mut s)),
            Place::File(_) => return self.commit(filled),
        }
        .map_err(failed)?;
        Ok(self.path.clone())
    }

    /// Gives a filled temporary file its name; with the next number if that was taken meanwhile.
    fn commit(&self, mut filled: file::Filled) -> Result<PathBuf, OutputError> {
        let mut here = self.clone();
        let replace = self.existing == Existing::Replace;
        for number in 2.. {
            let Place::File(file) = &here.place else {
                break;
            };
            match filled.commit(file, replace) {
                Ok(()) => break,
                Err((error, unused))
                    if here.existing == Existing::Number
                        && error.kind() == io::ErrorKind::AlreadyExists =>
                {
                    filled = unused;
                    here = self.clone();
                    here.number(number)?;
                }
                Err((error, _)) => return Err(OutputError::at(&self.path, error)),
            }
        }
        Ok(here.path)
    }

    fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::File(file) => Some(file),
            Place::Stdout | Place::Stream(_) => None,
        }
    }

    /// Goes to the first name that is not taken, from this number on.
    fn number(&mut self, from: u32) -> Result<(), OutputError> {
        for number in from..=MOST_NUMBERS {
            self.path = numbered(&self.typed, number);
            let place = Place::of(&self.path);
            self.place = place.map_err(|source| OutputError::at(&self.path, source))?;
            if !self.file().is_some_and(file::is_taken) {
                return Ok(());
            }
        }
        Err(OutputError::at(&self.typed, exists_already()))
    }

    /// Finds out whether the place can be written, without changing it.
    fn probe(&self) -> io::Result<()> {
        match &self.place {
            Place::Stdout if io::stdout().is_terminal() => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is a terminal; redirect it to a file or a program",
            )),
            Place::Stdout => Ok(()),
            Place::Stream(stream) => place::probe_stream(stream),
            Place::File(file) => file::probe(file, self.existing == Existing::Replace),
        }
    }
}

/// Whether two paths lead to the same file that exists, through links of any kind.
pub fn same_file(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    if let (Ok(a), Ok(b)) = (fs::metadata(a), fs::metadata(b)) {
        return place::id(&a) == place::id(&b);
    }
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

/// Creates the folder of a file that does not exist yet, with those above it.
///
/// # Errors
/// [`OutputError::Place`].
pub fn make_folder_of(file: &Path) -> Result<(), OutputError> {
    let folder = place::folder_of(file);
    fs::create_dir_all(folder).map_err(|source| OutputError::at(folder, source))
}

/// Creates a folder, with those above it, and checks that files can be made in it.
///
/// # Errors
/// [`OutputError::Place`].
pub fn check_folder(folder: &Path) -> Result<(), OutputError> {
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    fs::create_dir_all(folder)
        .and_then(|()| file::probe_folder(folder))
        .map_err(|source| OutputError::at(folder, source))
}

/// Writes a file whole or not at all, replacing one that exists; see [`Destination`].
///
/// # Errors
/// [`OutputError::Place`].
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    let destination = Destination::check(path, &[], Existing::Replace)?;
    destination.write(bytes).map(drop)
}

fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}

/// The ending of a name, one of those expected.
fn ending(
    path: &Path,
    endings: &'static [&'static str],
    needed: bool,
) -> Result<&'static str, OutputError> {
    let typed = path.extension().unwrap_or_default();
    let mut all = endings.iter();
    let found = all.find(|ending| typed.eq_ignore_ascii_case(ending));
    match (found, endings.first()) {
        (Some(ending), _) => Ok(ending),
        (None, Some(_)) if needed => Err(OutputError::Ending {
            path: path.to_owned(),
            expected: endings,
        }),
        (None, first) => Ok(first.copied().unwrap_or_default()),
    }
}

/// `face-2.png` for `face.png`; the first has no number.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number < 2 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}
