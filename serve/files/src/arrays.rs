//! Arrays to be written to a safetensors file.

use std::borrow::Cow;

use half::f16;
use safetensors::{Dtype, tensor::View};

/// An array to be written, which becomes bytes only when its turn comes.
#[derive(Clone, Debug)]
pub struct FloatArray<'a> {
    /// The values, row by row.
    pub values: &'a [f32],
    /// The dimensions, whose product is the number of values.
    pub shape: Vec<usize>,
    /// Whether to store 16 bits a value instead of 32.
    pub half: bool,
}

impl View for FloatArray<'_> {
    fn dtype(&self) -> Dtype {
        if self.half { Dtype::F16 } else { Dtype::F32 }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = self.values.iter();
        if self.half {
            let bytes = values.flat_map(|&x| f16::from_f32(x).to_le_bytes());
            return bytes.collect::<Vec<u8>>().into();
        }
        // In memory as in the file: the largest array of VGG-Face takes 411 MB.
        if cfg!(target_endian = "little") {
            return bytemuck::cast_slice(self.values).into();
        }
        let bytes = values.flat_map(|x| x.to_le_bytes());
        bytes.collect::<Vec<u8>>().into()
    }

    fn data_len(&self) -> usize {
        self.values.len() * if self.half { 2 } else { 4 }
    }
}

/// A row of numbers of 64 bits to be written, such as sums that go on growing after they are read again.
#[derive(Clone, Debug)]
pub struct DoubleArray<'a> {
    /// The values.
    pub values: &'a [f64],
    /// The one dimension: the number of values.
    pub shape: [usize; 1],
}

impl<'a> DoubleArray<'a> {
    /// All of these values.
    pub fn of(values: &'a [f64]) -> Self {
        let shape = [values.len()];
        Self { values, shape }
    }
}

impl View for DoubleArray<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F64
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            return bytemuck::cast_slice(self.values).into();
        }
        let bytes = self.values.iter().flat_map(|x| x.to_le_bytes());
        bytes.collect::<Vec<u8>>().into()
    }

    fn data_len(&self) -> usize {
        size_of_val(self.values)
    }
}
