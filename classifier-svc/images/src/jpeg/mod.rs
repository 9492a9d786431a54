//! JPEG files. The crate `zune-jpeg` decodes what is kept whole; what is large is decoded to half, a quarter or an
//! eighth a side from the low frequencies of its blocks. Both only where the entropy-coded data are complete: decoders
//! fill missing rows with grey and say nothing.

mod bits;
mod headers;
mod idct;
mod planes;
mod scan;
mod tables;
mod walk;

use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use self::headers::{Headers, bad, cut};
use crate::canvas::{Canvas, Painted, Stored};
use crate::colour::{Colours, Model, Sample};
use crate::{ImageError, exif};

/// Width and height, from the header.
pub(crate) fn dimensions(file: &[u8]) -> Result<(u32, u32), ImageError> {
    headers::dimensions(file)
}

/// Decodes a file, reduced by `by` a side.
pub(crate) fn decode(file: &[u8], by: u32) -> Result<Stored, ImageError> {
    let headers = headers::headers(file)?;
    let colours = headers
        .profile
        .as_deref()
        .map_or_else(Colours::default, Colours::icc);
    let orientation = headers
        .exif
        .map_or(Orientation::NoTransforms, exif::orientation);
    let mut decoder = decoder(file)?;
    let space = decoder.input_colorspace();
    // Only what the profile speaks of can be transformed: ink, which `zune-jpeg` gives as RGB.
    let keeps_ink = space == Some(ColorSpace::YCCK) && !colours.are_srgb();
    let painted = if by == 1 && !keeps_ink {
        walk::check(file, &headers.frame)?;
        whole(&mut decoder, &headers, &colours)?
    } else {
        reduced(file, &headers, space, by, &colours)?
    };
    Ok(Stored {
        painted,
        orientation,
    })
}

fn decoder(file: &[u8]) -> Result<JpegDecoder<ZCursor<&[u8]>>, ImageError> {
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().map_err(bad)?;
    Ok(decoder)
}

/// Decodes all pixels.
fn whole(
    decoder: &mut JpegDecoder<ZCursor<&[u8]>>,
    headers: &Headers<'_>,
    colours: &Colours,
) -> Result<Painted, ImageError> {
    let (model, space) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (Model::Grey, ColorSpace::Luma),
        Some(ColorSpace::CMYK) => (Model::Cmyk, ColorSpace::CMYK),
        _ => (Model::Rgb, ColorSpace::RGB),
    };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(space));
    let mut pixels = decoder.decode().map_err(bad)?;
    if is_ink(model, headers) {
        pixels.iter_mut().for_each(|s| *s = s.inverted());
    }
    let (width, height) = (headers.frame.width, headers.frame.height);
    let painted = if model == Model::Rgb && colours.are_srgb() {
        Painted::opaque(width as u32, height as u32, pixels)
    } else {
        let mut canvas = Canvas::new(width as u32, height as u32, 1, model, colours);
        let rows = pixels.chunks_exact(width.max(1) * model.channels());
        rows.for_each(|row| canvas.push(row));
        canvas.finish()
    };
    painted.ok_or_else(|| cut("rows are missing"))
}

/// Whether samples are ink: they are light in the files of Adobe, which say so.
fn is_ink(model: Model, headers: &Headers<'_>) -> bool {
    model == Model::Cmyk && headers.adobe.is_none()
}

/// Decodes pixels that are reduced by `by` a side.
fn reduced(
    file: &[u8],
    headers: &Headers<'_>,
    space: Option<ColorSpace>,
    by: u32,
    colours: &Colours,
) -> Result<Painted, ImageError> {
    let frame = &headers.frame;
    let planes = walk::reduced(file, frame, by as usize)?;
    let model = match planes.len() {
        1 => Model::Grey,
        3 => Model::Rgb,
        4 => Model::Cmyk,
        n => return Err(bad(format_args!("expected 1, 3 or 4 components, got {n}"))),
    };
    let (width, height) = (
        (frame.width as u32).div_ceil(by),
        (frame.height as u32).div_ceil(by),
    );
    let mut canvas = Canvas::new(width, height, 1, model, colours);
    let mut row = vec![0; width as usize * planes.len()];
    let mut repeated = [const { Vec::new() }; 4];
    for y in 0..height as usize {
        let rows = planes.iter().zip(&mut repeated);
        let rows: Vec<&[u8]> = rows
            .map(|(p, to)| p.row_of(y, width as usize, to))
            .collect();
        pixels_of(&rows, space, &mut row);
        if is_ink(model, headers) {
            row.iter_mut().for_each(|s| *s = s.inverted());
        }
        canvas.push(&row);
    }
    canvas.finish().ok_or_else(|| cut("rows are missing"))
}

/// A row of pixels from a row of each plane.
fn pixels_of(rows: &[&[u8]], space: Option<ColorSpace>, row: &mut [u8]) {
    match (rows, space) {
        ([y, cb, cr], Some(ColorSpace::YCbCr)) => {
            let samples = y.iter().zip(*cb).zip(*cr);
            for (to, ((&y, &cb), &cr)) in row.chunks_exact_mut(3).zip(samples) {
                to.copy_from_slice(&rgb(y, cb, cr));
            }
        }
        ([y, cb, cr, k], Some(ColorSpace::YCCK)) => {
            let samples = y.iter().zip(*cb).zip(*cr).zip(*k);
            for (to, (((&y, &cb), &cr), &k)) in row.chunks_exact_mut(4).zip(samples) {
                // It is the ink that was coded as RGB.
                let [r, g, b] = rgb(y, cb, cr).map(Sample::inverted);
                to.copy_from_slice(&[r, g, b, k]);
            }
        }
        _ => {
            for (i, samples) in rows.iter().enumerate() {
                let to = row[i..].iter_mut().step_by(rows.len());
                to.zip(*samples).for_each(|(to, &sample)| *to = sample);
            }
        }
    }
}

/// YCbCr to RGB as JFIF has it, with 16 bits after the point.
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let [y, cb, cr] = [y, cb, cr].map(i32::from);
    let (y, cb, cr) = ((y << 16) + (1 << 15), cb - 128, cr - 128);
    let rgb = [
        y + 91_881 * cr,
        y - 22_554 * cb - 46_802 * cr,
        y + 116_130 * cb,
    ];
    rgb.map(|value| (value >> 16).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests;
