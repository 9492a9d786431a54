//! Torch 7: objects of Lua, each written where it is first met; later only its number is.

use std::collections::HashMap;

use bytes::Bytes;

use crate::{
    Dtype, Format, ReadError, Tensor,
    cursor::{Cursor, text},
    tensor::MAX_RANK,
};

/// How binary files begin: an object with the number 1.
pub(crate) const OBJECT: &[u8] = b"\x04\x00\x00\x00\x01\x00\x00\x00";
/// The same of a table.
pub(crate) const TABLE: &[u8] = b"\x03\x00\x00\x00\x01\x00\x00\x00";

/// Objects within objects at most.
const MAX_DEPTH: usize = 64;
/// Objects at most: a network has a few hundred.
const MAX_OBJECTS: usize = 1 << 20;

/// The tensors of a file in its order, named by the keys of tables and the numbers of lists.
pub(crate) fn read(file: &Bytes) -> Result<Vec<Tensor>, ReadError> {
    let malformed = |problem| ReadError::Malformed {
        format: Format::Torch7,
        problem,
    };
    let mut reader = Reader {
        cursor: Cursor::new(file.clone()),
        storages: HashMap::new(),
        seen: HashMap::new(),
        tensors: Vec::new(),
    };
    reader.object("", 0).map_err(|problem| match problem {
        Problem::Malformed(problem) => malformed(problem),
        Problem::Tensor(error) => error,
    })?;
    match reader.tensors.is_empty() {
        true => Err(ReadError::Content {
            format: Format::Torch7,
            problem: "holds no tensor".into(),
        }),
        false => Ok(reader.tensors),
    }
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

/// What an object is, as far as names and tensors need it.
#[derive(Clone)]
enum Value {
    Number(f64),
    Text(String),
    Other,
}

struct Reader {
    cursor: Cursor,
    storages: HashMap<i32, (Dtype, Bytes)>,
    /// Objects that were met.
    seen: HashMap<i32, Value>,
    tensors: Vec<Tensor>,
}

impl Reader {
    fn object(&mut self, name: &str, depth: usize) -> Result<Value, Problem> {
        if depth > MAX_DEPTH {
            return Err(format!("objects are nested more than {MAX_DEPTH} deep").into());
        }
        let at = self.cursor.at();
        match self.int()? {
            // nil, number, text, boolean
            0 => Ok(Value::Other),
            1 => Ok(Value::Number(f64::from_le_bytes(self.cursor.array()?))),
            2 => Ok(Value::Text(self.text()?)),
            5 => self.int().map(|_| Value::Other),
            3 => self.table(name, depth),
            4 => self.class(name, depth),
            // Functions of three versions: a dump, then what it refers to. The dump is not looked at.
            6..=8 => {
                if self.first_time()?.is_some() {
                    self.text()?;
                    self.object("", depth + 1)?;
                }
                Ok(Value::Other)
            }
            other => Err(format!("unknown type {other} at byte {at}").into()),
        }
    }

    /// The number of the next object, if it is written here.
    fn first_time(&mut self) -> Result<Option<i32>, Problem> {
        let number = self.int()?;
        if self.seen.contains_key(&number) {
            return Ok(None);
        }
        if self.seen.len() >= MAX_OBJECTS {
            return Err(format!("expected at most {MAX_OBJECTS} objects, got more").into());
        }
        self.seen.insert(number, Value::Other);
        Ok(Some(number))
    }

    fn table(&mut self, name: &str, depth: usize) -> Result<Value, Problem> {
        if self.first_time()?.is_none() {
            return Ok(Value::Other);
        }
        for _ in 0..self.int()? {
            let key = match self.object("", depth + 1)? {
                Value::Number(n) => format!("{n}"),
                Value::Text(text) => text,
                Value::Other => "?".into(),
            };
            let inner = match (name, &key[..]) {
                ("", key) => key.to_owned(),
                // The list of layers.
                (name, "modules") => name.to_owned(),
                _ => format!("{name}.{key}"),
            };
            // Names do not grow with the file.
            let inner = if inner.len() <= 256 {
                inner
            } else {
                String::from("?")
            };
            self.object(&inner, depth + 1)?;
        }
        Ok(Value::Other)
    }

    /// An object of a class.
    fn class(&mut self, name: &str, depth: usize) -> Result<Value, Problem> {
        let Some(number) = self.first_time()? else {
            return Ok(Value::Other);
        };
        let mut class = self.text()?;
        // Older files have no version before the class.
        if class.starts_with("V ") {
            class = self.text()?;
        }
        let short = class.strip_prefix("torch.").unwrap_or_default();
        if let Some(kind) = short.strip_suffix("Tensor").and_then(dtype) {
            self.tensor(name, kind, depth)?;
        } else if let Some(kind) = short.strip_suffix("Storage").and_then(dtype) {
            let len = self.long()?;
            let bytes = usize::try_from(len)
                .ok()
                .and_then(|n| n.checked_mul(kind.size()));
            let bytes = self.cursor.take(bytes.unwrap_or(usize::MAX))?;
            self.storages.insert(number, (kind, bytes));
        } else {
            // A module is its table of attributes.
            self.object(name, depth + 1)?;
        }
        Ok(Value::Other)
    }

    /// Sizes and strides, the place of the first value in the storage, which counts from 1, and the storage.
    fn tensor(&mut self, name: &str, kind: Dtype, depth: usize) -> Result<(), Problem> {
        let rank = usize::try_from(self.int()?).unwrap_or(usize::MAX);
        if rank > MAX_RANK {
            return Err(format!("expected {MAX_RANK} dimensions at most, got {rank}").into());
        }
        let mut sizes = Vec::new();
        for _ in 0..2 * rank {
            let size = self.long()?;
            sizes.push(usize::try_from(size).map_err(|_| format!("{name}: a size is {size}"))?);
        }
        let strides = sizes.split_off(rank);
        let offset = usize::try_from(self.long()?).unwrap_or(0).saturating_sub(1);
        let before = self.cursor.clone();
        self.object("", depth + 1)?;
        let mut again = before;
        let kind_of_object = i32::from_le_bytes(again.array()?);
        let number = i32::from_le_bytes(again.array()?);
        let storage = self.storages.get(&number).filter(|_| kind_of_object == 4);
        // A tensor without values has no storage.
        let Some((held, bytes)) = storage else {
            return Ok(());
        };
        if rank == 0 {
            return Ok(());
        }
        if *held != kind {
            return Err(format!("{name}: expected a storage of {kind:?}, got {held:?}").into());
        }
        let tensor = Tensor::window(name.into(), sizes, kind, bytes, offset, strides);
        self.tensors.push(tensor.map_err(Problem::Tensor)?);
        Ok(())
    }

    fn int(&mut self) -> Result<i32, Problem> {
        Ok(i32::from_le_bytes(self.cursor.array()?))
    }

    fn long(&mut self) -> Result<i64, Problem> {
        Ok(i64::from_le_bytes(self.cursor.array()?))
    }

    fn text(&mut self) -> Result<String, Problem> {
        let len = usize::try_from(self.int()?).unwrap_or(usize::MAX);
        let bytes = self.cursor.take(len)?;
        // A dump of a function is no text.
        Ok(text(&bytes).unwrap_or_default())
    }
}

/// The values of a class such as `FloatTensor` or `CudaStorage`.
fn dtype(name: &str) -> Option<Dtype> {
    Some(match name {
        "Float" | "Cuda" => Dtype::F32,
        "Double" | "CudaDouble" => Dtype::F64,
        "Half" | "CudaHalf" => Dtype::F16,
        "Long" | "CudaLong" => Dtype::Other(8),
        "Int" | "CudaInt" => Dtype::Other(4),
        "Short" | "CudaShort" => Dtype::Other(2),
        "Byte" | "Char" | "CudaByte" | "CudaChar" => Dtype::Other(1),
        _ => return None,
    })
}
