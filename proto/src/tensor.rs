//! Tensors on the wire, to and from plain arrays of `f32`.

use crate::v1::{DataType, Tensor};

/// A dense row-major array of `f32`: what a wire tensor means once it is decoded and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Size of each dimension, outermost first.
    pub shape: Vec<usize>,
    /// The elements; their number is the product of `shape`.
    pub data: Vec<f32>,
}

/// What is wrong with a tensor from the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// The element type is missing or none that this version knows.
    #[error("data_type: expected F32, F16, BF16 or U8, got {0}")]
    DataType(i32),
    /// The number of dimensions or one of them is out of range.
    #[error("shape: expected 1 to 4 dimensions, each at least 1, got {0:?}")]
    Shape(Vec<i64>),
    /// The number of bytes is not what the shape and the type ask for.
    #[error("data: shape {shape:?} of {data_type} takes {expected} bytes, got {actual}")]
    Length {
        /// The shape as it came.
        shape: Vec<i64>,
        /// Name of the element type.
        data_type: &'static str,
        /// Bytes that shape and type ask for.
        expected: u128,
        /// Bytes that came.
        actual: usize,
    },
    /// An element is NaN or infinite.
    #[error("data: element {index} is {value}, expected a finite number")]
    NotFinite {
        /// Row-major index of the first such element.
        index: usize,
        /// The element.
        value: String,
    },
}

impl Array {
    /// Makes an array, or `None` where the number of elements is not the product of `shape`.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Option<Self> {
        (shape.iter().product::<usize>() == data.len()).then_some(Self { shape, data })
    }

    /// Encodes as a wire tensor of the given type. `U8` maps 0..1 to 0..255, rounding and clamping; an
    /// unspecified type means `F32`.
    pub fn to_tensor(&self, data_type: DataType) -> Tensor {
        let (data_type, data) = match data_type {
            DataType::Unspecified | DataType::F32 => {
                (DataType::F32, encode(&self.data, f32::to_le_bytes))
            }
            DataType::F16 => {
                let half = |x| half::f16::from_f32(x).to_le_bytes();
                (data_type, encode(&self.data, half))
            }
            DataType::Bf16 => {
                let half = |x| half::bf16::from_f32(x).to_le_bytes();
                (data_type, encode(&self.data, half))
            }
            DataType::U8 => {
                let byte = |x: f32| [(x * 255.0).round().clamp(0.0, 255.0) as u8];
                (data_type, encode(&self.data, byte))
            }
        };
        Tensor {
            data_type: data_type.into(),
            shape: self.shape.iter().map(|&d| d as i64).collect(),
            data,
        }
    }
}

impl TryFrom<&Tensor> for Array {
    type Error = TensorError;

    /// Decodes and checks: known type, 1 to 4 dimensions, exact length, finite elements. `U8` becomes 0..1.
    fn try_from(tensor: &Tensor) -> Result<Self, TensorError> {
        let (name, size) = match tensor.data_type() {
            DataType::Unspecified => return Err(TensorError::DataType(tensor.data_type)),
            DataType::F32 => ("F32", 4),
            DataType::F16 => ("F16", 2),
            DataType::Bf16 => ("BF16", 2),
            DataType::U8 => ("U8", 1),
        };
        if !(1..=4).contains(&tensor.shape.len()) || tensor.shape.iter().any(|&d| d < 1) {
            let head = tensor.shape.iter().take(8).copied().collect();
            return Err(TensorError::Shape(head));
        }
        let expected = tensor
            .shape
            .iter()
            .try_fold(size as u128, |n, &d| n.checked_mul(d as u128))
            .unwrap_or(u128::MAX);
        if expected != tensor.data.len() as u128 {
            return Err(TensorError::Length {
                shape: tensor.shape.clone(),
                data_type: name,
                expected,
                actual: tensor.data.len(),
            });
        }
        let data: Vec<f32> = match tensor.data_type() {
            DataType::F16 => decode(&tensor.data, |b| half::f16::from_le_bytes(b).to_f32()),
            DataType::Bf16 => decode(&tensor.data, |b| half::bf16::from_le_bytes(b).to_f32()),
            DataType::U8 => tensor.data.iter().map(|&b| f32::from(b) / 255.0).collect(),
            DataType::F32 | DataType::Unspecified => decode(&tensor.data, f32::from_le_bytes),
        };
        if let Some(index) = position(&data, |x| !x.is_finite()) {
            let value = data[index].to_string();
            return Err(TensorError::NotFinite { index, value });
        }
        let shape = tensor.shape.iter().map(|&d| d as usize).collect();
        Ok(Self { shape, data })
    }
}

