//! Shared by the end-to-end tests: both services with the embedded models, on free ports, over real gRPC.

mod authority;
mod http;
mod mutations;
mod photographs;
mod pictures;
mod proxy;
mod readers;
mod services;

pub use authority::{Authority, Signed};
pub use http::http;
pub use mutations::{Random, damage, mutations};
pub use photographs::DrawnDataSet;
pub use pictures::{distance, face_image, face_pixels, png};
pub use proxy::{Fault, Proxy};
pub use readers::{
    READERS, Reader, about, autoencoder, image, import, labels, seeds, statistics, tensor, weights,
};
pub use services::{Pair, Service, shared};
