//! The marker segments of a JPEG file.

use crate::ImageError;
use crate::format::Format;

pub(super) const SOI: u8 = 0xd8;
pub(super) const EOI: u8 = 0xd9;
pub(super) const SOS: u8 = 0xda;
pub(super) const DQT: u8 = 0xdb;
pub(super) const DHT: u8 = 0xc4;
pub(super) const DRI: u8 = 0xdd;

/// How pixels are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process {
    /// Baseline or extended, Huffman.
    Sequential,
    /// Progressive, Huffman.
    Progressive,
}

/// A component of the frame: a plane of samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Sampling factors, 1 to 4.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Number of its quantisation table.
    pub(super) table: usize,
}

/// The frame header.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) process: Process,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) components: Vec<Component>,
}

impl Frame {
    /// Largest sampling factors, across and down.
    pub(super) fn sampling(&self) -> [usize; 2] {
        let most = |of: fn(&Component) -> usize| self.components.iter().map(of).max().unwrap_or(1);
        [most(|c| c.across), most(|c| c.down)]
    }
}

/// What stands before the first scan.
pub(super) struct Headers<'a> {
    pub(super) frame: Frame,
    pub(super) exif: Option<&'a [u8]>,
    pub(super) profile: Option<Vec<u8>>,
    /// The colour transformation of an Adobe segment.
    pub(super) adobe: Option<u8>,
}

/// A marker segment: what it is, its contents, and where the next one is looked for.
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    pub(super) contents: &'a [u8],
    pub(super) end: usize,
}

/// The marker segment at or after `at`. Whatever stands between segments is skipped, as by other decoders.
pub(super) fn segment(file: &[u8], mut at: usize) -> Result<Segment<'_>, ImageError> {
    loop {
        let rest = file.get(at..).unwrap_or_default();
        let marker = rest
            .windows(2)
            .position(|w| w[0] == 0xff && !matches!(w[1], 0 | 0xff));
        let Some(skipped) = marker else {
            return Err(cut("its headers are not complete"));
        };
        let marker = rest[skipped + 1];
        at += skipped + 2;
        if matches!(marker, SOI | EOI) {
            return Ok(Segment {
                marker,
                contents: &[],
                end: at,
            });
        }
        // Markers without contents: TEM and restarts.
        if matches!(marker, 0x01 | 0xd0..=0xd7) {
            continue;
        }
        let length = file
            .get(at..at + 2)
            .map(|b| usize::from(b[0]) << 8 | usize::from(b[1]));
        let length = length.ok_or_else(|| cut("its headers are not complete"))?;
        if length < 2 {
            return Err(bad("a segment has no length"));
        }
        let contents = file.get(at + 2..at + length);
        let contents = contents.ok_or_else(|| cut("its headers are not complete"))?;
        return Ok(Segment {
            marker,
            contents,
            end: at + length,
        });
    }
}

/// Reads the headers up to the first scan.
pub(super) fn headers(file: &[u8]) -> Result<Headers<'_>, ImageError> {
    let (mut frame, mut exif, mut adobe) = (None, None, None);
    let mut parts = Vec::new();
    let mut at = 2;
    loop {
        let segment = segment(file, at)?;
        let contents = segment.contents;
        match segment.marker {
            0xc0..=0xcf if !matches!(segment.marker, DHT | 0xc8 | 0xcc) => {
                if frame.is_some() {
                    return Err(bad("it has two frames"));
                }
                frame = Some(frame_header(segment.marker, contents)?);
            }
            0xe1 if contents.starts_with(b"Exif\0\0") => exif = exif.or(Some(contents)),
            0xe2 => parts.extend(contents.strip_prefix(b"ICC_PROFILE\0")),
            0xee if contents.starts_with(b"Adobe") => adobe = contents.get(11).copied(),
            EOI => return Err(cut("it has no pixels")),
            SOS => break,
            _ => {}
        }
        at = segment.end;
    }
    Ok(Headers {
        frame: frame.ok_or_else(|| bad("it has no frame header"))?,
        exif,
        profile: profile(&parts),
        adobe,
    })
}

/// Width and height, from the frame header.
pub(super) fn dimensions(file: &[u8]) -> Result<(u32, u32), ImageError> {
    let mut at = 2;
    loop {
        let segment = segment(file, at)?;
        match segment.marker {
            0xc0..=0xcf if !matches!(segment.marker, DHT | 0xc8 | 0xcc) => {
                let frame = frame_header(segment.marker, segment.contents)?;
                return Ok((frame.width as u32, frame.height as u32));
            }
            SOS | EOI => return Err(bad("it has no frame header")),
            _ => at = segment.end,
        }
    }
}

fn frame_header(marker: u8, contents: &[u8]) -> Result<Frame, ImageError> {
    let process = match marker {
        0xc0 | 0xc1 => Process::Sequential,
        0xc2 => Process::Progressive,
        0xc9..=0xcf => {
            return Err(bad(
                "arithmetic coding is not supported: save it as an ordinary JPEG",
            ));
        }
        0xc3 => {
            return Err(bad(
                "lossless JPEG is not supported: save it as an ordinary JPEG",
            ));
        }
        _ => {
            return Err(bad(
                "hierarchical JPEG is not supported: save it as an ordinary JPEG",
            ));
        }
    };
    let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = contents else {
        return Err(bad("its frame header is too short"));
    };
    if precision != 8 {
        return Err(bad(format_args!(
            "expected 8 bits a sample, got {precision}: save it as an ordinary JPEG"
        )));
    }
    let components: Vec<Component> = rest
        .chunks_exact(3)
        .take(count.into())
        .map(|c| Component {
            id: c[0],
            across: usize::from(c[1] >> 4),
            down: usize::from(c[1] & 15),
            table: c[2].into(),
        })
        .collect();
    let possible =
        |c: &Component| (1..=4).contains(&c.across) && (1..=4).contains(&c.down) && c.table < 4;
    if components.len() != usize::from(count)
        || !matches!(count, 1..=4)
        || !components.iter().all(possible)
    {
        return Err(bad("its frame header describes impossible components"));
    }
    Ok(Frame {
        process,
        width: usize::from(w1) << 8 | usize::from(w0),
        height: usize::from(h1) << 8 | usize::from(h0),
        components,
    })
}

/// An ICC profile in parts: number, count, bytes. `None` if one is missing.
fn profile(parts: &[&[u8]]) -> Option<Vec<u8>> {
    let count = *parts.first()?.get(1)?;
    let part = |number: u8| parts.iter().find(|p| p.first() == Some(&number));
    let all = (1..=count).map(|n| part(n).and_then(|p| p.get(2..)));
    Some(all.collect::<Option<Vec<_>>>()?.concat())
}

pub(super) fn bad(why: impl ToString) -> ImageError {
    ImageError::undecodable(Format::Jpeg, why)
}

pub(super) fn cut(missing: impl ToString) -> ImageError {
    ImageError::cut_short(Format::Jpeg, missing)
}
