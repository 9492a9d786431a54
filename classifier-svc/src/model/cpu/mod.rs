//! The network on a CPU, with kernels of its own.

mod conv;
mod lanes;
mod layers;
mod layout;
mod network;

pub(crate) use conv::Epilogue;
pub use lanes::Isa;
pub(crate) use lanes::LANES;
pub(crate) use layers::{Convolution, Linear, MaxPool};
pub(crate) use layout::Layout;
pub(crate) use network::{Network, Parameters};
