//! `torch.save` since PyTorch 1.6: a zip archive with `data.pkl` and a file for each storage, none compressed.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use zip::{CompressionMethod, ZipArchive};

use super::{Problem, object::Storage, pickle, state};
use crate::{Format, ReadError, Tensor, cursor::Cursor};

/// The tensors of a file.
pub(crate) fn read(file: &Bytes) -> Result<Vec<Tensor>, ReadError> {
    tensors(file).map_err(|problem| problem.of(Format::PyTorchZip))
}

fn tensors(file: &Bytes) -> Result<Vec<Tensor>, Problem> {
    let mut archive = Archive::open(file)?;
    let name = archive.file.file_names().find_map(|name| {
        let name = name.ok()?;
        let folder = name.strip_suffix("data.pkl")?;
        (folder.is_empty() || folder.ends_with('/')).then(|| folder.to_owned())
    });
    let folder = name.ok_or_else(|| String::from("the archive has no data.pkl"))?;
    let order = format!("{folder}byteorder");
    if archive.file.index_for_name(&order).is_some() && archive.entry(&order)? != "little" {
        return Err(String::from("expected values in little-endian order").into());
    }
    let mut cursor = Cursor::new(archive.entry(&format!("{folder}data.pkl"))?);
    let objects = pickle::read(&mut cursor)?;
    let mut storages: HashMap<Rc<str>, Bytes> = HashMap::new();
    state::tensors(&objects, |Storage { key, dtype, len }| {
        if let Some(bytes) = storages.get(key) {
            return Ok(bytes.clone());
        }
        let bytes = archive.entry(&format!("{folder}data/{key}"))?;
        if len.checked_mul(dtype.size()) != Some(bytes.len()) {
            return Err(format!(
                "storage {key:?}: expected {len} values of {dtype:?}, got {} bytes",
                bytes.len()
            ));
        }
        storages.insert(key.clone(), bytes.clone());
        Ok(bytes)
    })
}

struct Archive<'a> {
    bytes: &'a Bytes,
    file: ZipArchive<io::Cursor<&'a [u8]>>,
    /// Bytes of entries that may still be read: all together are no larger than the archive, unless they overlap.
    left: usize,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a Bytes) -> Result<Self, String> {
        let file = ZipArchive::new(io::Cursor::new(&bytes[..])).map_err(|e| e.to_string())?;
        let left = bytes.len();
        Ok(Self { bytes, file, left })
    }

    /// The bytes of an entry, which are not copied; their checksum must be the directory's.
    fn entry(&mut self, name: &str) -> Result<Bytes, String> {
        let wrong = |problem: &dyn std::fmt::Display| format!("entry {name:?}: {problem}");
        let index = self.file.index_for_name(name);
        let index = index.ok_or_else(|| wrong(&"missing"))?;
        let entry = self.file.by_index_raw(index).map_err(|e| wrong(&e))?;
        if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
            return Err(wrong(
                &"compressed or encrypted, which torch.save never writes",
            ));
        }
        let (size, crc) = (usize::try_from(entry.size()), entry.crc32());
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
        let bytes = self.bytes.slice(start..end);
        let actual = crc32fast::hash(&bytes);
        match actual == crc {
            true => Ok(bytes),
            false => Err(wrong(&format!(
                "damaged: its checksum is {actual:08x}, the archive says {crc:08x}"
            ))),
        }
    }
}
