//! The gRPC contract of DeepFace, package `deepface.v1`, and its Rust bindings.
//!
//! The contract is `deepface/v1/*.proto`; the bindings in `src/gen/` are made from it and checked in, so that
//! building needs no `protoc`. `tests/bootstrap.rs` fails when the two differ.

pub mod http2;
mod origin;
mod requests;
mod scope;
mod tensor;

pub use origin::Origin;
pub use scope::Scope;
pub use tensor::{Array, TensorError, position};

/// Messages, clients and servers of package `deepface.v1`.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod v1 {
    include!("gen/deepface.v1.rs");
}

/// Messages, client and server of the Open Inference Protocol, version 2, package `inference`.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod inference {
    include!("gen/inference.rs");
}

/// The standard error model, `google.rpc.Status`: the status of one item of a request.
pub use tonic_types::pb as rpc;

/// The encoded `FileDescriptorSet` of the contract, comments included, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("gen/descriptor.binpb");
