//! `torch.save` since PyTorch 1.6: a zip archive with `data.pkl` and a file for each storage, none compressed.
//! `torch.jit.save` writes the same, with the code of the network beside it, which is not read.

use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;

use super::{Problem, object::Storage, pickle, state};
use crate::{Format, ReadError, Tensor, archive::Archive, cursor::Cursor};

/// The tensors of a file.
pub(crate) fn read(file: &Bytes, format: Format) -> Result<Vec<Tensor>, ReadError> {
    tensors(file).map_err(|problem| problem.of(format))
}

/// The folder of an archive that PyTorch wrote, with a slash behind it.
pub(crate) fn folder(names: &[String]) -> Option<&str> {
    let folders = names
        .iter()
        .filter_map(|name| name.strip_suffix("data.pkl"));
    let mut folders = folders.filter(|folder| folder.is_empty() || folder.ends_with('/'));
    folders.next()
}

fn tensors(file: &Bytes) -> Result<Vec<Tensor>, Problem> {
    let mut archive = Archive::open(file)?;
    let names = archive.names();
    let folder = folder(&names).ok_or_else(|| String::from("the archive has no data.pkl"))?;
    let order = format!("{folder}byteorder");
    if archive.has(&order) && archive.entry(&order)? != "little" {
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
