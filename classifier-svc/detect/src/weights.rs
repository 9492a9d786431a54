//! The built-in weights, from safetensors.

use half::f16;
use safetensors::{Dtype, SafeTensors};

use crate::layers::{Linear, Separable, Stem};

/// A built-in file. A test reads every tensor of both.
pub(crate) struct Weights<'a>(SafeTensors<'a>);

impl<'a> Weights<'a> {
    pub(crate) fn new(file: &'a [u8]) -> Self {
        Self(SafeTensors::deserialize(file).expect("the built-in file is whole"))
    }

    pub(crate) fn linear(&self, name: &str) -> Linear {
        Linear {
            weight: self.values(&format!("{name}.weight")),
            bias: self.values(&format!("{name}.bias")),
        }
    }

    pub(crate) fn stem(&self) -> Stem {
        Stem(self.linear("stem"))
    }

    pub(crate) fn separable(&self, name: &str) -> Separable {
        Separable {
            pointwise: self.linear(&format!("{name}.pointwise")),
            depthwise: self.linear(&format!("{name}.depthwise")),
        }
    }

    fn values(&self, name: &str) -> Vec<f32> {
        let tensor = self.0.tensor(name).expect("the built-in file is whole");
        let bytes = tensor.data();
        match tensor.dtype() {
            Dtype::F16 => {
                let value = |b: &[u8]| f16::from_le_bytes([b[0], b[1]]).to_f32();
                bytes.chunks_exact(2).map(value).collect()
            }
            _ => {
                let value = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
                bytes.chunks_exact(4).map(value).collect()
            }
        }
    }
}
