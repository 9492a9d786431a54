//! What a pickle makes.

use std::rc::Rc;

use bytes::Bytes;

use super::global::Global;
use crate::Dtype;

/// Place of an object among the [`Objects`].
pub(super) type Ref = usize;

/// A storage that tensors are windows of.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    /// Its name in the file.
    pub(super) key: Rc<str>,
    /// Type of its values.
    pub(super) dtype: Dtype,
    /// Number of values.
    pub(super) len: usize,
}

/// A tensor: a window of a storage.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) storage: Storage,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// The type of a NumPy array.
#[derive(Clone, Copy, Debug)]
pub(super) struct ArrayType {
    pub(super) dtype: Dtype,
    /// Whether the lowest byte of a value comes first.
    pub(super) little: bool,
}

/// A NumPy array.
#[derive(Clone, Debug)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) kind: ArrayType,
    /// Whether the first index runs fastest.
    pub(super) fortran: bool,
    pub(super) data: Bytes,
}

/// An object. Containers refer to others by their place, so no depth of nesting costs stack.
#[derive(Clone, Debug)]
pub(super) enum Object {
    /// `None`.
    None,
    /// A number that fits.
    Int(i64),
    /// `True` or `False`.
    Bool(bool),
    /// A text.
    Text(Rc<str>),
    /// Bytes.
    Bytes(Bytes),
    /// Something of which nothing is asked: a fraction, a very long number, a date.
    Opaque,
    /// A tuple or a list.
    Sequence(Vec<Ref>),
    /// A dictionary, in the order of insertion.
    Dict(Vec<(Ref, Ref)>),
    /// A function or class.
    Global(Global),
    /// An object of a class that nothing is known of: its attributes, and the items of a class that is a dictionary.
    Instance(Vec<(Ref, Ref)>),
    /// The type of an array.
    ArrayType(ArrayType),
    /// An array; `None` until its shape and values follow.
    Array(Option<Array>),
    /// A storage.
    Storage(Storage),
    /// A tensor.
    Tensor(Window),
}

/// All objects of a pickle, and what it is of.
#[derive(Debug)]
pub(super) struct Objects {
    pub(super) all: Vec<Object>,
    pub(super) root: Ref,
}

impl Objects {
    /// The object of the whole pickle.
    pub(super) fn root(&self) -> &Object {
        &self.all[self.root]
    }

    /// The object at a place.
    pub(super) fn get(&self, at: Ref) -> &Object {
        &self.all[at]
    }

    /// A text, where the object at the place is one.
    pub(super) fn text(&self, at: Ref) -> Option<&Rc<str>> {
        match self.get(at) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A size, where the object at the place is one.
    pub(super) fn size(&self, at: Ref) -> Option<usize> {
        match self.get(at) {
            Object::Int(n) => usize::try_from(*n).ok(),
            _ => None,
        }
    }

    /// The items of a tuple or a list.
    pub(super) fn sequence(&self, at: Ref) -> Option<&[Ref]> {
        match self.get(at) {
            Object::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// Sizes, where the object at the place is a sequence of no more than `most`.
    pub(super) fn sizes(&self, at: Ref, most: usize) -> Option<Vec<usize>> {
        let items = self.sequence(at).filter(|items| items.len() <= most)?;
        items.iter().map(|&item| self.size(item)).collect()
    }

    /// A tensor, where the object at the place is one.
    pub(super) fn window(&self, at: Ref) -> Option<&Window> {
        match self.get(at) {
            Object::Tensor(window) => Some(window),
            _ => None,
        }
    }
}
