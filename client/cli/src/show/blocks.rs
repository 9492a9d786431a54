//! A picture as half blocks: every cell shows two pixels, one in the colour of the text, one in that of the background.

use image::{Rgb, RgbImage};

/// The picture, one cell for two pixels, one above the other.
pub(super) fn blocks(picture: &RgbImage, true_colour: bool) -> String {
    let (width, height) = picture.dimensions();
    let mut drawn = String::new();
    for y in (0..height).step_by(2) {
        for x in 0..width {
            let upper = colour(*picture.get_pixel(x, y), true_colour);
            drawn += &format!("\x1b[38;{upper}m");
            if y + 1 < height {
                let lower = colour(*picture.get_pixel(x, y + 1), true_colour);
                drawn += &format!("\x1b[48;{lower}m");
            }
            drawn.push('▀');
        }
        drawn += "\x1b[0m\n";
    }
    drawn
}

/// The parameters of a colour: 24 bits, or the nearest of the palette of 256.
fn colour(Rgb([r, g, b]): Rgb<u8>, true_colour: bool) -> String {
    if true_colour {
        return format!("2;{r};{g};{b}");
    }
    let grey = r.max(g).max(b) - r.min(g).min(b) < 10;
    let index = match grey {
        // 24 greys from 8 to 238.
        true => 232 + (u16::from(r).saturating_sub(3) / 10).min(23),
        false => 16 + 36 * level(r) + 6 * level(g) + level(b),
    };
    format!("5;{index}")
}

/// The nearest of the six levels of the colour cube: 0, 95, 135, 175, 215, 255.
fn level(value: u8) -> u16 {
    match value {
        0..=47 => 0,
        48..=114 => 1,
        _ => (u16::from(value) - 35) / 40,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rows_of_pixels_are_one_line() {
        let picture = RgbImage::from_fn(2, 3, |x, y| Rgb([x as u8, y as u8, 0]));
        let drawn = blocks(&picture, true);
        let lines: Vec<_> = drawn.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[0],
            "\x1b[38;2;0;0;0m\x1b[48;2;0;1;0m▀\x1b[38;2;1;0;0m\x1b[48;2;1;1;0m▀\x1b[0m"
        );
        assert!(!lines[1].contains("48;"), "nothing is below the last row");
    }

    #[test]
    fn colours_are_the_nearest_of_256() {
        let of = |rgb| colour(Rgb(rgb), false);
        assert_eq!(of([255, 0, 0]), "5;196");
        assert_eq!(of([0, 0, 95]), "5;17");
        assert_eq!(of([128, 128, 128]), "5;244");
        assert_eq!(of([255, 255, 255]), "5;255");
        assert_eq!(of([0, 0, 0]), "5;232");
    }
}
