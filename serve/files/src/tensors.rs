//! The arrays of a safetensors file: read one by one and checked, written one by one.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;

use half::{f16, slice::HalfFloatSliceExt};
use safetensors::tensor::{Metadata, TensorView, View};
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use crate::{Destination, OutputError, sha256_of};

/// Why a safetensors file, or one of its tensors, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TensorError {
    /// The file is cut short, damaged, or of another format.
    #[error("not a whole safetensors file: {0}")]
    File(SafeTensorError),
    /// The tensors are not those that the digest in the header was made of.
    #[error("damaged: the tensors differ from their digest in the header")]
    Damaged,
    /// A tensor is missing, or not as expected.
    #[error("tensor {name:?}: {problem}")]
    Tensor {
        /// The name of the tensor.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A tensor that nobody took.
    #[error("unexpected tensor {0:?}")]
    Unexpected(String),
}

/// The bytes of a safetensors file, whose tensors are read by name and checked.
#[derive(Debug)]
pub struct Tensors<'a> {
    header: Metadata,
    tensors: SafeTensors<'a>,
    /// Names of those that were read.
    taken: RefCell<HashSet<String>>,
}

impl<'a> Tensors<'a> {
    /// Reads and checks the header.
    ///
    /// # Errors
    /// [`TensorError::File`].
    pub fn open(file: &'a [u8]) -> Result<Self, TensorError> {
        let (_, header) = SafeTensors::read_metadata(file).map_err(TensorError::File)?;
        let tensors = SafeTensors::deserialize(file).map_err(TensorError::File)?;
        Ok(Self {
            header,
            tensors,
            taken: RefCell::default(),
        })
    }

    /// The texts that the header holds beside the tensors, by key.
    pub fn texts(&self) -> Option<&HashMap<String, String>> {
        self.header.metadata().as_ref()
    }

    /// The text that the header holds under a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.texts()?.get(key).map(String::as_str)
    }

    /// The names of all tensors, in no particular order.
    pub fn names(&self) -> Vec<&str> {
        self.tensors.names()
    }

    /// Checks all tensors against the [`tensors_digest`] that the header holds of them, if it does.
    ///
    /// # Errors
    /// [`TensorError::Damaged`].
    pub fn check_digest(&self, expected: Option<&str>) -> Result<(), TensorError> {
        match expected {
            Some(expected) if tensors_digest(&self.tensors.tensors()) != expected => {
                Err(TensorError::Damaged)
            }
            _ => Ok(()),
        }
    }

    /// The raw bytes of a tensor, whose shape is checked, but not its type.
    ///
    /// # Errors
    /// [`TensorError::Tensor`] where it is missing or has another shape.
    pub fn view(&self, name: &str, shape: &[usize]) -> Result<TensorView<'a>, TensorError> {
        let view = self.tensors.tensor(name);
        let view = view.map_err(|_| wrong(name, "missing"))?;
        if view.shape() != shape {
            let got = view.shape();
            return Err(wrong(
                name,
                format!("expected shape {shape:?}, got {got:?}"),
            ));
        }
        self.taken.borrow_mut().insert(name.to_owned());
        Ok(view)
    }

    /// Checks that every tensor was read: a file with others is of another architecture.
    ///
    /// # Errors
    /// [`TensorError::Unexpected`].
    pub fn check_all_taken(&self) -> Result<(), TensorError> {
        let taken = self.taken.borrow();
        let mut names = self.tensors.names().into_iter();
        match names.find(|name| !taken.contains(*name)) {
            Some(name) => Err(TensorError::Unexpected(name.to_owned())),
            None => Ok(()),
        }
    }

    /// The values of a tensor of type F32 or F16.
    ///
    /// # Errors
    /// [`TensorError::Tensor`] where it is missing, has another shape or type, or holds a value that is not finite.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TensorError> {
        let view = self.view(name, shape)?;
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => {
                let values = view.data().as_chunks().0.iter();
                values.map(|b| f32::from_le_bytes(*b)).collect()
            }
            Dtype::F16 => {
                let values = view.data().as_chunks().0.iter();
                let halves: Vec<f16> = values.map(|b| f16::from_le_bytes(*b)).collect();
                halves.to_f32_vec()
            }
            other => return Err(wrong(name, format!("expected F32 or F16, got {other:?}"))),
        };
        match values.iter().find(|x| !x.is_finite()) {
            Some(x) => Err(wrong(name, format!("holds {x}"))),
            None => Ok(values),
        }
    }

    /// The values of a tensor of type F64.
    ///
    /// # Errors
    /// [`TensorError::Tensor`] where it is missing, has another shape or type, or holds a value that is not finite.
    pub fn doubles(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, TensorError> {
        let view = self.view(name, shape)?;
        if view.dtype() != Dtype::F64 {
            return Err(wrong(name, format!("expected F64, got {:?}", view.dtype())));
        }
        let values = view.data().as_chunks().0.iter();
        let values: Vec<f64> = values.map(|b| f64::from_le_bytes(*b)).collect();
        match values.iter().find(|x| !x.is_finite()) {
            Some(x) => Err(wrong(name, format!("holds {x}"))),
            None => Ok(values),
        }
    }

    /// The values of a tensor of type I8.
    ///
    /// # Errors
    /// [`TensorError::Tensor`] where it is missing, or has another shape or type.
    pub fn bytes(&self, name: &str, shape: &[usize]) -> Result<Vec<i8>, TensorError> {
        let view = self.view(name, shape)?;
        match view.dtype() {
            Dtype::I8 => Ok(view.data().iter().map(|&byte| byte as i8).collect()),
            other => Err(wrong(name, format!("expected I8, got {other:?}"))),
        }
    }
}

