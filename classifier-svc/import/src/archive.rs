//! Zip archives: PyTorch's, NumPy's and Keras' files are such.

use std::io;

use bytes::Bytes;
use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use crate::inflate;

/// An archive whose entries are read by name.
pub(crate) struct Archive<'a> {
    bytes: &'a Bytes,
    file: ZipArchive<io::Cursor<&'a [u8]>>,
    /// Bytes of entries that may still be read: all together are no larger than the archive, unless they overlap.
    left: usize,
    /// Bytes that compressed entries may still grow to.
    inflated: usize,
}

impl<'a> Archive<'a> {
    /// Reads the directory.
    pub(crate) fn open(bytes: &'a Bytes) -> Result<Self, String> {
        let file = ZipArchive::new(io::Cursor::new(&bytes[..])).map_err(|e| e.to_string())?;
        Ok(Self {
            bytes,
            file,
            left: bytes.len(),
            inflated: inflate::allowance(bytes.len()),
        })
    }

    /// The names of all entries that have one, in the order of the directory.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.file.file_names();
        names.filter_map(|name| name.ok().map(Into::into)).collect()
    }

    /// Whether there is an entry of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.file.index_for_name(name).is_some()
    }

    /// The bytes of an entry, which are not copied unless they are compressed; their checksum must be the directory's.
    pub(crate) fn entry(&mut self, name: &str) -> Result<Bytes, String> {
        let wrong = |problem: &dyn std::fmt::Display| format!("entry {name:?}: {problem}");
        let index = self.file.index_for_name(name);
        let index = index.ok_or_else(|| wrong(&"missing"))?;
        let entry = self.file.by_index_raw(index).map_err(|e| wrong(&e))?;
        let method = entry.compression();
        if !matches!(
            method,
            CompressionMethod::Stored | CompressionMethod::DEFLATE
        ) || entry.encrypted()
        {
            return Err(wrong(
                &"encrypted, or compressed by another method than deflate",
            ));
        }
        let (size, crc) = (usize::try_from(entry.compressed_size()), entry.crc32());
        let start = entry.data_start().map(usize::try_from);
        let (Ok(size), Some(Ok(start))) = (size, start) else {
            return Err(wrong(&"its offset is too large"));
        };
        let end = start
            .checked_add(size)
            .filter(|&end| end <= self.bytes.len());
        let (Some(end), Some(left)) = (end, self.left.checked_sub(size)) else {
            return Err(wrong(&"it reaches beyond the end of the file"));
        };
        self.left = left;
        let mut bytes = self.bytes.slice(start..end);
        if method == CompressionMethod::DEFLATE {
            let all = inflate::all(DeflateDecoder::new(&bytes[..]), self.inflated);
            bytes = all.map_err(|e| wrong(&e))?.into();
            self.inflated -= bytes.len();
        }
        let actual = crc32fast::hash(&bytes);
        match actual == crc {
            true => Ok(bytes),
            false => Err(wrong(&format!(
                "damaged: its checksum is {actual:08x}, the archive says {crc:08x}"
            ))),
        }
    }
}
