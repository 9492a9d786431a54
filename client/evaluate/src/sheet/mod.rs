//! Contact sheets: a row of faces per method, its name beside it.

mod font;

use std::sync::Arc;

use image::{Rgb, RgbImage, imageops};

use crate::gallery::Gallery;

/// Side of a face on a sheet, pixels.
const TILE: u32 = 64;
/// Pixels between faces.
const GAP: u32 = 2;
/// Faces in a row, at most.
const COLUMNS: usize = 64;
const PAPER: Rgb<u8> = Rgb([255; 3]);
const INK: Rgb<u8> = Rgb([20; 3]);

/// The first seed of every attribute set.
pub(crate) fn by_set(galleries: &[Gallery]) -> RgbImage {
    let row = |gallery: &Gallery| {
        let first = gallery.faces.iter().filter(|face| face.seed == 0);
        let placed = first.map(|face| (face.set, face.picture.clone()));
        (gallery.name.clone(), placed.collect())
    };
    sheet(&galleries.iter().map(row).collect::<Vec<_>>())
}

/// All seeds of the first attribute set.
pub(crate) fn by_seed(galleries: &[Gallery]) -> RgbImage {
    let row = |gallery: &Gallery| {
        let seeds = gallery.faces.iter().filter(|face| face.set == 0);
        let placed = seeds.map(|face| (face.seed as usize, face.picture.clone()));
        (gallery.name.clone(), placed.collect())
    };
    sheet(&galleries.iter().map(row).collect::<Vec<_>>())
}

/// A row's name, and its faces with the columns they belong in.
pub(crate) type Row = (String, Vec<(usize, Arc<RgbImage>)>);

/// Rows of faces, one below the other.
pub(crate) fn sheet(rows: &[Row]) -> RgbImage {
    let places = rows.iter().flat_map(|(_, faces)| faces);
    let columns = places.map(|(column, _)| column + 1).max();
    let columns = columns.unwrap_or_default();
    let labels = rows.iter().map(|(name, _)| font::width(name)).max();
    let (columns, left) = (
        columns.min(COLUMNS) as u32,
        labels.unwrap_or_default() + 3 * GAP,
    );
    let (width, height) = (
        left + columns * (TILE + GAP) + GAP,
        rows.len() as u32 * (TILE + GAP) + GAP,
    );
    let mut sheet = RgbImage::from_pixel(width, height, PAPER);
    for (y, (name, faces)) in (0..).zip(rows) {
        let top = GAP + y * (TILE + GAP);
        font::write(
            &mut sheet,
            name,
            (GAP, top + (TILE - font::HEIGHT) / 2),
            INK,
        );
        for (column, face) in faces
            .iter()
            .filter(|(column, _)| *column < columns as usize)
        {
            let left = left + GAP + *column as u32 * (TILE + GAP);
            imageops::replace(&mut sheet, &tile(face), left.into(), top.into());
        }
    }
    sheet
}

fn tile(face: &RgbImage) -> RgbImage {
    if face.dimensions() == (TILE, TILE) {
        return face.clone();
    }
    imageops::resize(face, TILE, TILE, imageops::FilterType::CatmullRom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gallery::Face;

    fn gallery(name: &str, faces: &[(usize, u64, u8)]) -> Gallery {
        let face = |&(set, seed, grey): &(usize, u64, u8)| Face {
            set,
            seed,
            picture: Arc::new(RgbImage::from_pixel(96, 96, Rgb([grey; 3]))),
        };
        Gallery {
            name: name.to_owned(),
            note: "",
            control: false,
            faces: faces.iter().map(face).collect(),
            seconds: None,
            settings: None,
            losses: Vec::new(),
        }
    }

    #[test]
    fn rows_are_methods_and_columns_sets_or_seeds() {
        let galleries = [
            gallery("a", &[(0, 0, 10), (2, 0, 30)]),
            gallery("long", &[(0, 0, 40), (0, 1, 50), (1, 0, 60), (2, 0, 70)]),
        ];
        let left = font::width("long") + 3 * GAP;
        let at = |sheet: &RgbImage, row: u32, column: u32| {
            let middle = |i: u32| GAP + i * (TILE + GAP) + TILE / 2;
            sheet.get_pixel(left + middle(column), middle(row)).0[0]
        };
        let sets = by_set(&galleries);
        assert_eq!(sets.dimensions(), (left + 3 * 66 + 2, 2 * 66 + 2));
        assert_eq!([0, 1, 2].map(|i| at(&sets, 0, i)), [10, 255, 30]);
        assert_eq!([0, 1, 2].map(|i| at(&sets, 1, i)), [40, 60, 70]);
        let seeds = by_seed(&galleries);
        assert_eq!([0, 1].map(|i| at(&seeds, 1, i)), [40, 50]);
        assert_eq!(at(&seeds, 0, 1), 255);
        let label = imageops::crop_imm(&seeds, 0, 66, left, 66).to_image();
        assert!(label.pixels().any(|pixel| *pixel == INK));
    }
}
