//! Wrong usage that the grammar cannot see.

/// The arguments fit the grammar but make no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);
