//! MATLAB 5 to 7: elements of a type and a length, compressed or not, one within the other.

use bytes::Bytes;
use flate2::read::ZlibDecoder;

use super::{MAX_ARRAYS, MAX_DEPTH, join};
use crate::{
    Dtype, Format, ReadError, Tensor,
    cursor::{Cursor, text},
    inflate,
    tensor::MAX_RANK,
};

/// Bytes before the first element.
const HEADER: usize = 128;

/// Types of elements.
const INT8: u32 = 1;
const UINT8: u32 = 2;
const INT16: u32 = 3;
const UINT16: u32 = 4;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const SINGLE: u32 = 7;
const DOUBLE: u32 = 9;
const INT64: u32 = 12;
const UINT64: u32 = 13;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
const UTF8: u32 = 16;
const UTF16: u32 = 17;

/// The numeric arrays of a file.
pub(crate) fn read(file: &Bytes) -> Result<Vec<Tensor>, ReadError> {
    let malformed = |problem| ReadError::Malformed {
        format: Format::Matlab,
        problem,
    };
    let mut cursor = Cursor::new(file.clone());
    let header = cursor.take(HEADER).map_err(malformed)?;
    if header[126..] != *b"IM" {
        return Err(malformed("expected values in little-endian order".into()));
    }
    let mut reader = Reader {
        tensors: Vec::new(),
        arrays: 0,
        inflated: inflate::allowance(file.len()),
    };
    while cursor.left() > 0 {
        reader
            .variable(&mut cursor)
            .map_err(|problem| match problem {
                Problem::Malformed(problem) => malformed(problem),
                Problem::Tensor(error) => error,
            })?;
    }
    Ok(reader.tensors)
}

enum Problem {
    Malformed(String),
    Tensor(ReadError),
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::Malformed(problem)
    }
}

struct Reader {
    tensors: Vec<Tensor>,
    arrays: usize,
    /// Bytes that compressed elements may still grow to.
    inflated: usize,
}

/// The head of an array.
struct Matrix {
    class: u8,
    complex: bool,
    shape: Vec<usize>,
    name: String,
    /// What is behind the head.
    rest: Cursor,
}

