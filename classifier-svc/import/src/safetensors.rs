//! safetensors: a header in JSON, then the values.

use std::collections::HashMap;

use bytes::Bytes;
use safetensors::{Dtype as Stored, SafeTensors};

use crate::{Dtype, Format, ReadError, Tensor};

/// The tensors of a file and the texts of its header.
pub(crate) fn read(file: &Bytes) -> Result<(Vec<Tensor>, HashMap<String, String>), ReadError> {
    let malformed = |e: safetensors::SafeTensorError| ReadError::Malformed {
        format: Format::Safetensors,
        problem: e.to_string(),
    };
    let (_, header) = SafeTensors::read_metadata(file).map_err(malformed)?;
    let held = SafeTensors::deserialize(file).map_err(malformed)?;
    let tensors = header.offset_keys().into_iter().map(|name| {
        let view = held.tensor(&name).map_err(malformed)?;
        let dtype = match view.dtype() {
            Stored::F32 => Dtype::F32,
            Stored::F64 => Dtype::F64,
            Stored::F16 => Dtype::F16,
            Stored::BF16 => Dtype::BF16,
            other => Dtype::Other(other.bitsize() / 8),
        };
        let data = file.slice_ref(view.data());
        Tensor::new(name, view.shape().to_vec(), dtype, data)
    });
    let texts = header.metadata().clone().unwrap_or_default();
    Ok((tensors.collect::<Result<_, _>>()?, texts))
}
