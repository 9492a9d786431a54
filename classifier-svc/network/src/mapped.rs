//! A weights file in memory without a copy.

use std::{fs::File, io, ops::Deref, path::Path};

use memmap2::Mmap;

/// A file mapped into memory: its pages are read on access and belong to the system.
pub(super) struct Mapped(Mmap);

impl Mapped {
    /// Maps a file, which must not be truncated while it is mapped; replacing it by a rename does no harm.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the bytes are only read, and checked like those of any file. They are not held across calls.
        Ok(Self(unsafe { Mmap::map(&file)? }))
    }

    /// Gives the pages that were read back to the system. They are read again on the next access.
    pub(super) fn release(&self) {
        #[cfg(unix)]
        // SAFETY: a mapping that is only read loses nothing. If the system refuses, that does no harm.
        let _ = unsafe { self.0.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
