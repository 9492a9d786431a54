//! What a stream carries.

use deepface_proto::v1::{self, ImageFormat};
use deepface_serve::Violations;

use super::super::check::Check;
use crate::defaults;

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) struct StreamSettings {
    /// Steps between two iterates.
    pub(in crate::api) every: usize,
    /// How images travel; never unspecified.
    pub(in crate::api) format: ImageFormat,
    /// Whether iterates come without images.
    pub(in crate::api) losses_only: bool,
    /// Whether iterates carry resume tokens.
    pub(in crate::api) resume_tokens: bool,
}

/// Checks what a stream should carry.
///
/// # Errors
/// Everything that is wrong with the settings.
pub(in crate::api) fn stream(
    wire: Option<&v1::StreamSettings>,
) -> Result<StreamSettings, Violations> {
    let wire = wire.copied().unwrap_or_default();
    let mut check = Check::new("stream");
    let settings = StreamSettings {
        every: check.whole("every", wire.every, defaults::EVERY, 1..=5000),
        format: match check.known("format", wire.format) {
            ImageFormat::Unspecified => ImageFormat::Png,
            format => format,
        },
        losses_only: wire.losses_only,
        resume_tokens: wire.resume_tokens,
    };
    check.or(settings)
}
