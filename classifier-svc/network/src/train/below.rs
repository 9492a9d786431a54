//! What a layer in training knows of the one below.

/// Where a stage leaves the cotangent of its input.
pub(crate) struct Below<'a> {
    pub(crate) d: &'a mut [f32],
    /// Where the rectifier passed that ends the stage below; `None` where none does.
    pub(crate) mask: Option<&'a [u16]>,
}
