//! Letters for the labels of a sheet: five pixels wide, seven high, capitals only.

use image::{Rgb, RgbImage};

/// Height of a line, pixels.
pub(super) const HEIGHT: u32 = 7;
const WIDTH: u32 = 5;
const ADVANCE: u32 = WIDTH + 1;

/// A character and its rows, the highest first; the bit of 16 is the leftmost pixel.
type Glyph = (char, [u8; HEIGHT as usize]);

#[rustfmt::skip]
const GLYPHS: [Glyph; 40] = [
    ('A', [14, 17, 17, 31, 17, 17, 17]), ('B', [30, 17, 17, 30, 17, 17, 30]), ('C', [15, 16, 16, 16, 16, 16, 15]),
    ('D', [30, 17, 17, 17, 17, 17, 30]), ('E', [31, 16, 16, 30, 16, 16, 31]), ('F', [31, 16, 16, 30, 16, 16, 16]),
    ('G', [15, 16, 16, 19, 17, 17, 15]), ('H', [17, 17, 17, 31, 17, 17, 17]), ('I', [14, 4, 4, 4, 4, 4, 14]),
    ('J', [7, 2, 2, 2, 2, 18, 12]),      ('K', [17, 18, 20, 24, 20, 18, 17]), ('L', [16, 16, 16, 16, 16, 16, 31]),
    ('M', [17, 27, 21, 21, 17, 17, 17]), ('N', [17, 25, 25, 21, 19, 19, 17]), ('O', [14, 17, 17, 17, 17, 17, 14]),
    ('P', [30, 17, 17, 30, 16, 16, 16]), ('Q', [14, 17, 17, 17, 21, 18, 13]), ('R', [30, 17, 17, 30, 20, 18, 17]),
    ('S', [15, 16, 16, 14, 1, 1, 30]),   ('T', [31, 4, 4, 4, 4, 4, 4]),       ('U', [17, 17, 17, 17, 17, 17, 14]),
    ('V', [17, 17, 17, 17, 17, 10, 4]),  ('W', [17, 17, 17, 21, 21, 27, 17]), ('X', [17, 17, 10, 4, 10, 17, 17]),
    ('Y', [17, 17, 10, 4, 4, 4, 4]),     ('Z', [31, 1, 2, 4, 8, 16, 31]),     ('0', [14, 17, 19, 21, 25, 17, 14]),
    ('1', [4, 12, 4, 4, 4, 4, 14]),      ('2', [14, 17, 1, 6, 8, 16, 31]),    ('3', [30, 1, 1, 14, 1, 1, 30]),
    ('4', [2, 6, 10, 18, 31, 2, 2]),     ('5', [31, 16, 30, 1, 1, 17, 14]),   ('6', [6, 8, 16, 30, 17, 17, 14]),
    ('7', [31, 1, 2, 4, 8, 8, 8]),       ('8', [14, 17, 17, 14, 17, 17, 14]), ('9', [14, 17, 17, 15, 1, 2, 12]),
    ('-', [0, 0, 0, 14, 0, 0, 0]),       ('_', [0, 0, 0, 0, 0, 0, 31]),       ('.', [0, 0, 0, 0, 0, 12, 12]),
    (' ', [0; 7]),
];
/// For characters without a glyph.
const UNKNOWN: [u8; HEIGHT as usize] = [31, 17, 17, 17, 17, 17, 31];

/// Width of a text, pixels.
pub(super) fn width(text: &str) -> u32 {
    text.chars().count() as u32 * ADVANCE
}

/// Writes a text; `(left, top)` is its upper left corner. What does not fit is cut off.
pub(super) fn write(picture: &mut RgbImage, text: &str, (left, top): (u32, u32), ink: Rgb<u8>) {
    for (number, letter) in (0..).zip(text.chars()) {
        let letter = letter.to_ascii_uppercase();
        let glyph = GLYPHS.iter().find(|(known, _)| *known == letter);
        for (y, row) in (0..).zip(glyph.map_or(UNKNOWN, |(_, rows)| *rows)) {
            for x in (0..WIDTH).filter(|x| row & (16 >> x) != 0) {
                let at = (left + number * ADVANCE + x, top + y);
                if let Some(pixel) = picture.get_pixel_mut_checked(at.0, at.1) {
                    *pixel = ink;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_character_of_a_name_has_a_glyph_of_its_own() {
        let names = crate::methods::METHODS.iter().flat_map(|m| m.name.chars());
        for letter in names.chain("no-network-k1 photographs".chars()) {
            let known = GLYPHS
                .iter()
                .any(|(c, _)| *c == letter.to_ascii_uppercase());
            assert!(known, "{letter}");
        }
        let distinct: HashSet<_> = GLYPHS.iter().map(|(_, rows)| rows).collect();
        assert_eq!(distinct.len(), GLYPHS.len());
        assert!(
            GLYPHS
                .iter()
                .all(|(_, rows)| rows.iter().all(|row| *row < 32))
        );
    }

    #[test]
    fn a_letter_is_where_it_was_written_and_the_rest_is_cut_off() {
        let mut picture = RgbImage::new(12, 10);
        write(&mut picture, "tL!", (1, 2), Rgb([255; 3]));
        let drawn: Vec<String> = (0..10)
            .map(|y| {
                let dot = |x| {
                    if picture.get_pixel(x, y).0[0] > 0 {
                        '#'
                    } else {
                        '.'
                    }
                };
                (0..12).map(dot).collect()
            })
            .collect();
        assert_eq!(drawn[1], "............");
        assert_eq!(drawn[2], ".#####.#....");
        assert_eq!(drawn[8], "...#...#####");
        assert_eq!(drawn[9], "............");
    }
}
