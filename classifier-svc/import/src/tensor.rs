//! A named tensor whose values still lie in the file.

use std::{fmt, sync::Arc};

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

/// Where the bytes of a tensor are.
#[derive(Clone)]
enum Data {
    /// In the file, as they are.
    Held(Bytes),
    /// In chunks or compressed: put together when they are asked for.
    Deferred(Fetch),
}

/// Puts the bytes of a tensor together.
pub(crate) type Fetch = Arc<dyn Fn() -> Result<Bytes, String> + Send + Sync>;

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Deferred(_) => f.write_str("deferred"),
        }
    }
}

/// A tensor of a file.
#[derive(Clone, Debug)]
pub struct Tensor {
    name: String,
    shape: Vec<usize>,
    dtype: Dtype,
    data: Data,
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
        let held = data.len();
        let tensor = Self {
            name,
            shape,
            dtype,
            data: Data::Held(data),
            strides: None,
        };
        let bytes = tensor.len()?.checked_mul(dtype.size());
        if bytes == Some(held) {
            return Ok(tensor);
        }
        Err(tensor.wrong(&format!(
            "the shape {:?} does not fit {held} bytes of {dtype:?}",
            tensor.shape
        )))
    }

    /// A tensor whose values lie one after the other in what `fetch` returns; it is called when they are read.
    pub(crate) fn deferred(
        name: String,
        shape: Vec<usize>,
        dtype: Dtype,
        fetch: Fetch,
    ) -> Result<Self, ReadError> {
        let tensor = Self {
            name,
            shape,
            dtype,
            data: Data::Deferred(fetch),
            strides: None,
        };
        tensor.len()?;
        Ok(tensor)
    }

    /// The same tensor, whose values lie in the order of MATLAB and Fortran: the first index runs fastest.
    pub(crate) fn first_index_fastest(mut self) -> Self {
        let mut strides = Vec::with_capacity(self.shape.len());
        let mut stride = 1_usize;
        for n in &self.shape {
            strides.push(stride);
            stride = stride.saturating_mul(*n);
        }
        self.strides = (!contiguous(&self.shape, &strides)).then_some(strides);
        self
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
            data: Data::Held(Bytes::new()),
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
        tensor.data = Data::Held(storage.slice(offset * dtype.size()..end * dtype.size()));
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

    /// The same tensor under another name.
    pub(crate) fn renamed(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// The same values with the dimensions in another order: dimension `i` of the result is `axes[i]` of this tensor.
    /// `None` if `axes` does not name every dimension once.
    pub fn permuted(&self, axes: &[usize]) -> Option<Self> {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..self.shape.len()) {
            return None;
        }
        let strides = self.strides();
        Some(self.view(
            axes.iter().map(|&a| self.shape[a]).collect(),
            axes.iter().map(|&a| strides[a]).collect(),
        ))
    }

    /// The same values with dimension `axis` split into several, the last of them running fastest. `None` if their
    /// product is not the dimension, or there is no such dimension.
    pub fn split(&self, axis: usize, sizes: &[usize]) -> Option<Self> {
        let product = sizes.iter().try_fold(1_usize, |n, d| n.checked_mul(*d));
        if self.shape.get(axis).copied() != product || product == Some(0) {
            return None;
        }
        let mut strides = self.strides();
        let mut stride = strides[axis];
        let mut inner = Vec::with_capacity(sizes.len());
        for size in sizes.iter().rev() {
            inner.insert(0, stride);
            stride = stride.saturating_mul(*size);
        }
        let mut shape = self.shape.clone();
        shape.splice(axis..=axis, sizes.iter().copied());
        strides.splice(axis..=axis, inner);
        Some(self.view(shape, strides))
    }

    /// The same tensor without its dimensions of size one before the first, or behind the last, larger one.
    pub fn squeezed(&self) -> Self {
        let strides = self.strides();
        let mut kept = 0..self.shape.len();
        while self.shape[kept.clone()].first() == Some(&1) {
            kept.start += 1;
        }
        while self.shape[kept.clone()].last() == Some(&1) {
            kept.end -= 1;
        }
        self.view(self.shape[kept.clone()].to_vec(), strides[kept].to_vec())
    }

    /// The values, the last index running fastest.
    ///
    /// # Errors
    /// They are of a type that weights do not have, or cannot be decompressed.
    pub fn read(&self) -> Result<Vec<f32>, ReadError> {
        match self.dtype {
            Dtype::F32 => self.values(f32::from_le_bytes),
            Dtype::F64 => self.values(|b| f64::from_le_bytes(b) as f32),
            Dtype::F16 => self.values(|b| f16::from_le_bytes(b).to_f32()),
            Dtype::BF16 => self.values(|b| bf16::from_le_bytes(b).to_f32()),
            Dtype::Other(size) => Err(self.wrong(&format!(
                "expected floating-point values, got integers of {size} bytes"
            ))),
        }
    }

    fn values<const N: usize>(
        &self,
        value: impl Fn([u8; N]) -> f32,
    ) -> Result<Vec<f32>, ReadError> {
        let data = match &self.data {
            Data::Held(data) => data.clone(),
            Data::Deferred(fetch) => fetch().map_err(|problem| self.wrong(&problem))?,
        };
        let (values, len) = (data.as_chunks::<N>().0, self.len()?);
        let strides = self.strides();
        let last = self.shape.iter().zip(&strides);
        let last = last.map(|(n, stride)| n.saturating_sub(1).saturating_mul(*stride));
        let last = last.fold(0_usize, usize::saturating_add);
        if len > 0 && (last >= values.len() || len > values.len()) {
            return Err(self.wrong(&format!(
                "the shape {:?} does not fit {} values",
                self.shape,
                values.len()
            )));
        }
        if self.strides.is_none() {
            return Ok(values[..len].iter().map(|b| value(*b)).collect());
        }
        let mut gathered = Vec::with_capacity(len);
        let mut index = vec![0; self.shape.len()];
        let (inner, step) = (self.shape.last().copied(), strides.last().copied());
        let (inner, step) = (inner.unwrap_or(1), step.unwrap_or(0));
        while gathered.len() < len {
            let start: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
            gathered.extend((0..inner).map(|i| value(values[start + i * step])));
            advance(&mut index, &self.shape);
        }
        Ok(gathered)
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

    /// Values from one index to the next of each dimension.
    fn strides(&self) -> Vec<usize> {
        if let Some(strides) = &self.strides {
            return strides.clone();
        }
        let mut strides = vec![1_usize; self.shape.len()];
        for i in (1..self.shape.len()).rev() {
            strides[i - 1] = strides[i].saturating_mul(self.shape[i]);
        }
        strides
    }

    fn view(&self, shape: Vec<usize>, strides: Vec<usize>) -> Self {
        Self {
            name: self.name.clone(),
            strides: (!contiguous(&shape, &strides)).then_some(strides),
            shape,
            dtype: self.dtype,
            data: self.data.clone(),
        }
    }
}

/// Steps to the next row: all dimensions but the last.
fn advance(index: &mut [usize], shape: &[usize]) {
    let rows = index.len().saturating_sub(1);
    for (i, n) in index.iter_mut().zip(shape).take(rows).rev() {
        *i += 1;
        if *i < *n {
            return;
        }
        *i = 0;
    }
}

/// Whether these are the strides of values that lie one after the other.
fn contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(&n, &stride)| {
        let fits = n == 1 || stride == expected;
        expected = expected.saturating_mul(n);
        fits
    })
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
    fn dimensions_are_permuted_split_and_squeezed() {
        let bytes: Vec<u8> = (0..6_u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
        let tensor = Tensor::new("t".into(), vec![1, 2, 3], Dtype::F32, bytes.into()).unwrap();
        let turned = tensor.permuted(&[2, 0, 1]).unwrap();
        assert_eq!(turned.shape(), [3, 1, 2]);
        let values = [0.0, 3.0, 1.0, 4.0, 2.0, 5.0];
        assert_eq!(turned.read().unwrap(), values);
        let matlab = tensor.squeezed().first_index_fastest();
        assert_eq!(matlab.shape(), [2, 3]);
        assert_eq!(matlab.read().unwrap(), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
        assert_eq!(
            matlab.permuted(&[1, 0]).unwrap().read().unwrap(),
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        );
        let split = tensor
            .split(2, &[3, 1])
            .unwrap()
            .permuted(&[2, 3, 1, 0])
            .unwrap();
        assert_eq!(split.shape(), [3, 1, 2, 1]);
        assert_eq!(split.read().unwrap(), values);
        assert!(tensor.permuted(&[0, 0, 1]).is_none() && tensor.split(1, &[3]).is_none());
        let ones = tensor.split(0, &[1, 1]).unwrap();
        assert_eq!(ones.squeezed().shape(), [2, 3]);
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
