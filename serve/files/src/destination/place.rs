//! What a path leads to: standard output, a stream, or a regular file.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Most symbolic links that are followed to a file that does not exist yet.
const MOST_LINKS: usize = 40;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Standard output.
    Stdout,
    /// A device, a FIFO, or an open descriptor, by its path.
    Stream(PathBuf),
    /// A regular file, which may not exist yet, links resolved.
    File(PathBuf),
}

impl Place {
    /// Follows the links of a path.
    ///
    /// # Errors
    /// It leads to a folder or nowhere, or is empty.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        let mut at = path.to_owned();
        for _ in 0..MOST_LINKS {
            match fs::metadata(&at) {
                Ok(there) if is_stdout(&there) => return Ok(Self::Stdout),
                Ok(there) if there.is_dir() => return Err(folder()),
                Ok(there) if there.is_file() && !is_descriptor(&at) => {
                    return fs::canonicalize(&at).map(Self::File);
                }
                Ok(_) => return Ok(Self::Stream(at)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            match fs::read_link(&at) {
                Ok(target) => at = folder_of(&at).join(target),
                Err(_) if names_a_folder(&at) => return Err(folder()),
                Err(_) => return Ok(Self::File(absolute(at))),
            }
        }
        Err(io::Error::other("too many symbolic links"))
    }
}

/// A path that does not exist, by its folder's only name, if the folder exists.
fn absolute(path: PathBuf) -> PathBuf {
    let folder = fs::canonicalize(folder_of(&path));
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// The folder that holds a path.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn folder() -> io::Error {
    io::Error::new(
        io::ErrorKind::IsADirectory,
        "expected the name of a file, got a folder",
    )
}

/// Whether a path that does not exist can only be meant as a folder: it is empty, or ends in `/` or `..`.
fn names_a_folder(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    path.file_name().is_none() || bytes.last().is_some_and(|&b| b == b'/')
}

/// Opens a stream for writing. That waits for the reader of a FIFO.
pub(super) fn open_stream(stream: &Path) -> io::Result<File> {
    // A descriptor of a regular file goes on behind what was written through it.
    let append = fs::metadata(stream)?.is_file();
    OpenOptions::new().write(true).append(append).open(stream)
}

/// Finds out whether a stream may be written. It is not opened: that would wait for the reader of a FIFO, and closing it
/// would tell the reader that everything was sent.
pub(super) fn probe_stream(stream: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if fs::metadata(stream)?.file_type().is_socket() {
            return Err(io::Error::other("a socket cannot be opened"));
        }
        rustix::fs::access(stream, rustix::fs::Access::WRITE_OK)?;
    }
    #[cfg(not(unix))]
    let _ = stream;
    Ok(())
}

/// What distinguishes a file from all others.
#[cfg(unix)]
pub(super) fn id(file: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (file.dev(), file.ino())
}

/// Whether this is what standard output goes to.
#[cfg(unix)]
fn is_stdout(file: &Metadata) -> bool {
    use std::os::fd::AsFd;
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    let stdout = stdout.and_then(|stdout| File::from(stdout).metadata());
    stdout.is_ok_and(|stdout| id(&stdout) == id(file))
}

#[cfg(not(unix))]
fn is_stdout(_: &Metadata) -> bool {
    false
}

/// Whether a path is an open descriptor, such as `/dev/fd/63` or `/proc/self/fd/63`, or a link to one.
fn is_descriptor(path: &Path) -> bool {
    let mut at = path.to_owned();
    for _ in 0..MOST_LINKS {
        let folder = fs::canonicalize(folder_of(&at)).unwrap_or_default();
        if folder == Path::new("/dev/fd") || folder.starts_with("/proc") && folder.ends_with("fd") {
            return true;
        }
        let Ok(target) = fs::read_link(&at) else {
            return false;
        };
        at = folder_of(&at).join(target);
    }
    false
}
