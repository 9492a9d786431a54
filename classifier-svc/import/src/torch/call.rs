//! What the functions that a pickle calls do: they build tensors and arrays, or nothing at all.

use bytes::Bytes;

use super::{
    Problem,
    global::Global,
    object::{Array, ArrayType, Object, Ref, Storage, Window},
    pickle::Machine,
};
use crate::{Dtype, tensor::MAX_RANK};

impl Machine {
    /// `('storage', class, key, device, length)`, and in older files a view of it, which is `None`; or `('module',
    /// class, file, source)` of a class that a whole model has.
    pub(super) fn storage(&mut self) -> Result<(), Problem> {
        let id = self.pop()?;
        let o = &self.objects;
        let object = match o.sequence(id) {
            Some([kind, class, key, _, len, rest @ ..])
                if o.text(*kind).is_some_and(|kind| &**kind == "storage")
                    && rest.iter().all(|&r| matches!(o.get(r), Object::None)) =>
            {
                match (o.get(*class), o.text(*key), o.size(*len)) {
                    (Object::Global(Global::Storage(dtype)), Some(key), Some(len)) => {
                        Some(Object::Storage(Storage {
                            key: key.clone(),
                            dtype: *dtype,
                            len,
                        }))
                    }
                    _ => None,
                }
            }
            Some([kind, class, ..]) if o.text(*kind).is_some_and(|kind| &**kind == "module") => {
                match o.get(*class) {
                    Object::Global(class) => Some(Object::Global(class.clone())),
                    _ => None,
                }
            }
            _ => None,
        };
        let object = object.ok_or_else(|| {
            String::from("the pickle refers to an external object that is not a plain storage")
        })?;
        self.push(object);
        Ok(())
    }

    /// A new object of a class that nothing is known of: `n` values of the stack say which, and with what arguments.
    pub(super) fn instance(&mut self, n: usize) -> Result<(), Problem> {
        let values = self.pop_many(n)?;
        let object = match self.objects.get(values[0]) {
            Object::Global(Global::OrderedDict | Global::DefaultDict) => Object::Dict(Vec::new()),
            Object::Global(Global::Inert) => Object::Opaque,
            Object::Global(_) => Object::Instance(Vec::new()),
            _ => {
                let problem = "the pickle makes an object of a value that is not a class";
                return Err(String::from(problem).into());
            }
        };
        self.push(object);
        Ok(())
    }

    /// Calls one of the few known functions.
    pub(super) fn reduce(&mut self) -> Result<(), Problem> {
        let arguments = self.pop()?;
        let function = self.pop()?;
        if let Object::Global(Global::Other(name)) = self.objects.get(function) {
            return Err(Problem::Refused(name.to_string()));
        }
        let object = self.call(function, arguments).ok_or_else(|| {
            String::from("the pickle calls a function with arguments that it does not take")
        })?;
        match &object {
            Object::Dict(pairs) => self.spend(pairs.len())?,
            Object::Sequence(items) => self.spend(items.len())?,
            Object::Bytes(bytes) => {
                let left = self.encoded.checked_sub(bytes.len());
                self.encoded =
                    left.ok_or_else(|| String::from("the pickle decodes more bytes than it has"))?;
            }
            _ => {}
        }
        self.push(object);
        Ok(())
    }

    fn call(&self, function: Ref, arguments: Ref) -> Option<Object> {
        let o = &self.objects;
        let Object::Global(function) = o.get(function) else {
            return None;
        };
        match (function, o.sequence(arguments)?) {
            (Global::OrderedDict, []) | (Global::DefaultDict, [] | [_]) => {
                Some(Object::Dict(Vec::new()))
            }
            (Global::OrderedDict, [pairs]) => self.dict(*pairs),
            (Global::RebuildTensor, [storage, offset, shape, strides, ..]) => {
                self.window(*storage, *offset, *shape, *strides)
            }
            (Global::RebuildParameter, [tensor, ..]) => {
                o.window(*tensor).cloned().map(Object::Tensor)
            }
            (Global::RebuildFromType, [rebuild, _, arguments, ..]) => {
                match (o.get(*rebuild), o.sequence(*arguments)?) {
                    (
                        Object::Global(Global::RebuildTensor),
                        [storage, offset, shape, strides, ..],
                    ) => self.window(*storage, *offset, *shape, *strides),
                    _ => None,
                }
            }
            (Global::Reconstructor, [class, ..]) => match o.get(*class) {
                Object::Global(_) => Some(Object::Instance(Vec::new())),
                _ => None,
            },
            (Global::Reconstruct, _) => Some(Object::Array(None)),
            (Global::FromBuffer, [data, kind, shape, order]) => {
                let fortran = &**o.text(*order)? == "F";
                self.array(*shape, *kind, fortran, *data)
            }
            (Global::NumpyDtype, [name, ..]) => {
                let dtype = match &**o.text(*name)? {
                    "f8" => Dtype::F64,
                    "f4" => Dtype::F32,
                    "f2" => Dtype::F16,
                    other => Dtype::Other(other.get(1..)?.parse().unwrap_or(1)),
                };
                let little = true;
                Some(Object::ArrayType(ArrayType { dtype, little }))
            }
            (Global::Encode, [latin, ..]) => {
                let text = o
                    .text(*latin)
                    .filter(|text| text.len() / 2 <= self.encoded)?;
                let bytes = text.chars().map(|c| u8::try_from(u32::from(c)).ok());
                let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
                Some(Object::Bytes(Bytes::from(bytes)))
            }
            (Global::Inert, _) => Some(Object::Opaque),
            _ => None,
        }
    }

