//! Contact sheets: rows of faces. Their names stand beside the sheet on the page, as text.

use image::{Rgb, RgbImage, imageops};

/// Pixels between faces.
const GAP: u32 = 2;
const PAPER: Rgb<u8> = Rgb([255; 3]);

/// A row of faces.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) faces: Vec<RgbImage>,
}

/// All rows, one below the other, each face `side` x `side` pixels.
pub(crate) fn sheet(rows: &[Row], side: u32) -> RgbImage {
    let columns = rows.iter().map(|row| row.faces.len()).max().unwrap_or(0) as u32;
    let (width, height) = (
        columns * (side + GAP) + GAP,
        rows.len() as u32 * (side + GAP) + GAP,
    );
    let mut sheet = RgbImage::from_pixel(width, height, PAPER);
    for (y, row) in (0_i64..).zip(rows) {
        for (x, face) in (0_i64..).zip(&row.faces) {
            let face = imageops::resize(face, side, side, imageops::FilterType::CatmullRom);
            let at = |number: i64| i64::from(GAP) + number * i64::from(side + GAP);
            imageops::replace(&mut sheet, &face, at(x), at(y));
        }
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_stand_in_rows() {
        let row = |grey: u8, count: usize| Row {
            name: String::new(),
            faces: vec![RgbImage::from_pixel(3, 3, Rgb([grey; 3])); count],
        };
        let sheet = sheet(&[row(10, 3), row(20, 1)], 8);
        assert_eq!(sheet.dimensions(), (32, 22));
        assert_eq!(sheet.get_pixel(2, 2), &Rgb([10; 3]));
        assert_eq!(sheet.get_pixel(25, 6), &Rgb([10; 3]));
        assert_eq!(sheet.get_pixel(6, 15), &Rgb([20; 3]));
        assert_eq!(sheet.get_pixel(15, 15), &PAPER);
    }
}