fn wrong(name: &str, problem: impl Into<String>) -> TensorError {
    TensorError::Tensor {
        name: name.into(),
        problem: problem.into(),
    }
}

/// Writes arrays and texts as a safetensors file, and gives the path that it went to. Takes no memory for arrays of 32 bits on common
/// processors, else for one array at a time.
///
/// # Errors
/// [`OutputError::Place`]: a shape does not fit its values, or the file cannot be written.
pub fn write_tensors(
    destination: &Destination,
    arrays: Vec<(String, impl View)>,
    texts: HashMap<String, String>,
) -> Result<PathBuf, OutputError> {
    destination.write_with(|temporary| {
        safetensors::serialize_to_file(arrays, Some(texts), temporary).map_err(|e| match e {
            SafeTensorError::IoError(error) => error,
            other => io::Error::other(other),
        })
    })
}

/// SHA-256 over names, types, shapes and bytes of tensors, lower-case hexadecimal. Their order does not matter.
pub fn tensors_digest<V: View>(tensors: &[(impl AsRef<str>, V)]) -> String {
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_by_key(|&i| tensors[i].0.as_ref());
    let parts = order.into_iter().flat_map(|i| {
        let (name, tensor) = &tensors[i];
        let (name, kind, shape) = (name.as_ref(), tensor.dtype(), tensor.shape());
        let about = format!("{name:?} {kind:?} {shape:?}\n").into_bytes();
        [Cow::Owned(about), tensor.data()]
    });
    sha256_of(parts)
}

