//! MATLAB 7.3: HDF5, where structures are groups, and cells and lists of structures are datasets of references.

use std::collections::HashMap;

use bytes::Bytes;
use hdf5_reader::{Dataset, Datatype, group::Group};

use super::{MAX_ARRAYS, MAX_DEPTH, join};
use crate::{Format, ReadError, Tensor, hdf5};

/// The group of all that cells refer to.
const REFERENCES: &str = "#refs#";
const FORMAT: Format = Format::MatlabHdf5;

/// Something with a place in the file.
#[derive(Clone)]
enum Object {
    Group(Group),
    Dataset(Box<Dataset>),
}

/// The numeric arrays of a file, with the dimensions in MATLAB's order.
pub(crate) fn read(file: &Bytes) -> Result<Vec<Tensor>, ReadError> {
    let root = hdf5::open(file, FORMAT)?;
    let mut reader = Reader {
        referred: HashMap::new(),
        tensors: Vec::new(),
        arrays: 0,
    };
    if let Ok(references) = root.group(REFERENCES) {
        let (groups, datasets) = references.members().map_err(hdf5::malformed(FORMAT))?;
        let groups = groups.into_iter().map(|g| (g.address(), Object::Group(g)));
        let datasets = datasets.into_iter();
        let datasets = datasets.map(|d| (d.address(), Object::Dataset(Box::new(d))));
        reader.referred = groups.chain(datasets).collect();
    }
    reader.group(&root, "", 0)?;
    Ok(reader.tensors)
}

struct Reader {
    referred: HashMap<u64, Object>,
    tensors: Vec<Tensor>,
    arrays: usize,
}

impl Reader {
    fn object(&mut self, object: &Object, path: &str, depth: usize) -> Result<(), ReadError> {
        self.arrays += 1;
        if depth > MAX_DEPTH || self.arrays > MAX_ARRAYS {
            return Err(ReadError::Malformed {
                format: FORMAT,
                problem: format!(
                    "expected at most {MAX_ARRAYS} arrays, nested {MAX_DEPTH} deep, got more"
                ),
            });
        }
        match object {
            Object::Group(group) => self.group(group, path, depth),
            Object::Dataset(dataset) => self.dataset(dataset, path, depth),
        }
    }

    fn group(&mut self, group: &Group, path: &str, depth: usize) -> Result<(), ReadError> {
        let (groups, datasets) = group.members().map_err(hdf5::malformed(FORMAT))?;
        for dataset in datasets {
            let path = join(path, dataset.name());
            self.object(&Object::Dataset(Box::new(dataset)), &path, depth + 1)?;
        }
        for inner in groups {
            if !inner.name().starts_with('#') {
                let path = join(path, inner.name());
                self.object(&Object::Group(inner), &path, depth + 1)?;
            }
        }
        Ok(())
    }

    fn dataset(&mut self, dataset: &Dataset, path: &str, depth: usize) -> Result<(), ReadError> {
        if let Datatype::Reference { size: 8, .. } = dataset.dtype() {
            let bytes = dataset.read_raw_bytes().map_err(hdf5::malformed(FORMAT))?;
            let (addresses, _) = bytes.as_chunks();
            for (i, address) in addresses.iter().enumerate() {
                let address = u64::from_le_bytes(*address);
                let Some(object) = self.referred.get(&address).cloned() else {
                    continue;
                };
                let name = match &object {
                    Object::Group(group) => self.name(group),
                    Object::Dataset(_) => None,
                };
                let name = name.unwrap_or_else(|| (i + 1).to_string());
                self.object(&object, &join(path, &name), depth + 1)?;
            }
            return Ok(());
        }
        let class = dataset.attribute("MATLAB_class");
        if class.is_ok_and(|class| class.read_string().is_ok_and(|class| class == "char")) {
            return Ok(());
        }
        let Some(tensor) = hdf5::tensor(path.into(), dataset)? else {
            return Ok(());
        };
        // An array of MATLAB lies in the file with its last dimension first.
        let axes: Vec<usize> = (0..tensor.shape().len()).rev().collect();
        self.tensors.extend(tensor.permuted(&axes));
        Ok(())
    }

    /// The text in the field `name` of a structure.
    fn name(&self, group: &Group) -> Option<String> {
        let dataset = group.dataset("name").ok()?;
        if !matches!(dataset.dtype(), Datatype::FixedPoint { size: 2, .. }) {
            return None;
        }
        let bytes = dataset.read_raw_bytes().ok()?;
        let units = bytes.as_chunks().0.iter().map(|b| u16::from_le_bytes(*b));
        let units: Vec<u16> = units.take(super::MAX_NAME).collect();
        let name = String::from_utf16_lossy(&units);
        (!name.is_empty()).then_some(name)
    }
}
