//! The settings of a request: checked, and everything filled in that was not set.

mod aim;
mod descent;
mod stream;
mod target;
#[cfg(test)]
mod tests;

pub(super) use aim::Aim;
pub(super) use descent::{basis, descent, descent_to_wire};
pub(super) use stream::{StreamSettings, stream};
pub(super) use target::{target, target_to_wire, usual_layer};