impl Reader {
    /// One variable of the file.
    fn variable(&mut self, cursor: &mut Cursor) -> Result<(), Problem> {
        let (kind, bytes) = element(cursor)?;
        match kind {
            MATRIX => self.matrix(bytes, "", 0),
            COMPRESSED => {
                let inner = inflate::all(ZlibDecoder::new(&bytes[..]), self.inflated)?;
                self.inflated -= inner.len();
                let (kind, bytes) = element(&mut Cursor::new(inner.into()))?;
                match kind {
                    MATRIX => self.matrix(bytes, "", 0),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// An array, whose own name is below `path`.
    fn matrix(&mut self, bytes: Bytes, path: &str, depth: usize) -> Result<(), Problem> {
        self.arrays += 1;
        if depth > MAX_DEPTH || self.arrays > MAX_ARRAYS {
            return Err(format!(
                "expected at most {MAX_ARRAYS} arrays, nested {MAX_DEPTH} deep, got more"
            )
            .into());
        }
        let Some(matrix) = head(bytes)? else {
            return Ok(());
        };
        let path = match matrix.name.is_empty() {
            true => path.to_owned(),
            false => join(path, &matrix.name),
        };
        match matrix.class {
            // Cell, structure, object, numbers
            1 => self.cell(matrix, &path, depth),
            2 => self.structure(matrix, &path, depth),
            3 => {
                let mut matrix = matrix;
                // The name of the class.
                element(&mut matrix.rest)?;
                self.structure(matrix, &path, depth)
            }
            6..=15 => {
                self.tensors.extend(numbers(matrix, path)?);
                Ok(())
            }
            // Texts are read where they name something; sparse arrays and functions are not weights.
            _ => Ok(()),
        }
    }

    fn cell(&mut self, mut matrix: Matrix, path: &str, depth: usize) -> Result<(), Problem> {
        let mut number = 0;
        while matrix.rest.left() > 0 {
            number += 1;
            let (_, bytes) = element(&mut matrix.rest)?;
            let named = named_by_field(&bytes)?;
            let name = named.unwrap_or_else(|| number.to_string());
            self.matrix(bytes, &join(path, &name), depth + 1)?;
        }
        Ok(())
    }

    fn structure(&mut self, mut matrix: Matrix, path: &str, depth: usize) -> Result<(), Problem> {
        let fields = fields(&mut matrix.rest)?;
        let count = matrix
            .shape
            .iter()
            .try_fold(1_usize, |n, d| n.checked_mul(*d));
        let mut number = 0;
        while matrix.rest.left() > 0 && !fields.is_empty() {
            number += 1;
            let mut values = Vec::new();
            for field in &fields {
                if matrix.rest.left() > 0 {
                    values.push((field, element(&mut matrix.rest)?.1));
                }
            }
            let name = values.iter().find(|(field, _)| *field == "name");
            let name = name
                .map(|(_, bytes)| word(bytes.clone()))
                .transpose()?
                .flatten();
            // One of several is named by its field, or its number; a cell has named the only one.
            let path = match (count, name) {
                (Some(1), _) => path.to_owned(),
                (_, Some(name)) => join(path, &name),
                (_, None) => join(path, &number.to_string()),
            };
            for (field, bytes) in values {
                self.matrix(bytes, &join(&path, field), depth + 1)?;
            }
        }
        Ok(())
    }
}

/// The next element: its type and its bytes.
fn element(cursor: &mut Cursor) -> Result<(u32, Bytes), String> {
    let kind = u32::from_le_bytes(cursor.array()?);
    // A small element has its length in the upper half of its type, and four bytes for its data.
    if kind >> 16 != 0 {
        let len = (kind >> 16) as usize;
        let data = cursor.take(4)?;
        return match len <= 4 {
            true => Ok((kind & 0xffff, data.slice(..len))),
            false => Err(format!("a small element has {len} bytes")),
        };
    }
    let len = u32::from_le_bytes(cursor.array()?) as usize;
    let bytes = cursor.take(len)?;
    if kind != COMPRESSED {
        let padding = (8 - len % 8) % 8;
        cursor.take(padding.min(cursor.left()))?;
    }
    Ok((kind, bytes))
}

/// The head of an array: flags, shape and name; `None` where it is empty.
fn head(bytes: Bytes) -> Result<Option<Matrix>, String> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut rest = Cursor::new(bytes);
    let (_, flags) = element(&mut rest)?;
    let &[class, flags, ..] = &flags[..] else {
        return Err("an array lacks its flags".into());
    };
    let (_, dims) = element(&mut rest)?;
    let (dims, _) = dims.as_chunks::<4>();
    if dims.len() > MAX_RANK {
        let rank = dims.len();
        return Err(format!(
            "expected {MAX_RANK} dimensions at most, got {rank}"
        ));
    }
    let shape = dims.iter().map(|d| usize::try_from(i32::from_le_bytes(*d)));
    let shape = shape
        .collect::<Result<_, _>>()
        .map_err(|_| "a size is negative")?;
    let (_, name) = element(&mut rest)?;
    Ok(Some(Matrix {
        class,
        complex: flags & 0x08 != 0,
        shape,
        name: text(&name)?,
        rest,
    }))
}

/// The names of a structure's fields.
fn fields(cursor: &mut Cursor) -> Result<Vec<String>, String> {
    let (_, len) = element(cursor)?;
    let len = len
        .first_chunk()
        .map(|len| u32::from_le_bytes(*len) as usize);
    let len = len.filter(|len| (1..=256).contains(len));
    let len = len.ok_or("a structure's field names have no length")?;
    let (_, names) = element(cursor)?;
    let names = names.chunks_exact(len).map(|name| {
        let end = name.iter().position(|&b| b == 0).unwrap_or(len);
        text(&name[..end])
    });
    names.collect()
}

/// The text in the field `name` of a structure.
fn named_by_field(bytes: &Bytes) -> Result<Option<String>, String> {
    let Some(mut matrix) = head(bytes.clone())?.filter(|matrix| matrix.class == 2) else {
        return Ok(None);
    };
    for field in fields(&mut matrix.rest)? {
        if matrix.rest.left() == 0 {
            break;
        }
        let (_, bytes) = element(&mut matrix.rest)?;
        if field == "name" {
            return word(bytes);
        }
    }
    Ok(None)
}

/// An array of characters as a text; `None` if it is something else, or empty.
fn word(bytes: Bytes) -> Result<Option<String>, String> {
    let Some(mut matrix) = head(bytes)?.filter(|matrix| matrix.class == 4) else {
        return Ok(None);
    };
    let (kind, bytes) = element(&mut matrix.rest)?;
    let word = match kind {
        UINT16 | UTF16 => {
            let units = bytes.as_chunks().0.iter().map(|b| u16::from_le_bytes(*b));
            String::from_utf16_lossy(&units.collect::<Vec<_>>())
        }
        INT8 | UINT8 | UTF8 => String::from_utf8_lossy(&bytes).into_owned(),
        _ => return Ok(None),
    };
    Ok(Some(word).filter(|word| !word.is_empty()))
}

/// An array of real numbers. MATLAB stores whole numbers in fewer bytes, whatever the class of the array.
fn numbers(mut matrix: Matrix, name: String) -> Result<Option<Tensor>, Problem> {
    if matrix.complex || matrix.rest.left() == 0 {
        return Ok(None);
    }
    let (kind, bytes) = element(&mut matrix.rest)?;
    let widened = |values: Vec<f32>| {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes());
        (Dtype::F32, Bytes::from_iter(bytes))
    };
    let (dtype, bytes) = match (kind, matrix.class) {
        (SINGLE, _) => (Dtype::F32, bytes),
        (DOUBLE, _) => (Dtype::F64, bytes),
        // Floating-point arrays of small whole numbers.
        (UINT8, 6 | 7) => widened(bytes.iter().map(|&b| b.into()).collect()),
        (INT8, 6 | 7) => widened(bytes.iter().map(|&b| b.cast_signed().into()).collect()),
        (INT16, 6 | 7) => widened(each(&bytes, |b| i16::from_le_bytes(b).into())),
        (UINT16, 6 | 7) => widened(each(&bytes, |b| u16::from_le_bytes(b).into())),
        (INT32, 6 | 7) => widened(each(&bytes, |b| i32::from_le_bytes(b) as f32)),
        (UINT8 | INT8, _) => (Dtype::Other(1), bytes),
        (UINT16 | INT16, _) => (Dtype::Other(2), bytes),
        (UINT32 | INT32, _) => (Dtype::Other(4), bytes),
        (UINT64 | INT64, _) => (Dtype::Other(8), bytes),
        _ => return Ok(None),
    };
    let tensor = Tensor::new(name, matrix.shape, dtype, bytes).map_err(Problem::Tensor)?;
    Ok(Some(tensor.first_index_fastest()))
}

fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| value(*b)).collect()
}
