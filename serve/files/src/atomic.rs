//! Files that are written whole or not at all.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// Writes a file beside its place, flushes it to disk, and renames it: it is there whole or not at all.
///
/// # Errors
/// The folder does not exist or cannot be written to.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomically_at(path, |temporary| fs::write(temporary, bytes))
}

/// [`write_atomically`] for a file that is not in memory in one piece: `write` gets the path of an empty temporary
/// file, which it may fill or replace.
///
/// # Errors
/// The folder does not exist or cannot be written to, or `write` fails; then nothing is left behind.
pub fn write_atomically_at(
    path: &Path,
    write: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".deepface-");
    // A temporary file is private; a result is as readable as any other file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder)?;
    let permissions = file.as_file().metadata()?.permissions();
    let temporary = file.into_temp_path();
    write(&temporary)?;
    // Opened again: another file may have taken its place, with other permissions.
    let written = OpenOptions::new().write(true).open(&temporary)?;
    written.set_permissions(permissions)?;
    written.sync_all()?;
    drop(written);
    temporary.persist(path).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        write_atomically(&path, b"first, longer").unwrap();
        write_atomically(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_atomically(&folder.path().join("no/such/folder"), b"x").is_err());
        let failed = write_atomically_at(&path, |temporary| {
            fs::write(temporary, b"third")?;
            Err(io::Error::other("half-way"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "half-way");
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("any"), b"x").unwrap();
        write_atomically(&path("written"), b"x").unwrap();
        write_atomically_at(&path("replaced"), |temporary| {
            tempfile::NamedTempFile::new_in(folder.path())?
                .persist(temporary)
                .map_err(|error| error.error)?;
            Ok(())
        })
        .unwrap();
        let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode();
        assert_eq!(mode("written"), mode("any"));
        assert_eq!(mode("replaced"), mode("any"));
    }
}
