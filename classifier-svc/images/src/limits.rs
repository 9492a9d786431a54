//! How large a photograph may be, and how much of its resolution is kept.

/// Most pixels of a photograph: 2²⁷, 11585 a side where it is square. This takes photographs of 108 megapixels, which
/// is more than the sensors of today's phones give in one file of the allowed size.
pub const MAX_PIXELS: u64 = 1 << 27;

/// Most pixels of all photographs of one request together: eight of 4096x4096, or eleven of a phone's 12 megapixels. They
/// take a core a second or two.
pub const MAX_REQUEST_PIXELS: u64 = 1 << 27;

/// Most pixels where a format can only be decoded whole: WebP, GIF, BMP, TIFF, QOI and interlaced PNG. As RGBA they
/// take 128 MiB.
pub(crate) const MAX_WHOLE_PIXELS: u64 = 1 << 25;

/// Most pixels of a decoded photograph: what has more is reduced by 2, 4 or 8 a side while it is decoded.
///
/// A phone's usual 12 megapixels are kept whole, in 39 MB. The detector scales the longer side to 1280 pixels and the
/// network takes at most 224 a side, so a photograph of 13 megapixels has detail to spare for any face that is found.
pub(crate) const KEPT_PIXELS: u64 = 13_000_000;

/// The limits on an encoded image.
#[derive(Clone, Copy, Debug)]
pub struct ImageLimits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Pixels a side: what a JPEG file can say of itself.
    pub side: u32,
    /// Pixels: width times height.
    pub pixels: u64,
}

impl Default for ImageLimits {
    /// 24 MiB, 65535 pixels a side and [`MAX_PIXELS`]: the limits of the services and of everything that reads
    /// photographs.
    fn default() -> Self {
        Self {
            bytes: 24 << 20,
            side: 65535,
            pixels: MAX_PIXELS,
        }
    }
}

/// By how much a photograph is reduced, a side: the smallest power of two that leaves at most 13 megapixels.
pub(crate) fn reduction(width: u32, height: u32) -> u32 {
    let kept = |by: u32| u64::from(width.div_ceil(by)) * u64::from(height.div_ceil(by));
    let mut by = 1;
    while kept(by) > KEPT_PIXELS && by < 8 {
        by *= 2;
    }
    by
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_megapixels_are_kept_and_more_is_halved() {
        for (size, by) in [
            ([1, 1], 1),
            ([4032, 3024], 1),
            ([4096, 4096], 2),
            ([6048, 8064], 2),
            ([12000, 9000], 4),
            ([65535, 2000], 4),
            ([u32::MAX, u32::MAX], 8),
        ] {
            assert_eq!(reduction(size[0], size[1]), by, "{size:?}");
        }
    }
}
