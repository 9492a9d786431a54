//! Why a file cannot be used as a photograph.

use crate::format::Format;

/// Why an image cannot be used.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ImageError {
    /// The file is larger than allowed.
    #[error("the file has {actual} bytes, at most {limit} are allowed")]
    TooManyBytes {
        /// Bytes of the file.
        actual: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The image is wider or higher than allowed.
    #[error("the image is {width}x{height} pixels, at most {limit} a side are allowed")]
    TooLarge {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Pixels a side allowed.
        limit: u32,
    },
    /// The image has more pixels than allowed.
    #[error(
        "the {format} image is {width}x{height}, which are {} pixels; at most {limit} are allowed: save it smaller",
        u64::from(*width) * u64::from(*height)
    )]
    TooManyPixels {
        /// What the file is.
        format: Format,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Pixels allowed of this format.
        limit: u64,
    },
    /// The file is not a photograph in a format that can be read.
    #[error("expected a JPEG, PNG, WebP, GIF, BMP, TIFF or QOI file, got {0}")]
    NotReadable(String),
    /// The file ends too early.
    #[error("the {format} file is cut short: {missing}")]
    CutShort {
        /// What the file is.
        format: Format,
        /// What is missing.
        missing: String,
    },
    /// The file is damaged, or uses a rare variant of its format.
    #[error("the {format} file cannot be decoded: {why}")]
    Undecodable {
        /// What the file is.
        format: Format,
        /// What is wrong.
        why: String,
    },
}

impl ImageError {
    /// A damaged file.
    pub(crate) fn undecodable(format: Format, why: impl ToString) -> Self {
        let why = why.to_string();
        Self::Undecodable { format, why }
    }

    /// A file without its end.
    pub(crate) fn cut_short(format: Format, missing: impl ToString) -> Self {
        let missing = missing.to_string();
        Self::CutShort { format, missing }
    }
}
