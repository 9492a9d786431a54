//! Caffe: a protocol buffer of layers with blobs.
//!
//! The messages are those of Caffe's `caffe.proto`, with the fields that weights need; all others are passed over.

use bytes::Bytes;
use prost::Message;

use crate::{Dtype, Format, ReadError, Tensor};

/// A network.
#[derive(Message)]
struct NetParameter {
    /// Layers as Caffe had them until 2014; the published VGG-Face has these.
    #[prost(message, repeated, tag = "2")]
    layers: Vec<V1LayerParameter>,
    /// Layers as they are since.
    #[prost(message, repeated, tag = "100")]
    layer: Vec<LayerParameter>,
}

#[derive(Message)]
struct V1LayerParameter {
    #[prost(string, tag = "4")]
    name: String,
    #[prost(message, repeated, tag = "6")]
    blobs: Vec<BlobProto>,
}

#[derive(Message)]
struct LayerParameter {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "7")]
    blobs: Vec<BlobProto>,
}

/// An array. Packed numbers are on the wire what bytes are, and as bytes they stay where they lie.
#[derive(Message)]
struct BlobProto {
    #[prost(int32, tag = "1")]
    num: i32,
    #[prost(int32, tag = "2")]
    channels: i32,
    #[prost(int32, tag = "3")]
    height: i32,
    #[prost(int32, tag = "4")]
    width: i32,
    #[prost(bytes = "bytes", tag = "5")]
    data: Bytes,
    #[prost(message, optional, tag = "7")]
    shape: Option<BlobShape>,
    #[prost(bytes = "bytes", tag = "8")]
    double_data: Bytes,
}

#[derive(Message)]
struct BlobShape {
    #[prost(int64, repeated, tag = "1")]
    dim: Vec<i64>,
}

/// The blobs of every layer: the first is `NAME.weight`, the second `NAME.bias`, others are numbered.
pub(crate) fn read(file: &Bytes) -> Result<Vec<Tensor>, ReadError> {
    let malformed = |problem: String| ReadError::Malformed {
        format: Format::Caffe,
        problem,
    };
    let net = NetParameter::decode(file.clone()).map_err(|e| malformed(e.to_string()))?;
    let old = net.layers.into_iter().map(|l| (l.name, l.blobs));
    let new = net.layer.into_iter().map(|l| (l.name, l.blobs));
    let mut tensors = Vec::new();
    for (layer, blobs) in old.chain(new) {
        for (i, blob) in blobs.into_iter().enumerate() {
            let name = match i {
                0 => format!("{layer}.weight"),
                1 => format!("{layer}.bias"),
                _ => format!("{layer}.{i}"),
            };
            tensors.push(tensor(name, blob)?);
        }
    }
    if tensors.is_empty() {
        return Err(malformed("no layer has weights".into()));
    }
    Ok(tensors)
}

fn tensor(name: String, blob: BlobProto) -> Result<Tensor, ReadError> {
    let dims: Vec<i64> = match blob.shape {
        Some(shape) => shape.dim,
        None => [blob.num, blob.channels, blob.height, blob.width]
            .map(i64::from)
            .to_vec(),
    };
    let shape = dims.iter().map(|&d| usize::try_from(d));
    let shape = shape
        .collect::<Result<_, _>>()
        .map_err(|_| ReadError::Tensor {
            name: name.clone(),
            problem: "a size is negative".into(),
        })?;
    match blob.double_data.is_empty() {
        true => Tensor::new(name, shape, Dtype::F32, blob.data),
        false => Tensor::new(name, shape, Dtype::F64, blob.double_data),
    }
}
