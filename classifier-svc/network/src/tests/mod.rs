//! The network against PyTorch, candle, finite differences and itself.

mod candle_reference;
mod numerics;
mod parts;
pub(crate) mod people;
