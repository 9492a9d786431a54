//! The tensors of a pickle, wherever in its dictionaries, lists and objects they lie.

use std::collections::HashSet;

use bytes::Bytes;

use super::{
    Problem,
    object::{Array, Object, Objects, Ref, Storage, Window},
};
use crate::Tensor;

/// Tensors at most: dictionaries may share their contents, so few bytes could name any number.
const MAX_TENSORS: usize = 10_000;
/// Containers at most, and the longest name: together they bound the memory for names.
const MAX_CONTAINERS: usize = 100_000;
const MAX_NAME: usize = 512;

/// Dictionaries of a module of PyTorch, which its state_dict leaves out of names.
const OF_MODULE: [&str; 3] = ["_parameters", "_buffers", "_modules"];

/// The tensors of a pickle in its order, named by keys, places in lists and attributes with points between them; `fetch`
/// gives the bytes of a storage. What is not a tensor is skipped.
pub(super) fn tensors(
    objects: &Objects,
    mut fetch: impl FnMut(&Storage) -> Result<Bytes, String>,
) -> Result<Vec<Tensor>, Problem> {
    if let Object::Tensor(Window { shape, .. }) | Object::Array(Some(Array { shape, .. })) =
        objects.root()
    {
        return Err(Problem::Content(format!(
            "is a single tensor of shape {shape:?}; expected the tensors of a network by name"
        )));
    }
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut open: Vec<(String, Ref)> = vec![(String::new(), objects.root)];
    while let Some((name, at)) = open.pop() {
        match objects.get(at) {
            Object::Tensor(window) => {
                let bytes = fetch(&window.storage)?;
                found.push(tensor(name, window.clone(), &bytes).map_err(Problem::Tensor)?);
            }
            Object::Array(Some(held)) => {
                found.push(array(name, held.clone()).map_err(Problem::Tensor)?);
            }
            container if seen.insert(at) => {
                let first = open.len();
                open.extend(children(objects, container, &name).take(MAX_CONTAINERS + 1));
                // The last is the next.
                open[first..].reverse();
            }
            _ => {}
        }
        if found.len() > MAX_TENSORS || open.len() + seen.len() > MAX_CONTAINERS {
            return Err(format!(
                "expected at most {MAX_TENSORS} tensors and {MAX_CONTAINERS} containers, got more"
            )
            .into());
        }
    }
    match found.is_empty() {
        true => Err(Problem::Content("holds no tensor".into())),
        false => Ok(found),
    }
}

/// What lies in a container and is a tensor or another container, by its name.
fn children<'a>(
    objects: &'a Objects,
    container: &'a Object,
    prefix: &'a str,
) -> Box<dyn Iterator<Item = (String, Ref)> + 'a> {
    let below = move |name: &str| match prefix {
        "" => name.to_owned(),
        _ => format!("{prefix}.{name}"),
    };
    let kept = move |at: Ref| {
        matches!(
            objects.get(at),
            Object::Tensor(_)
                | Object::Array(_)
                | Object::Dict(_)
                | Object::Instance(_)
                | Object::Sequence(_)
        )
    };
    let short = |(name, _): &(String, Ref)| name.len() <= MAX_NAME;
    match container {
        Object::Dict(entries) | Object::Instance(entries) => {
            let of_object = matches!(container, Object::Instance(_));
            let entries = entries.iter().filter(move |(_, value)| kept(*value));
            let named = entries.filter_map(move |&(key, value)| {
                let name = match objects.get(key) {
                    Object::Text(key) if of_object && OF_MODULE.contains(&&**key) => {
                        prefix.to_owned()
                    }
                    Object::Text(key) => below(key),
                    Object::Int(key) => below(&key.to_string()),
                    _ => return None,
                };
                Some((name, value))
            });
            Box::new(named.filter(short))
        }
        Object::Sequence(items) => {
            let items = items.iter().enumerate().filter(move |(_, at)| kept(**at));
            let named = items.map(move |(i, &at)| (below(&i.to_string()), at));
            Box::new(named.filter(short))
        }
        _ => Box::new(std::iter::empty()),
    }
}

fn tensor(name: String, window: Window, bytes: &Bytes) -> Result<Tensor, crate::ReadError> {
    let Window {
        storage,
        offset,
        shape,
        strides,
    } = window;
    Tensor::window(name, shape, storage.dtype, bytes, offset, strides)
}

fn array(name: String, array: Array) -> Result<Tensor, crate::ReadError> {
    let tensor = Tensor::new(name, array.shape, array.kind.dtype, array.data)?;
    match (array.kind.little, array.fortran) {
        (false, _) => Err(tensor.wrong("expected values in little-endian order")),
        (true, true) => Ok(tensor.first_index_fastest()),
        (true, false) => Ok(tensor),
    }
}
