//! Regular files: replaced whole by a temporary file beside them, or written in place where that is impossible.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::TempPath;

use super::place::folder_of;

/// Whether a file is there that may not be replaced: it is not empty.
pub(super) fn is_taken(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|there| there.len() > 0)
}

/// What is said of a file that may not be replaced.
pub(super) fn exists_already() -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        "it exists already; --force replaces it",
    )
}

/// Finds out whether a file can be written, without changing it.
pub(super) fn probe(file: &Path, replace: bool) -> io::Result<()> {
    if !replace && is_taken(file) {
        return Err(exists_already());
    }
    if file.exists() {
        // Whoever may not write a file may not replace it either.
        return OpenOptions::new().write(true).open(file).map(drop);
    }
    probe_folder(folder_of(file))
}

/// Finds out whether files can be made in a folder.
pub(super) fn probe_folder(folder: &Path) -> io::Result<()> {
    let made = temporary_in(folder, None);
    made.map(drop).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let text = format!("the folder {folder:?} does not exist");
            io::Error::new(io::ErrorKind::NotFound, text)
        }
        _ => error,
    })
}

/// A new temporary file: private while a private file is to be replaced, else as readable as any other file.
fn temporary_in(folder: &Path, like: Option<&Permissions>) -> io::Result<TempPath> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".deepface-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = like.map_or(0o666, |like| like.mode() & 0o666);
        builder.permissions(Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = like;
    Ok(builder.tempfile_in(folder)?.into_temp_path())
}

/// A result in a temporary file, which disappears unless it is committed.
pub(super) struct Filled {
    path: TempPath,
    /// Permissions of a file that was not there before.
    fresh: Permissions,
    /// Whether the temporary file lies beside its place, and can be renamed.
    beside: bool,
}

impl Filled {
    /// Fills a temporary file beside `file`, or anywhere if there is none or its folder cannot be written to.
    pub(super) fn new(
        file: Option<&Path>,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<Self> {
        let there = file.and_then(|file| fs::metadata(file).ok());
        let permissions = there.map(|there| there.permissions());
        let beside = file.map(|file| temporary_in(folder_of(file), permissions.as_ref()));
        let (path, beside) = match beside {
            Some(Ok(path)) => (path, true),
            Some(Err(error)) if permissions.is_none() => return Err(error),
            _ => (tempfile::NamedTempFile::new()?.into_temp_path(), false),
        };
        let fresh = fs::metadata(&path)?.permissions();
        fill(&path)?;
        Ok(Self {
            path,
            fresh,
            beside,
        })
    }

    /// Copies the result to a stream.
    pub(super) fn copy_to(&self, out: &mut impl Write) -> io::Result<()> {
        io::copy(&mut File::open(&self.path)?, out)?;
        out.flush()
    }

    /// Gives the result its place. Gives itself back where another file has taken it.
    pub(super) fn commit(self, file: &Path, replace: bool) -> Result<(), (io::Error, Self)> {
        if !replace && is_taken(file) {
            return Err((exists_already(), self));
        }
        match file.exists() {
            true => self.replace(file),
            false => self.create(file),
        }
    }

    fn create(self, file: &Path) -> Result<(), (io::Error, Self)> {
        if let Err(error) = self.finish(None) {
            return Err((error, self));
        }
        let (fresh, beside) = (self.fresh, self.beside);
        self.path.persist_noclobber(file).map_err(|error| {
            let taken = error.error.kind() == io::ErrorKind::AlreadyExists;
            let this = Self {
                path: error.path,
                fresh,
                beside,
            };
            (if taken { exists_already() } else { error.error }, this)
        })
    }

    fn replace(self, file: &Path) -> Result<(), (io::Error, Self)> {
        let renamed = self.beside
            && has_one_name(file)
            && self.finish(Some(file)).is_ok()
            && fs::rename(&self.path, file).is_ok();
        if renamed {
            return Ok(());
        }
        // A mount point, a hard link, a folder without permission, or an owner that cannot be kept.
        self.write_in_place(file).map_err(|error| (error, self))
    }

    /// Gives the temporary file mode and owner of the file that it replaces, and flushes it to disk.
    fn finish(&self, like: Option<&Path>) -> io::Result<()> {
        // Opened again: another file may have taken its place, with other permissions.
        let written = OpenOptions::new().write(true).open(&self.path)?;
        match like.map(fs::metadata).transpose()? {
            None => written.set_permissions(self.fresh.clone())?,
            Some(there) => {
                keep_owner(&written, &there)?;
                // After the owner: a change of owner takes special bits away.
                written.set_permissions(there.permissions())?;
            }
        }
        written.sync_all()
    }

    fn write_in_place(&self, file: &Path) -> io::Result<()> {
        let mut out = OpenOptions::new().write(true).open(file)?;
        let written = io::copy(&mut File::open(&self.path)?, &mut out)?;
        out.set_len(written)?;
        out.sync_all()
    }
}

#[cfg(unix)]
fn has_one_name(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(file).is_ok_and(|there| there.nlink() == 1)
}

#[cfg(not(unix))]
fn has_one_name(_: &Path) -> bool {
    true
}

#[cfg(unix)]
fn keep_owner(file: &File, like: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let own = file.metadata()?;
    if (own.uid(), own.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    fchown(file, Some(like.uid()), Some(like.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}