/// The index of the first element for which a test is true. Nearly always there is none, so the test runs on portions
/// without leaving early, which the compiler turns into a few instructions for many elements: this is done at every
/// step of an inversion.
pub fn position(data: &[f32], test: impl Fn(&f32) -> bool) -> Option<usize> {
    const PORTION: usize = 256;
    for (i, portion) in data.chunks(PORTION).enumerate() {
        if portion.iter().fold(false, |found, x| found | test(x)) {
            let at = portion.iter().position(&test);
            return at.map(|at| i * PORTION + at);
        }
    }
    None
}

/// Element by element into a buffer of known size, which the compiler turns into a copy where it is one.
fn encode<const N: usize>(data: &[f32], encode: impl Fn(f32) -> [u8; N]) -> Vec<u8> {
    let mut bytes = vec![0; N * data.len()];
    let (elements, _) = bytes.as_chunks_mut::<N>();
    elements
        .iter_mut()
        .zip(data)
        .for_each(|(to, &x)| *to = encode(x));
    bytes
}

fn decode<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (elements, _) = bytes.as_chunks::<N>();
    elements.iter().map(|&b| decode(b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array() -> Array {
        Array::new(vec![2, 3], vec![0.0, 0.25, 0.5, 0.75, 1.0, 0.125]).unwrap()
    }

    #[test]
    fn every_type_survives_the_wire() {
        for data_type in [DataType::F32, DataType::F16, DataType::Bf16] {
            let tensor = array().to_tensor(data_type);
            assert_eq!(Array::try_from(&tensor).unwrap(), array(), "{data_type:?}");
        }
        let bytes = Array::try_from(&array().to_tensor(DataType::U8)).unwrap();
        for (a, b) in bytes.data.iter().zip(array().data) {
            assert!((a - b).abs() <= 0.5 / 255.0 + 1e-6);
        }
    }

    #[test]
    fn the_first_element_is_found_wherever_it_is() {
        for at in [0, 255, 256, 700] {
            let mut data = vec![0.0; 701];
            data[at..].fill(f32::NAN);
            assert_eq!(position(&data, |x| !x.is_finite()), Some(at));
        }
        assert_eq!(position(&[1.0; 300], |x| !x.is_finite()), None);
    }

    #[test]
    fn bad_tensors_are_named_precisely() {
        let good = array().to_tensor(DataType::F32);
        let mut t = good.clone();
        t.data_type = 99;
        assert_eq!(Array::try_from(&t), Err(TensorError::DataType(99)));
        for shape in [vec![], vec![1; 5], vec![0, 6], vec![-2, -3]] {
            let mut t = good.clone();
            t.shape = shape.clone();
            assert_eq!(Array::try_from(&t), Err(TensorError::Shape(shape)));
        }
        for shape in [vec![2, 2], vec![i64::MAX, i64::MAX, i64::MAX, i64::MAX]] {
            let mut t = good.clone();
            t.shape = shape;
            assert!(matches!(
                Array::try_from(&t),
                Err(TensorError::Length { .. })
            ));
        }
        let mut t = good;
        t.data[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(matches!(
            Array::try_from(&t),
            Err(TensorError::NotFinite { index: 1, .. })
        ));
    }
}
