//! A named tensor whose values still lie in the file.

use bytes::Bytes;
use half::{bf16, f16};

use crate::ReadError;

/// Dimensions at most; no network has more, and a hostile file could claim any number.
pub(crate) const MAX_RANK: usize = 8;

/// Type of a tensor's values, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE 754, 32 bits.
    F32,
    /// IEEE 754, 64 bits.
    F64,
    /// IEEE 754, 16 bits.
    F16,
    /// The upper half of an `F32`.
    BF16,
    /// A type that weights do not have, of this many bytes, such as an integer.
    Other(usize),
}

impl Dtype {
    /// Bytes of a value.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Other(size) => size,
        }
    }
}

/// A tensor of a file.
#[derive(Clone, Debug)]
pub struct Tensor {
    name: String,
    shape: Vec<usize>,
    dtype: Dtype,
    data: Bytes,
    /// Values from one index to the next of each dimension, where they do not lie one after the other.
    strides: Option<Vec<usize>>,
}

impl Tensor {
    /// A tensor whose values lie one after the other and fill `data`.
    pub(crate) fn new(
        name: String,
        shape: Vec<usize>,
        dtype: Dtype,
        data: Bytes,
    ) -> Result<Self, ReadError> {
        let tensor = Self {
            name,
            shape,
            dtype,
            data,
            strides: None,
        };
        let bytes = tensor.len()?.checked_mul(dtype.size());
        if bytes == Some(tensor.data.len()) {
            return Ok(tensor);
        }
        Err(tensor.wrong(&format!(
            "the shape {:?} does not fit {} bytes of {dtype:?}",
            tensor.shape,
            tensor.data.len()
        )))
    }

    /// A window of a storage: the value at index `i` is the storage's at `offset + sum of i * stride`.
    pub(crate) fn window(
        name: String,
        shape: Vec<usize>,
        dtype: Dtype,
        storage: &Bytes,
        offset: usize,
        strides: Vec<usize>,
    ) -> Result<Self, ReadError> {
        let mut tensor = Self {
            name,
            shape,
            dtype,
            data: Bytes::new(),
            strides: None,
        };
        let (len, held) = (tensor.len()?, storage.len() / dtype.size().max(1));
        if strides.len() != tensor.shape.len() {
            return Err(tensor.wrong("expected one stride per dimension"));
        }
        if len == 0 {
            return Ok(tensor);
        }
        // One index repeated would let a few bytes stand for any number of values.
        let mut dimensions = tensor.shape.iter().zip(&strides);
        let last = dimensions.try_fold(offset, |sum, (n, stride)| {
            sum.checked_add((n - 1).checked_mul(*stride)?)
        });
        let end = match last {
            Some(last) if last < held && len <= held => last + 1,
            _ => {
                return Err(tensor.wrong(&format!(
                    "shape {:?}, offset {offset} and strides {strides:?} do not fit a storage of {held} values",
                    tensor.shape
                )));
            }
        };
        tensor.data = storage.slice(offset * dtype.size()..end * dtype.size());
        tensor.strides = (!contiguous(&tensor.shape, &strides)).then_some(strides);
        Ok(tensor)
    }

    /// Name, such as `conv1_1.weight`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size of each dimension, as the file has it.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Type of the values in the file.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The values, the last index running fastest.
    ///
    /// # Errors
    /// They are of a type that weights do not have.
    pub fn read(&self) -> Result<Vec<f32>, ReadError> {
        let data = match &self.strides {
            None => self.data.clone(),
            Some(strides) => self.gather(strides),
        };
        match self.dtype {
            Dtype::F32 => Ok(decode(&data, f32::from_le_bytes)),
            Dtype::F64 => Ok(decode(&data, |b| f64::from_le_bytes(b) as f32)),
            Dtype::F16 => Ok(decode(&data, |b| f16::from_le_bytes(b).to_f32())),
            Dtype::BF16 => Ok(decode(&data, |b| bf16::from_le_bytes(b).to_f32())),
            Dtype::Other(size) => Err(self.wrong(&format!(
                "expected floating-point values, got integers of {size} bytes"
            ))),
        }
    }

    /// An error about this tensor.
    pub(crate) fn wrong(&self, problem: &str) -> ReadError {
        ReadError::Tensor {
            name: self.name.clone(),
            problem: problem.into(),
        }
    }

    /// Number of values.
    fn len(&self) -> Result<usize, ReadError> {
        let product = self
            .shape
            .iter()
            .try_fold(1_usize, |n, d| n.checked_mul(*d));
        match product {
            Some(len) if self.shape.len() <= MAX_RANK => Ok(len),
            Some(_) => Err(self.wrong(&format!(
                "expected {MAX_RANK} dimensions at most, got {}",
                self.shape.len()
            ))),
            None => Err(self.wrong(&format!("the shape {:?} is too large", self.shape))),
        }
    }

    /// The bytes of the values in the order of their indices.
    fn gather(&self, strides: &[usize]) -> Bytes {
        let size = self.dtype.size();
        let mut starts = vec![0];
        for (&n, stride) in self.shape.iter().zip(strides) {
            let along = |start: usize| (0..n).map(move |i| start + i * stride);
            starts = starts.into_iter().flat_map(along).collect();
        }
        let values = starts.iter().flat_map(|&s| &self.data[s * size..][..size]);
        values.copied().collect::<Vec<u8>>().into()
    }
}

/// Whether these are the strides of values that lie one after the other.
fn contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(&n, &stride)| {
        let fits = n == 1 || stride == expected;
        expected *= n;
        fits
    })
}

fn decode<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| value(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(shape: &[usize], offset: usize, strides: &[usize]) -> Result<Vec<f32>, String> {
        let storage: Vec<u8> = (0..6_u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
        let (shape, strides, storage) = (shape.to_vec(), strides.to_vec(), storage.into());
        Tensor::window("t".into(), shape, Dtype::F32, &storage, offset, strides)
            .and_then(|t| t.read())
            .map_err(|e| e.to_string())
    }

    #[test]
    fn windows_are_read_in_the_order_of_their_indices() {
        assert_eq!(window(&[2, 2], 1, &[2, 1]).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(
            window(&[3, 2], 0, &[1, 3]).unwrap(),
            [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
        );
        assert_eq!(window(&[], 5, &[]).unwrap(), [5.0]);
        assert!(window(&[0, 9], 99, &[1, 1]).unwrap().is_empty());
    }

    #[test]
    fn windows_that_leave_their_storage_or_repeat_it_are_refused() {
        let huge = usize::MAX;
        for (shape, offset, strides) in [
            (vec![2, 3], 1, vec![3, 1]),
            (vec![1], 6, vec![1]),
            (vec![2], 0, vec![huge]),
            (vec![2], huge, vec![1]),
            (vec![7], 0, vec![0]),
            (vec![huge, huge], 0, vec![0, 0]),
            (vec![2, 2], 0, vec![1]),
            (vec![1; 9], 0, vec![1; 9]),
        ] {
            let problem = window(&shape, offset, &strides).unwrap_err();
            assert!(problem.starts_with("tensor \"t\": "), "{problem}");
        }
    }
}
