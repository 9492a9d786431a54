//! Where statistics come from.

use std::path::PathBuf;
use std::sync::Arc;

use crate::gaussian::{Statistics, StoreError};

/// The built-in statistics.
const EMBEDDED: &[u8] = include_bytes!("../../models/vgg-face-mini.cgmm.safetensors");

/// Where statistics come from.
#[derive(Clone, Debug)]
pub enum StatisticsSource {
    /// The built-in file.
    Embedded,
    /// A file.
    File(PathBuf),
    /// The bytes of a file.
    Bytes(Arc<[u8]>),
}

impl StatisticsSource {
    /// Reads and checks the statistics.
    ///
    /// # Errors
    /// The file cannot be read, or `fit` did not write it.
    pub fn load(&self) -> Result<Statistics, StoreError> {
        match self {
            Self::Embedded => Statistics::load(EMBEDDED),
            Self::Bytes(bytes) => Statistics::load(bytes),
            Self::File(path) => {
                let bytes = std::fs::read(path).map_err(|source| StoreError::Io {
                    path: path.clone(),
                    source,
                })?;
                Statistics::load(&bytes)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::defaults;
    use crate::gaussian::{Asked, Coordinates, Regression, Residual, Wish};

    /// Side of the squares in which a picture is judged, pixels.
    const SQUARE: usize = 16;

    /// The largest mean distance of a square's values from what a pixel can be.
    fn worst_square(picture: &[f32], side: usize) -> f32 {
        let mut squares = vec![0.0; (side / SQUARE).pow(2)];
        for (i, x) in picture.iter().enumerate() {
            let (row, column) = (i / side % side, i % side);
            squares[row / SQUARE * (side / SQUARE) + column / SQUARE] +=
                (x - x.clamp(0.0, 1.0)).abs();
        }
        let values = (3 * SQUARE * SQUARE) as f32;
        squares.into_iter().fold(0.0, f32::max) / values
    }

    /// The centre of a new face with one attribute, in latents of the decoder.
    fn drawn(statistics: &Statistics, name: &str, emphasis: f64, seed: u64) -> Vec<f32> {
        let wish = Wish {
            asked: vec![Asked {
                attribute: statistics.schema.find(name).unwrap(),
                absent: false,
                strength: 1.0,
            }],
            ..Wish::default()
        };
        let how = Regression {
            layer: statistics.layer_or_first(defaults::DECODER_LAYER),
            exaggeration: 0.0,
            variety: defaults::variety(0.0),
            completeness: 0.0,
            emphasis,
            residual: Residual::LowRank,
            likelihood: 0.0,
            coordinates: Coordinates::Latents,
            margin: 0.0,
        };
        let description = statistics.describe(&wish, &how, seed);
        let variation = statistics.variation(&how, &description, seed);
        statistics.centre(&how, &description, &variation)
    }

    /// Along the way that the regression of latents on attributes says.
    #[test]
    fn an_emphasis_draws_more_of_what_was_asked() {
        let statistics = StatisticsSource::Embedded.load().unwrap();
        for name in ["Blond Hair", "Mustache", "Sunglasses"] {
            let mut offsets = vec![0.0; statistics.frequencies.len()];
            offsets[statistics.schema.find(name).unwrap().index()] = 1.0;
            let way = statistics.prior(Coordinates::Latents).expected(&offsets);
            let length: f32 = way.iter().map(|w| w * w).sum();
            let mut gained = 0.0;
            for seed in 0..8 {
                let [more, likely] = [defaults::emphasis(0.0), 0.0]
                    .map(|emphasis| drawn(&statistics, name, emphasis, seed));
                let pairs = more.iter().zip(&likely).zip(&way);
                gained += pairs.map(|((m, l), w)| (m - l) * w).sum::<f32>() / length / 8.0;
            }
            assert!(gained > 0.1, "{name}: {gained}");
        }
    }

    /// Where a decoder's values run away, pictures have spots in loud colours.
    #[test]
    fn drawn_faces_have_no_loud_spots() {
        const SEEDS: u64 = 24;
        let statistics = StatisticsSource::Embedded.load().unwrap();
        let decoder = statistics.prior(Coordinates::Latents);
        let names = ["Male", "Smiling", "Blond Hair", "Sunglasses"];
        let mut spotted = 0;
        for name in names {
            for seed in 0..SEEDS {
                let z = drawn(&statistics, name, defaults::emphasis(0.0), seed);
                let worst = worst_square(&decoder.picture(&z), decoder.picture_side());
                spotted += usize::from(worst > 0.05);
            }
        }
        let faces = names.len() * SEEDS as usize;
        assert!(spotted * 20 < faces, "{spotted} of {faces} faces");
    }
}
