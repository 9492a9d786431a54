//! Shared by the end-to-end tests: both services with the embedded models, on free ports, over real gRPC.

mod pictures;
mod proxy;
mod services;

pub use pictures::{distance, face_image, face_pixels, png};
pub use proxy::Proxy;
pub use services::{Pair, Service, shared};
