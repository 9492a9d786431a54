//! A picture as sixels: bands of six rows, and in each the columns of every colour of a palette.

use anyhow::Context;
use image::RgbImage;

/// A palette is chosen from every pixel.
const PALETTE_SAMPLE: i32 = 1;
/// Rows of one band.
const BAND: usize = 6;

/// The picture in at most 256 colours.
///
/// # Errors
/// It is wider or higher than 65,535 pixels.
pub(super) fn sixel(picture: &RgbImage) -> anyhow::Result<String> {
    let (width, height) = picture.dimensions();
    let (columns, rows) = (u16::try_from(width)?, u16::try_from(height)?);
    let frame = gif::Frame::from_rgb_speed(columns, rows, picture, PALETTE_SAMPLE);
    let palette = frame.palette.context("a picture without a palette")?;
    let mut drawn = format!("\x1bP0;1q\"1;1;{width};{height}");
    for (i, rgb) in palette.chunks_exact(3).enumerate() {
        let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(percent);
        drawn += &format!("#{i};2;{r};{g};{b}");
    }
    for band in frame.buffer.chunks(BAND * usize::from(columns).max(1)) {
        drawn += &self::band(band, columns.into());
    }
    Ok(drawn + "\x1b\\\n")
}

fn percent(value: u8) -> u32 {
    (u32::from(value) * 100 + 127) / 255
}

/// One band: for each colour in it, a character for every column, whose six bits are the rows of that colour.
fn band(pixels: &[u8], width: usize) -> String {
    let mut colours = pixels.to_vec();
    colours.sort_unstable();
    colours.dedup();
    let mut drawn = String::new();
    for (i, &colour) in colours.iter().enumerate() {
        // Back to the start of the band.
        let back = if i == 0 { "" } else { "$" };
        drawn += &format!("{back}#{colour}");
        let columns: Vec<u8> = (0..width)
            .map(|x| column(pixels, width, x, colour))
            .collect();
        for run in columns.chunk_by(|a, b| a == b) {
            let character = char::from(63 + run[0]);
            match run.len() {
                1..=3 => drawn.extend(std::iter::repeat_n(character, run.len())),
                n => drawn += &format!("!{n}{character}"),
            }
        }
    }
    drawn + "-"
}

/// Bit r is set where row r of a column has the colour.
fn column(pixels: &[u8], width: usize, x: usize, colour: u8) -> u8 {
    let rows = pixels.iter().skip(x).step_by(width).enumerate();
    rows.fold(0, |bits, (row, &pixel)| {
        bits | (u8::from(pixel == colour) << row)
    })
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn a_band_has_the_rows_of_each_colour_as_bits() {
        // Two columns, three rows.
        assert_eq!(band(&[7, 9, 7, 7, 9, 9], 2), "#7BA$#9CD-");
        assert_eq!(band(&[7; 10], 10), "#7!10@-");
    }

    #[test]
    fn a_picture_has_a_palette_and_a_band_for_six_rows() {
        let picture = RgbImage::from_fn(4, 13, |_, y| {
            if y < 6 {
                Rgb([255, 0, 0])
            } else {
                Rgb([0, 0, 255])
            }
        });
        let drawn = sixel(&picture).unwrap();
        assert!(drawn.starts_with("\x1bP0;1q\"1;1;4;13#0;2;"));
        assert!(drawn.contains(";2;100;0;0") && drawn.contains(";2;0;0;100"));
        assert_eq!(drawn.matches('-').count(), 3);
        assert!(drawn.ends_with("\x1b\\\n"));
    }
}
