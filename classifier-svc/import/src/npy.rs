//! NumPy: `.npy` is a header in Python's notation and the values of one array; `.npz` a zip archive of such files.

use bytes::Bytes;

use crate::{
    Dtype, Format, ReadError, Tensor,
    archive::Archive,
    cursor::{Cursor, text},
    torch,
};

/// How `.npy` files begin.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// Bytes of a header at most; NumPy itself stops at this.
const MAX_HEADER: usize = 10_000;

/// The arrays of a pickled dictionary.
pub(crate) fn read_npy(file: &Bytes) -> Result<Vec<Tensor>, ReadError> {
    let format = Format::Npy;
    match array("array", file.clone(), format)? {
        Array::Pickled(pickle) => torch::read_plain(pickle, format),
        Array::Plain(tensor) => Err(ReadError::Content {
            format,
            problem: format!(
                "is a single array of shape {:?}; expected the arrays of a network by name, as numpy.savez writes them",
                tensor.shape()
            ),
        }),
    }
}

/// The arrays of an archive, by the names that `numpy.savez` was given.
pub(crate) fn read_npz(file: &Bytes) -> Result<Vec<Tensor>, ReadError> {
    let format = Format::Npz;
    let malformed = |problem: String| ReadError::Malformed { format, problem };
    let mut archive = Archive::open(file).map_err(malformed)?;
    let mut tensors = Vec::new();
    for entry in archive.names() {
        let Some(name) = entry.strip_suffix(".npy") else {
            continue;
        };
        match array(name, archive.entry(&entry).map_err(malformed)?, format)? {
            Array::Plain(tensor) => tensors.push(tensor),
            Array::Pickled(pickle) => tensors.extend(torch::read_plain(pickle, format)?),
        }
    }
    Ok(tensors)
}

/// What a `.npy` file holds.
enum Array {
    Plain(Tensor),
    /// Objects of Python.
    Pickled(Bytes),
}

fn array(name: &str, file: Bytes, format: Format) -> Result<Array, ReadError> {
    let wrong = |problem: String| ReadError::Malformed {
        format,
        problem: format!("array {name:?}: {problem}"),
    };
    let mut cursor = Cursor::new(file);
    let header = header(&mut cursor).map_err(wrong)?;
    let rest = cursor.take(cursor.left()).map_err(wrong)?;
    let dtype = match header.descr.trim_start_matches(['<', '|', '=']) {
        "O" => return Ok(Array::Pickled(rest)),
        "f8" => Dtype::F64,
        "f4" => Dtype::F32,
        "f2" => Dtype::F16,
        other => match other.get(1..).map(str::parse) {
            Some(Ok(size)) if other.starts_with(['i', 'u', 'b']) => Dtype::Other(size),
            _ => {
                let problem = format!("expected little-endian numbers, got type {other:?}");
                return Err(wrong(problem));
            }
        },
    };
    let tensor = Tensor::new(name.into(), header.shape, dtype, rest)?;
    Ok(Array::Plain(match header.fortran {
        true => tensor.first_index_fastest(),
        false => tensor,
    }))
}

struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

/// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, behind the magic number, a version and a length.
fn header(cursor: &mut Cursor) -> Result<Header, String> {
    if cursor.take(MAGIC.len())? != MAGIC {
        return Err("it does not begin as a .npy file".into());
    }
    let [major, _] = cursor.array()?;
    let len = match major {
        1 => u16::from_le_bytes(cursor.array()?).into(),
        2 | 3 => u32::from_le_bytes(cursor.array()?) as usize,
        _ => return Err(format!("expected version 1, 2 or 3, got {major}")),
    };
    if len > MAX_HEADER {
        return Err(format!(
            "expected a header of {MAX_HEADER} bytes at most, got {len}"
        ));
    }
    let header = text(&cursor.take(len)?)?;
    let value = |key: &str| {
        let at = header.find(&format!("'{key}'"));
        let rest = at.and_then(|at| header[at..].split_once(':'));
        rest.map(|(_, rest)| rest.trim_start())
    };
    let read = || {
        let descr = value("descr")?
            .strip_prefix('\'')?
            .split_once('\'')?
            .0
            .into();
        let fortran = value("fortran_order")?.starts_with("True");
        let (sizes, _) = value("shape")?.strip_prefix('(')?.split_once(')')?;
        let sizes = sizes
            .split(',')
            .map(str::trim)
            .filter(|size| !size.is_empty());
        let shape = sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?;
        Some(Header {
            descr,
            fortran,
            shape,
        })
    };
    read()
        .ok_or_else(|| format!("expected a type, an order and a shape, got the header {header:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, values: &[f32]) -> Vec<u8> {
        let mut file = b"\x93NUMPY\x01\0".to_vec();
        file.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        file.extend(header.as_bytes());
        file.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        file
    }

    #[test]
    fn both_orders_are_read_and_other_types_are_named() {
        let read =
            |header: &str| match array("a", npy(header, &[1.0, 2.0, 3.0, 4.0]).into(), Format::Npz)
            {
                Ok(Array::Plain(tensor)) => tensor.read().map_err(|e| e.to_string()),
                Ok(Array::Pickled(_)) => Err("pickled".into()),
                Err(e) => Err(e.to_string()),
            };
        let c = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
        assert_eq!(read(c).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        let fortran = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }";
        assert_eq!(read(fortran).unwrap(), [1.0, 3.0, 2.0, 4.0]);
        let vector = "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }";
        assert_eq!(read(vector).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        for (header, problem) in [
            (
                "{'descr': '>f4', 'fortran_order': False, 'shape': (4,), }",
                "got type \">f4\"",
            ),
            (
                "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }",
                "got the header",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }",
                "does not fit 16 bytes",
            ),
            (
                "{'descr': '|O', 'fortran_order': False, 'shape': (), }",
                "pickled",
            ),
        ] {
            let got = read(header).unwrap_err();
            assert!(got.contains(problem), "{header}: {got}");
        }
    }
}