    /// A dictionary from a list of pairs.
    fn dict(&self, pairs: Ref) -> Option<Object> {
        let o = &self.objects;
        let pairs = o
            .sequence(pairs)?
            .iter()
            .map(|&pair| match o.sequence(pair) {
                Some([key, value]) => Some((*key, *value)),
                _ => None,
            });
        pairs.collect::<Option<_>>().map(Object::Dict)
    }

    fn window(&self, storage: Ref, offset: Ref, shape: Ref, strides: Ref) -> Option<Object> {
        let o = &self.objects;
        let Object::Storage(storage) = o.get(storage) else {
            return None;
        };
        Some(Object::Tensor(Window {
            storage: storage.clone(),
            offset: o.size(offset)?,
            shape: o.sizes(shape, MAX_RANK)?,
            strides: o.sizes(strides, MAX_RANK)?,
        }))
    }

    fn array(&self, shape: Ref, kind: Ref, fortran: bool, data: Ref) -> Option<Object> {
        let o = &self.objects;
        let Object::ArrayType(kind) = o.get(kind) else {
            return None;
        };
        let data = match o.get(data) {
            Object::Bytes(data) => data.clone(),
            // Python 2 wrote bytes and texts alike.
            Object::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
            // An array of objects.
            Object::Sequence(items) => return Some(Object::Sequence(items.clone())),
            _ => return None,
        };
        Some(Object::Array(Some(Array {
            shape: o.sizes(shape, MAX_RANK)?,
            kind: *kind,
            fortran,
            data,
        })))
    }

    /// Sets the attributes of an object.
    pub(super) fn build(&mut self) -> Result<(), Problem> {
        let state = self.pop()?;
        let top = self.top()?;
        let o = &self.objects;
        let changed = match o.get(top) {
            Object::Instance(_) => {
                // Attributes, or attributes and slots.
                let attributes = match o.get(state) {
                    Object::Sequence(parts) => parts.first().map_or(state, |first| *first),
                    _ => state,
                };
                match o.get(attributes) {
                    Object::Dict(attributes) => {
                        let attributes = attributes.clone();
                        self.spend(attributes.len())?;
                        if let Object::Instance(items) = &mut self.objects.all[top] {
                            items.extend(attributes);
                        }
                    }
                    _ => return Ok(()),
                }
                None
            }
            Object::Array(None) => match o.sequence(state) {
                Some([_, shape, kind, fortran, data]) => {
                    let fortran = matches!(o.get(*fortran), Object::Bool(true) | Object::Int(1));
                    self.array(*shape, *kind, fortran, *data)
                }
                _ => None,
            },
            Object::ArrayType(kind) => match o.sequence(state) {
                Some([_, order, ..]) => {
                    let little = o.text(*order).is_none_or(|order| &**order != ">");
                    Some(Object::ArrayType(ArrayType { little, ..*kind }))
                }
                _ => None,
            },
            // The attributes of these say nothing about weights.
            Object::Dict(_) | Object::Opaque | Object::Tensor(_) | Object::Array(_) => None,
            _ => {
                let problem = "the pickle sets attributes on a value that has none";
                return Err(String::from(problem).into());
            }
        };
        if let Some(object) = changed {
            if let Object::Sequence(items) = &object {
                self.spend(items.len())?;
            }
            self.objects.all[top] = object;
        }
        Ok(())
    }
}
