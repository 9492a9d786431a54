//! HDF5, as Keras and MATLAB 7.3 write it: groups of datasets, which are read when their values are asked for.

use std::sync::Arc;

use bytes::Bytes;
use hdf5_reader::{ByteOrder, Dataset, Datatype, Hdf5File, OpenOptions, group::Group};

use crate::{Dtype, Format, ReadError, Tensor, inflate};

/// How HDF5 files begin, MATLAB's at byte 512.
pub(crate) const MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";

/// Groups within groups at most.
pub(crate) const MAX_DEPTH: usize = 16;
/// Groups and datasets at most.
pub(crate) const MAX_OBJECTS: usize = 10_000;

/// An error of a file.
pub(crate) fn malformed(format: Format) -> impl Fn(hdf5_reader::error::Error) -> ReadError {
    move |e| ReadError::Malformed {
        format,
        problem: e.to_string(),
    }
}

/// The outermost group. No other file is ever opened: external links and external data are errors where they are read.
pub(crate) fn open(file: &Bytes, format: Format) -> Result<Group, ReadError> {
    let limit = inflate::allowance(file.len());
    let options = OpenOptions {
        chunk_cache_bytes: 0,
        max_chunk_bytes: limit,
        max_read_bytes: limit,
        ..OpenOptions::default()
    };
    let file = Hdf5File::from_owner(file.clone(), options).map_err(malformed(format))?;
    file.root_group().map_err(malformed(format))
}

/// A dataset as a tensor; `None` if it does not hold numbers.
pub(crate) fn tensor(name: String, dataset: &Dataset) -> Result<Option<Tensor>, ReadError> {
    let (dtype, order) = match dataset.dtype() {
        Datatype::FloatingPoint { size, byte_order } => {
            let dtype = match size {
                8 => Dtype::F64,
                4 => Dtype::F32,
                2 => Dtype::F16,
                _ => return Ok(None),
            };
            (dtype, *byte_order)
        }
        Datatype::FixedPoint {
            size, byte_order, ..
        } => (Dtype::Other((*size).into()), *byte_order),
        _ => return Ok(None),
    };
    let shape = dataset
        .shape()
        .iter()
        .map(|&n| usize::try_from(n).unwrap_or(usize::MAX));
    let shape = shape.collect();
    let source = dataset.clone();
    let fetch = Arc::new(move || {
        if !matches!(order, ByteOrder::LittleEndian) {
            return Err("expected values in little-endian order".into());
        }
        source
            .read_raw_bytes()
            .map(Bytes::from)
            .map_err(|e| e.to_string())
    });
    Tensor::deferred(name, shape, dtype, fetch).map(Some)
}

/// Every dataset below a group, by its path.
pub(crate) fn walk(root: &Group, format: Format) -> Result<Vec<Tensor>, ReadError> {
    let wrong = malformed(format);
    let mut tensors = Vec::new();
    let mut open = vec![(String::new(), root.clone(), 0)];
    let mut seen = 0;
    while let Some((path, group, depth)) = open.pop() {
        let (groups, datasets) = group.members().map_err(&wrong)?;
        seen += groups.len() + datasets.len();
        if depth > MAX_DEPTH || seen > MAX_OBJECTS {
            return Err(ReadError::Malformed {
                format,
                problem: format!(
                    "expected at most {MAX_OBJECTS} groups and datasets, {MAX_DEPTH} deep, got more"
                ),
            });
        }
        for dataset in datasets {
            tensors.extend(tensor(join(&path, dataset.name()), &dataset)?);
        }
        for inner in groups.into_iter().rev() {
            let path = join(&path, inner.name());
            open.push((path, inner, depth + 1));
        }
    }
    Ok(tensors)
}

/// A name below a path.
pub(crate) fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.into(),
        _ => format!("{path}/{name}"),
    }
}