/// A safetensors file with one text of its header exchanged, and everything else as it is.
///
/// # Errors
/// The file is not safetensors.
pub fn with_text(file: &[u8], key: &str, text: String) -> Result<Vec<u8>, SafeTensorError> {
    let (_, header) = SafeTensors::read_metadata(file)?;
    let mut texts = header.metadata().clone().unwrap_or_default();
    texts.insert(key.to_owned(), text);
    safetensors::serialize(SafeTensors::deserialize(file)?.tensors(), Some(texts))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{DoubleArray, Existing, FloatArray};

    const KEY: &str = "who";

    fn arrays(half: bool) -> Vec<(String, FloatArray<'static>)> {
        let array = |values, shape: &[usize]| FloatArray {
            values,
            shape: shape.to_vec(),
            half,
        };
        vec![
            (
                "b".into(),
                array(&[1.0, -2.5, 3.0, 0.5, 0.25, 7.0], &[2, 3]),
            ),
            ("a".into(), array(&[0.125], &[1])),
        ]
    }

    fn texts() -> HashMap<String, String> {
        HashMap::from([(KEY.to_owned(), "test".to_owned())])
    }

    #[test]
    fn a_text_is_exchanged_and_nothing_else_changes() {
        for half in [false, true] {
            let file = written(half);
            assert_eq!(with_text(&file, KEY, "test".to_owned()).unwrap(), file);
            let other = with_text(&file, KEY, "other".to_owned()).unwrap();
            let (before, after) = (
                Tensors::open(&file).unwrap(),
                Tensors::open(&other).unwrap(),
            );
            assert_eq!(after.text(KEY), Some("other"));
            assert_eq!(
                before.floats("b", &[2, 3]).unwrap(),
                after.floats("b", &[2, 3]).unwrap()
            );
        }
        assert!(with_text(b"not safetensors", KEY, String::new()).is_err());
    }

    fn to(path: &Path) -> Destination {
        Destination::check(path, &[], Existing::Refuse).unwrap()
    }

    fn written(half: bool) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        write_tensors(&to(&path), arrays(half), texts()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::read(path).unwrap()
    }

    #[test]
    fn arrays_come_back_as_they_were_written() {
        for half in [false, true] {
            let file = written(half);
            let inputs = arrays(half);
            assert_eq!(
                file,
                safetensors::serialize(inputs.clone(), Some(texts())).unwrap()
            );
            let tensors = Tensors::open(&file).unwrap();
            assert_eq!(tensors.text(KEY), Some("test"));
            assert_eq!(tensors.text("other"), None);
            assert_eq!(tensors.names().len(), 2);
            for (name, array) in inputs {
                assert_eq!(tensors.floats(&name, &array.shape).unwrap(), array.values);
            }
        }
    }

    #[test]
    fn doubles_come_back_to_the_last_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.checkpoint");
        let values = [1.0 / 3.0, -1e300, 0.0, f64::NAN];
        let arrays = [("whole", &values[..3]), ("bad", &values)];
        let arrays = arrays.map(|(name, values)| (name.to_owned(), DoubleArray::of(values)));
        write_tensors(&to(&path), arrays.into(), texts()).unwrap();
        let file = std::fs::read(path).unwrap();
        let tensors = Tensors::open(&file).unwrap();
        assert_eq!(tensors.doubles("whole", &[3]).unwrap(), values[..3]);
        let refused = |name: &str, shape: &[usize]| {
            let refused = tensors.doubles(name, shape);
            refused.unwrap_err().to_string()
        };
        assert_eq!(refused("bad", &[4]), "tensor \"bad\": holds NaN");
        assert!(refused("whole", &[2]).contains("expected shape [2], got [3]"));
        let floats = written(false);
        let floats = Tensors::open(&floats).unwrap();
        let refused = floats.doubles("a", &[1]).unwrap_err().to_string();
        assert_eq!(refused, "tensor \"a\": expected F64, got F32");
    }

    #[test]
    fn every_changed_byte_differs_from_the_digest() {
        for half in [false, true] {
            let file = written(half);
            let digest = tensors_digest(&arrays(half));
            let check = |file: &[u8]| Tensors::open(file).unwrap().check_digest(Some(&digest));
            assert!(check(&file).is_ok());
            for at in file.len() - if half { 14 } else { 28 }..file.len() {
                let mut damaged = file.clone();
                damaged[at] ^= 1;
                assert!(matches!(check(&damaged), Err(TensorError::Damaged)), "{at}");
            }
        }
    }

    #[test]
    fn other_tensors_are_refused_by_name() {
        let file = written(false);
        let tensors = Tensors::open(&file).unwrap();
        let problem = |name: &str, shape: &[usize]| {
            let refused = tensors.floats(name, shape).unwrap_err();
            refused.to_string()
        };
        assert_eq!(problem("c", &[1]), "tensor \"c\": missing");
        assert_eq!(
            problem("b", &[6]),
            "tensor \"b\": expected shape [6], got [2, 3]"
        );
    }

    #[test]
    fn other_types_and_values_that_are_not_finite_are_refused() {
        let bytes = [0x7f, 0xc0, 0x7f, 0x7f];
        let read = |dtype: Dtype, shape: &[usize]| {
            let view = TensorView::new(dtype, shape.to_vec(), &bytes).unwrap();
            let file = safetensors::serialize([("x", view)], None).unwrap();
            let refused = Tensors::open(&file).unwrap().floats("x", shape);
            refused.unwrap_err().to_string()
        };
        assert_eq!(
            read(Dtype::I8, &[4]),
            "tensor \"x\": expected F32 or F16, got I8"
        );
        assert_eq!(read(Dtype::F16, &[2]), "tensor \"x\": holds NaN");
    }

    #[test]
    fn a_tensor_that_nobody_reads_is_unexpected() {
        let file = written(false);
        let tensors = Tensors::open(&file).unwrap();
        let mut names: Vec<_> = tensors.names().into_iter().map(str::to_owned).collect();
        names.sort();
        let (last, others) = names.split_last().unwrap();
        let read = |name: &String| {
            let shape = tensors.tensors.tensor(name).unwrap().shape().to_vec();
            tensors.view(name, &shape).unwrap();
        };
        others.iter().for_each(read);
        let said = tensors.check_all_taken().unwrap_err().to_string();
        assert_eq!(said, format!("unexpected tensor {last:?}"));
        read(last);
        tensors.check_all_taken().unwrap();
    }

    #[test]
    fn bytes_are_signed_and_of_no_other_type() {
        let read = |dtype: Dtype, shape: &[usize]| {
            let view = TensorView::new(dtype, shape.to_vec(), &[0, 1, 127, 129]).unwrap();
            let file = safetensors::serialize([("x", view)], None).unwrap();
            let read = Tensors::open(&file).unwrap().bytes("x", shape);
            read.map_err(|e| e.to_string())
        };
        assert_eq!(read(Dtype::I8, &[2, 2]), Ok(vec![0, 1, 127, -127]));
        let refused = "tensor \"x\": expected I8, got U8".to_owned();
        assert_eq!(read(Dtype::U8, &[4]), Err(refused));
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let file = written(false);
        for damaged in [&file[..file.len() - 1], b"no", b""] {
            let refused = Tensors::open(damaged).unwrap_err().to_string();
            assert!(refused.starts_with("not a whole safetensors file: "));
        }
    }

    #[test]
    fn a_shape_that_does_not_fit_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut arrays = arrays(false);
        arrays[0].1.shape = vec![5];
        let refused = write_tensors(&to(&folder.path().join("a")), arrays, texts());
        assert!(refused.is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
