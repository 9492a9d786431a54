//! The tensors of a state_dict.

use bytes::Bytes;

use super::{
    Problem,
    object::{Object, Objects, Ref, Storage, Window},
};
use crate::Tensor;

/// Tensors at most: dictionaries may share their contents, so few bytes could name any number.
const MAX_TENSORS: usize = 10_000;

/// The tensors of a dictionary and of the dictionaries in it, named by their keys; `fetch` gives the bytes of a
/// storage. Entries that are not tensors are skipped.
pub(super) fn tensors(
    objects: &Objects,
    mut fetch: impl FnMut(&Storage) -> Result<Bytes, String>,
) -> Result<Vec<Tensor>, Problem> {
    let Object::Dict(entries) = objects.root() else {
        return Err(String::from(
            "expected a dictionary of tensors (a state_dict), got something else",
        )
        .into());
    };
    let mut found: Vec<(String, &Window)> = Vec::new();
    let mut collect = |prefix: &str, entries: &[(Ref, Ref)]| {
        for &(key, value) in entries {
            if let (Some(key), Some(window)) = (objects.text(key), objects.window(value)) {
                found.push((format!("{prefix}{key}"), window));
            }
        }
        found.len() <= MAX_TENSORS
    };
    let mut few = collect("", entries);
    for &(key, value) in entries {
        if let (true, Some(key), Object::Dict(inner)) = (few, objects.text(key), objects.get(value))
        {
            few = collect(&format!("{key}."), inner);
        }
    }
    if !few {
        return Err(format!("expected at most {MAX_TENSORS} tensors, got more").into());
    }
    let tensors = found.into_iter().map(|(name, window)| {
        let Window {
            storage,
            offset,
            shape,
            strides,
        } = window.clone();
        let bytes = fetch(&storage)?;
        Tensor::window(name, shape, storage.dtype, &bytes, offset, strides).map_err(Problem::Tensor)
    });
    let tensors: Vec<Tensor> = tensors.collect::<Result<_, Problem>>()?;
    match tensors.is_empty() {
        true => Err(String::from("the dictionary holds no tensor").into()),
        false => Ok(tensors),
    }
}
