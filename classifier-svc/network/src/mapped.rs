//! A weights file in memory without a copy of it.

use std::{fs::File, io, ops::Deref, path::Path};

use memmap2::Mmap;

/// A file, mapped into memory: its pages are read when they are looked at, and belong to the system.
pub(super) struct Mapped(Mmap);

impl Mapped {
    /// Maps a file, which nobody may cut short meanwhile; to replace it by renaming another does no harm.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the bytes are only read, and checked as those of any file are. They are not held across calls.
        Ok(Self(unsafe { Mmap::map(&file)? }))
    }

    /// Lets go of the pages that were looked at. They are there again when they are looked at again.
    pub(super) fn release(&self) {
        #[cfg(unix)]
        // SAFETY: of a mapping that is only read, nothing is lost. That it is refused does no harm.
        let _ = unsafe { self.0.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
