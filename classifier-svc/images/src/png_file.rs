//! PNG files, row by row: the whole image is never in memory, except of the rare interlaced ones.

use std::io::{Cursor, ErrorKind};

use image::metadata::Orientation;
use png::{BitDepth, ColorType, Decoder, DecodingError, Info, Limits, Reader, Transformations};

use crate::canvas::{Canvas, Painted, Stored};
use crate::colour::{Colours, Model, Sample};
use crate::format::Format;
use crate::{ImageError, exif};

/// Bytes that the decoder may take for rows, profiles and palettes.
const MEMORY: usize = 64 << 20;

type File<'a> = Reader<Cursor<&'a [u8]>>;

/// Width and height, from the header.
pub(crate) fn dimensions(file: &[u8]) -> Result<(u32, u32), ImageError> {
    let mut decoder = decoder(file);
    let info = decoder.read_header_info().map_err(error)?;
    Ok(info.size())
}

/// Decodes a file, reduced by `by` a side. Where it is interlaced, `check_whole` says whether it may be decoded whole.
pub(crate) fn decode(
    file: &[u8],
    by: u32,
    check_whole: impl FnOnce() -> Result<(), ImageError>,
) -> Result<Stored, ImageError> {
    let mut reader = decoder(file).read_info().map_err(error)?;
    if reader.info().interlaced {
        check_whole()?;
    }
    let (colours, orientation) = (colours(reader.info()), orientation(reader.info()));
    let (colour_type, depth) = reader.output_color_type();
    let model = match colour_type {
        ColorType::Grayscale => Model::Grey,
        ColorType::GrayscaleAlpha => Model::GreyAlpha,
        ColorType::Rgba => Model::Rgba,
        ColorType::Rgb | ColorType::Indexed => Model::Rgb,
    };
    let (width, height) = reader.info().size();
    let painted = if depth == BitDepth::Sixteen {
        let canvas = Canvas::new(width, height, by, model, &colours);
        let deep = |bytes: &[u8], row: &mut Vec<u16>| {
            let samples = bytes
                .chunks_exact(2)
                .map(|b| u16::from_be_bytes([b[0], b[1]]));
            row.extend(samples);
        };
        paint(&mut reader, canvas, deep)?
    } else {
        let canvas = Canvas::new(width, height, by, model, &colours);
        paint(&mut reader, canvas, |bytes, row: &mut Vec<u8>| {
            row.extend_from_slice(bytes)
        })?
    };
    Ok(Stored {
        painted,
        orientation,
    })
}

fn decoder(file: &[u8]) -> Decoder<Cursor<&[u8]>> {
    let limits = Limits { bytes: MEMORY };
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), limits);
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder
}

/// Pushes the rows to a canvas; `samples` appends those of a row's bytes.
fn paint<T: Sample>(
    reader: &mut File<'_>,
    mut canvas: Canvas<T>,
    samples: impl Fn(&[u8], &mut Vec<T>),
) -> Result<Painted, ImageError> {
    let mut row = Vec::new();
    let mut push = |bytes: &[u8]| {
        row.clear();
        samples(bytes, &mut row);
        canvas.push(&row);
    };
    if reader.info().interlaced {
        let size = reader.output_buffer_size();
        let size = size.ok_or_else(|| ImageError::undecodable(Format::Png, "it is too large"))?;
        let mut whole = vec![0; size];
        let line = reader.next_frame(&mut whole).map_err(error)?.line_size;
        whole.chunks_exact(line).for_each(push);
    } else {
        for _ in 0..reader.info().height {
            match reader.next_row().map_err(error)? {
                Some(next) => push(next.data()),
                None => break,
            }
        }
        // Reads the checksum of the last rows. If only what comes after them is missing, nothing is.
        match reader.next_row() {
            Err(DecodingError::IoError(_)) | Ok(_) => {}
            Err(wrong) => return Err(error(wrong)),
        }
    }
    let painted = canvas.finish();
    painted.ok_or_else(|| ImageError::cut_short(Format::Png, "rows are missing"))
}

/// In the order of the standard: cICP, then iCCP, then sRGB, then gAMA and cHRM.
fn colours(info: &Info<'_>) -> Colours {
    if let Some(c) = info.coding_independent_code_points {
        let colours = Colours::cicp(c.color_primaries, c.transfer_function);
        if !colours.are_srgb() {
            return colours;
        }
    }
    if let Some(profile) = &info.icc_profile {
        return Colours::icc(profile);
    }
    match (info.srgb, info.gama_chunk) {
        (None, Some(gamma)) => {
            let points = info.chrm_chunk.map(|c| {
                [c.white, c.red, c.green, c.blue].map(|(x, y)| (x.into_value(), y.into_value()))
            });
            Colours::gamma(gamma.into_value(), points)
        }
        _ => Colours::default(),
    }
}

fn orientation(info: &Info<'_>) -> Orientation {
    let exif = info.exif_metadata.as_deref();
    exif.map_or(Orientation::NoTransforms, exif::orientation)
}

fn error(error: DecodingError) -> ImageError {
    let said = match error {
        DecodingError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            return ImageError::cut_short(Format::Png, "its data end before its last row");
        }
        DecodingError::LimitsExceeded => "its rows or its colour profile are too large".into(),
        other => other.to_string(),
    };
    // The decoder shows its own types.
    let why = if said.starts_with("CRC") {
        "a checksum is wrong, so the file is damaged"
    } else if said.contains('{') {
        "its chunks are damaged"
    } else {
        &said
    };
    ImageError::undecodable(Format::Png, why)
}
