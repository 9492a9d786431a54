//! A contact sheet: photographs, what the autoencoder makes of them, and faces that it draws for their attributes.

use deepface_images::image_of;
use image::{RgbImage, imageops};

use super::{
    face::{Face, arrays},
    model::Autoencoder,
};
use crate::ModelError;

/// Rows of drawn faces.
const DRAWS: u64 = 3;

/// A column for each face: the photograph, its reconstruction from the mean of its latent, the face of the mean latent of
/// its attributes, and faces drawn for its attributes.
///
/// # Errors
/// A face has another size than the autoencoder's, or other labels.
pub fn sheet(autoencoder: &mut Autoencoder, faces: &[Face]) -> Result<RgbImage, ModelError> {
    let side = autoencoder.side();
    let rows = 3 + DRAWS as usize;
    let mut sheet = RgbImage::new((faces.len() * side) as u32, (rows * side) as u32);
    for (column, face) in faces.iter().enumerate() {
        let (pixels, attributes) = arrays([face]);
        let (mean, _) = autoencoder.encode(&pixels, &attributes)?;
        let mut cells = vec![
            autoencoder.decode(&mean, &attributes)?,
            autoencoder.decode(&autoencoder.mean(&attributes)?, &attributes)?,
        ];
        for draw in 0..DRAWS {
            let seed = draw * faces.len() as u64 + column as u64;
            cells.push(autoencoder.sample(&attributes, seed)?);
        }
        cells.insert(0, pixels);
        for (row, cell) in cells.iter().enumerate() {
            let cell = image_of(cell, [side as u32; 2]);
            let [left, top] = [column * side, row * side].map(|at| at as i64);
            imageops::replace(&mut sheet, &cell, left, top);
        }
    }
    Ok(sheet)
}
