//! `torch.save` before PyTorch 1.6: a magic number, a version, facts of the system, the object, the names of its
//! storages, each a pickle; then each storage, its length and its values.

use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;

use super::{
    Problem,
    object::{Object, Objects, Storage},
    pickle, state,
};
use crate::{Dtype, Format, ReadError, Tensor, cursor::Cursor};

const VERSION: i64 = 1001;

/// The tensors of a file.
pub(crate) fn read(file: &Bytes) -> Result<Vec<Tensor>, ReadError> {
    tensors(file).map_err(|problem| problem.of(Format::PyTorchLegacy))
}

fn tensors(file: &Bytes) -> Result<Vec<Tensor>, Problem> {
    let mut cursor = Cursor::new(file.clone());
    // The magic number, by which the format was recognised.
    pickle::read(&mut cursor)?;
    match pickle::read(&mut cursor)?.root() {
        Object::Int(VERSION) => {}
        other => return Err(format!("expected version {VERSION}, got {other:?}").into()),
    }
    check_order(&pickle::read(&mut cursor)?)?;
    let objects = pickle::read(&mut cursor)?;
    let keys = pickle::read(&mut cursor)?;
    let storages = storages(&mut cursor, &objects, &keys)?;
    state::tensors(&objects, |storage| {
        let bytes = storages.get(&storage.key).cloned();
        bytes.ok_or_else(|| format!("storage {:?} is not in the file", storage.key))
    })
}

/// Only values whose lowest byte comes first are read.
fn check_order(system: &Objects) -> Result<(), Problem> {
    let Object::Dict(facts) = system.root() else {
        return Err(String::from("the system information is not a dictionary").into());
    };
    let order = facts.iter().find(|(key, _)| {
        let key = system.text(*key);
        key.is_some_and(|key| &**key == "little_endian")
    });
    match order.map(|(_, value)| system.get(*value)) {
        Some(Object::Bool(true)) => Ok(()),
        _ => Err(String::from("expected values in little-endian order").into()),
    }
}

/// The storages behind the pickles, by name.
fn storages(
    cursor: &mut Cursor,
    objects: &Objects,
    keys: &Objects,
) -> Result<HashMap<Rc<str>, Bytes>, Problem> {
    let mut known: HashMap<&str, (Dtype, usize)> = HashMap::new();
    for object in &objects.all {
        if let Object::Storage(Storage { key, dtype, len }) = object {
            known.insert(key, (*dtype, *len));
        }
    }
    let Some(names) = keys.sequence(keys.root) else {
        return Err(String::from("the storage names are not a list").into());
    };
    let mut storages = HashMap::new();
    for &name in names {
        let Some(name) = keys.text(name) else {
            return Err(String::from("a storage name is not a string").into());
        };
        let Some(&(dtype, expected)) = known.get(&**name) else {
            return Err(format!("storage {name:?} belongs to no tensor").into());
        };
        let len = u64::from_le_bytes(cursor.array()?);
        if len != expected as u64 {
            return Err(format!("storage {name:?}: expected {expected} values, got {len}").into());
        }
        let bytes = expected.checked_mul(dtype.size());
        let bytes = cursor.take(bytes.unwrap_or(usize::MAX))?;
        storages.insert(name.clone(), bytes);
    }
    Ok(storages)
}
