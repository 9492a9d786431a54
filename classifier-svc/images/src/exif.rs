//! Exif and TIFF directories: which way up a photograph is, and whether a TIFF file is a camera's raw file.

use image::metadata::Orientation;

const ORIENTATION: u16 = 0x112;
const NEW_SUBFILE_TYPE: u16 = 0xfe;
const DNG_VERSION: u16 = 0xc612;

/// The orientation that Exif data says; upright where they say nothing, or something that means nothing.
///
/// The data are a TIFF header and its first directory, with or without "Exif\0\0" before them.
pub(crate) fn orientation(data: &[u8]) -> Orientation {
    let data = data.strip_prefix(b"Exif\0\0").unwrap_or(data);
    let value = Directory::first(data).and_then(|d| d.value(ORIENTATION));
    let value = value.and_then(|v| u8::try_from(v).ok());
    value
        .and_then(Orientation::from_exif)
        .unwrap_or(Orientation::NoTransforms)
}

/// Whether a TIFF file is a camera's raw file, whose first image is only a thumbnail or a mosaic.
pub(crate) fn is_raw(file: &[u8]) -> bool {
    let canon = file.get(8..10) == Some(b"CR");
    let directory = Directory::first(file);
    let has = |tag| directory.as_ref().and_then(|d| d.value(tag));
    canon || has(DNG_VERSION).is_some() || has(NEW_SUBFILE_TYPE).is_some_and(|v| v & 1 == 1)
}

/// The first directory of a TIFF file.
struct Directory<'a> {
    data: &'a [u8],
    little: bool,
    /// Of the first entry.
    at: usize,
    entries: usize,
}

impl<'a> Directory<'a> {
    fn first(data: &'a [u8]) -> Option<Self> {
        let little = match data.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let mut directory = Self {
            data,
            little,
            at: 4,
            entries: 0,
        };
        let at = directory.u32(4)? as usize;
        directory.entries = directory.u16(at)?.into();
        directory.at = at.checked_add(2)?;
        Some(directory)
    }

    /// The number that an entry holds: of several numbers the first.
    fn value(&self, tag: u16) -> Option<u32> {
        let entry = |i: usize| self.at + 12 * i;
        let found = (0..self.entries)
            .map(entry)
            .find(|&at| self.u16(at) == Some(tag))?;
        match self.u16(found + 2)? {
            1 | 6 | 7 => self.data.get(found + 8).map(|&b| b.into()),
            3 | 8 => self.u16(found + 8).map(Into::into),
            4 | 9 => self.u32(found + 8),
            _ => None,
        }
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = self.data.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = self.data.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of one entry, little or big endian.
    fn exif(little: bool, kind: u16, value: u16) -> Vec<u8> {
        let bytes = |v: u16| {
            if little {
                v.to_le_bytes()
            } else {
                v.to_be_bytes()
            }
        };
        let wide = |v: u32| {
            if little {
                v.to_le_bytes()
            } else {
                v.to_be_bytes()
            }
        };
        let head: &[u8] = if little { b"II*\0" } else { b"MM\0*" };
        let stored = match kind {
            4 => wide(value.into()).to_vec(),
            _ => [bytes(value), [0; 2]].concat(),
        };
        let parts = [
            &wide(8)[..],
            &bytes(1),
            &bytes(ORIENTATION),
            &bytes(kind),
            &wide(1),
            &stored,
        ];
        [head, &parts.concat()].concat()
    }

    #[test]
    fn an_orientation_is_read_in_both_byte_orders() {
        for little in [true, false] {
            for kind in [3, 4] {
                assert_eq!(orientation(&exif(little, kind, 6)), Orientation::Rotate90);
                let prefixed = [b"Exif\0\0", &exif(little, kind, 3)[..]].concat();
                assert_eq!(orientation(&prefixed), Orientation::Rotate180);
            }
        }
    }

    #[test]
    fn what_means_nothing_is_upright() {
        let good = exif(true, 3, 6);
        for bad in [
            exif(true, 3, 0),
            exif(true, 3, 9),
            exif(false, 2, 6),
            exif(true, 3, 1543),
        ] {
            assert_eq!(orientation(&bad), Orientation::NoTransforms);
        }
        for cut in 0..good.len() - 2 {
            assert_eq!(
                orientation(&good[..cut]),
                Orientation::NoTransforms,
                "{cut}"
            );
        }
        let mut far = good;
        far[4..8].fill(0xff);
        assert_eq!(orientation(&far), Orientation::NoTransforms);
    }
}
