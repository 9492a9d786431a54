//! The network on a CPU, with kernels of its own.

mod aligned;
mod convolution;
mod direct;
mod epilogue;
mod gemm;
pub(crate) mod lanes;
mod layout;
mod linear;
mod network;
mod plan;
mod pointwise;
mod pool;
mod shared;
mod upsample;
mod winograd;

pub(crate) use aligned::Aligned;
pub(crate) use convolution::Convolution;
pub use convolution::Method;
pub(crate) use epilogue::{Bits, Epilogue, Source};
pub use lanes::Isa;
pub(crate) use lanes::{LANES, Lanes, per_isa};
pub(crate) use layout::Layout;
pub(crate) use linear::Linear;
pub(crate) use network::CpuNetwork;
pub(crate) use plan::Plan;
pub(crate) use pointwise::Pointwise;
pub(crate) use pool::MaxPool;
pub(crate) use upsample::Upsample;
pub use winograd::TileSize;
