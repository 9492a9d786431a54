//! The identity network: it tells people apart, which the classifier and the judge do not.
//!
//! Embeddings of the classifier and of the judge describe attributes, so a stranger with the same attributes looks to them
//! like the person. This network was trained by others, on other photographs, to tell people apart (`models/README.md`).
//! It measures how much of a person is in a generated face; it is not there to find out who anybody is.

mod file;

use candle_core::{Device, Module, Tensor};
use candle_nn::{Conv2d, Linear};
use deepface_images::{Framing, face_pixels};
use image::RgbImage;

/// The network that is built in.
const EMBEDDED: &[u8] = include_bytes!("../../../../models/identity.safetensors");

/// Numbers of an embedding.
const VALUES: usize = 128;

/// Faces in one forward pass; bounds memory.
const BATCH: usize = 16;

/// dlib's residual network: a stem, stages of blocks, the mean over the image, one linear layer.
#[derive(Debug)]
pub(crate) struct IdentityNetwork {
    /// 7x7, followed by the maximum of every 3x3 pixels.
    stem: Conv2d,
    blocks: Vec<Block>,
    head: Linear,
    input: usize,
    /// Of red, green and blue, 0 to 255.
    means: [f32; 3],
    window: Window,
    digest: String,
}

/// What the network sees of a face. dlib aligns every face by its eyes; ours are aligned already, so that one place fits
/// all, photographs and generated faces alike.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// Pixels that the face is scaled to first, a side.
    side: usize,
    /// Of the window's upper left pixel.
    left: usize,
    top: usize,
}

/// `relu(conv2(relu(conv1(x))) + x)`, batch normalisation folded into the convolutions.
#[derive(Debug)]
struct Block {
    first: Conv2d,
    second: Conv2d,
    /// Whether the image is halved, by the first convolution and on the way around.
    halves: bool,
}

/// Why the identity network cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file is damaged, or of another version.
    #[error("the identity network's file: {0}")]
    File(String),
    /// The arithmetic failed.
    #[error("the identity network cannot compute: {0}")]
    Compute(#[from] candle_core::Error),
}

impl IdentityNetwork {
    /// The network that is built in.
    ///
    /// # Errors
    /// The file that was built in is not an identity network of this version.
    pub(crate) fn embedded() -> Result<Self, IdentityError> {
        Self::read(EMBEDDED)
    }

    /// SHA-256 of the file, lower-case hexadecimal.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Embeddings of faces of any size, 128 numbers each; the whole image is the face. The closer two are (Euclidean), the
    /// more alike the people: photographs of one person are 0.45 apart in the median, those of two 0.82. What is close
    /// differs from group to group, so compare with strangers who have the same labels.
    ///
    /// # Errors
    /// The arithmetic failed.
    pub(crate) fn embed(&self, faces: &[&RgbImage]) -> Result<Vec<Vec<f32>>, IdentityError> {
        let mut embeddings = Vec::with_capacity(faces.len());
        for batch in faces.chunks(BATCH) {
            let pixels = batch.iter().flat_map(|face| self.pixels(face));
            embeddings.extend(self.forward(pixels.collect(), batch.len())?);
        }
        Ok(embeddings)
    }

    /// What the network sees of a face, `[3, input, input]`, 0 to 1.
    fn pixels(&self, face: &RgbImage) -> Vec<f32> {
        let Window { side, left, top } = self.window;
        let scaled = face_pixels(face, Framing::Face, side);
        let rows = scaled.chunks_exact(side * side).flat_map(|channel| {
            let rows = channel.chunks_exact(side);
            rows.skip(top).take(self.input)
        });
        rows.flat_map(|row| &row[left..left + self.input])
            .copied()
            .collect()
    }

    /// Embeddings of `n` faces, pixels `[n, 3, input, input]`, 0 to 1.
    fn forward(&self, pixels: Vec<f32>, n: usize) -> Result<Vec<Vec<f32>>, IdentityError> {
        let mut input = pixels;
        let channels = input.chunks_exact_mut(self.input * self.input);
        for (channel, mean) in channels.zip(self.means.iter().cycle()) {
            for x in channel {
                *x = (255.0 * *x - mean) / 256.0;
            }
        }
        let shape = (n, 3, self.input, self.input);
        let xs = Tensor::from_vec(input, shape, &Device::Cpu)?;
        let xs = self.stem.forward(&xs)?.relu()?;
        let mut xs = xs.max_pool2d_with_stride(3, 2)?;
        for block in &self.blocks {
            xs = block.forward(&xs)?;
        }
        let embeddings = self.head.forward(&xs.mean((2, 3))?)?;
        debug_assert_eq!(embeddings.dims(), [n, VALUES]);
        Ok(embeddings.to_vec2()?)
    }
}

impl Block {
    fn forward(&self, xs: &Tensor) -> Result<Tensor, candle_core::Error> {
        let ys = self.first.forward(xs)?.relu()?;
        let ys = self.second.forward(&ys)?;
        let around = if self.halves {
            xs.avg_pool2d(2)?
        } else {
            xs.clone()
        };
        padded_sum(&ys, &around)?.relu()
    }
}

/// The sum where the smaller of two has zeros at the end of every dimension, as dlib adds. The way around a block has fewer
/// channels than the block where the width grows, and one row and column more where a side of an even number of pixels is
/// halved.
fn padded_sum(a: &Tensor, b: &Tensor) -> Result<Tensor, candle_core::Error> {
    let (mut a, mut b) = (a.clone(), b.clone());
    for dimension in 1..4 {
        let (x, y) = (a.dim(dimension)?, b.dim(dimension)?);
        a = a.pad_with_zeros(dimension, 0, y.saturating_sub(x))?;
        b = b.pad_with_zeros(dimension, 0, x.saturating_sub(y))?;
    }
    a + b
}

#[cfg(test)]
mod tests {
    use image::{Rgb, imageops};

    use super::*;

    /// Embeddings that dlib computes of `127.5 + 127.5 sin(0.37 i)` (`models/identity/convert.py`).
    #[derive(serde::Deserialize)]
    struct Golden {
        /// By the weights of dlib's file.
        original: Vec<f32>,
        /// By those of ours, in dlib's file.
        converted: Vec<f32>,
    }

    /// What arithmetic in another order may change, in lengths of the embedding.
    const ROUNDING: f32 = 1e-5;
    /// What weights of 8 bits may change of this picture's embedding; measured: 0.0167.
    const QUANTISATION: f32 = 0.02;

    #[test]
    fn it_computes_what_dlib_computes() {
        let golden = include_str!("../../tests/golden/identity.json");
        let golden: Golden = serde_json::from_str(golden).unwrap();
        let network = IdentityNetwork::embedded().unwrap();
        let side = network.input;
        let wave = |i: usize| {
            let (channel, place) = (i / (side * side), i % (side * side));
            (0.37 * (3 * place + channel) as f64).sin()
        };
        let pixels: Vec<f32> = (0..3 * side * side)
            .map(|i| (127.5 + 127.5 * wave(i)).round() as f32 / 255.0)
            .collect();
        // Twice, because a batch must be its singles.
        let embeddings = network.forward([&pixels[..], &pixels].concat(), 2).unwrap();
        let length = distance(&golden.original, &[0.0; VALUES]);
        for embedding in &embeddings {
            let off = distance(embedding, &golden.converted) / length;
            assert!(off < ROUNDING, "{off}");
            let off = distance(embedding, &golden.original) / length;
            assert!(off < QUANTISATION, "{off}");
        }
    }

    fn distance(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!((a.len(), b.len()), (VALUES, VALUES));
        let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
        squares.sum::<f32>().sqrt()
    }

    /// Stripes of growing width: every place of it looks different.
    fn picture(side: u32) -> RgbImage {
        RgbImage::from_fn(side, side, |x, y| {
            let (x, y) = (x as f32 / side as f32, y as f32 / side as f32);
            let level = |phase: f32| 127.5 + 120.0 * (9.0 * x * x + 7.0 * y + phase).sin();
            Rgb([0.0, 1.0, 2.0].map(|phase| level(phase) as u8))
        })
    }

    #[test]
    fn faces_of_any_size_have_an_embedding() {
        let network = IdentityNetwork::embedded().unwrap();
        let faces = [288, 96, 20].map(picture);
        let embeddings = network.embed(&faces.each_ref()).unwrap();
        assert_eq!(embeddings.len(), 3);
        let grey = RgbImage::from_pixel(96, 96, Rgb([90; 3]));
        let grey = &network.embed(&[&grey]).unwrap()[0];
        let apart = distance(&embeddings[0], grey);
        assert!(distance(&embeddings[0], &embeddings[1]) < 0.2 * apart);
        assert!(distance(&embeddings[0], &embeddings[2]) < 0.6 * apart);
        assert!(network.embed(&[]).unwrap().is_empty());
    }

    #[test]
    fn only_the_window_is_seen() {
        let network = IdentityNetwork::embedded().unwrap();
        let Window { side, left, top } = network.window;
        let face = picture(side as u32);
        let [mut outside, mut inside] = [face.clone(), face.clone()];
        let black = RgbImage::new(side as u32, side as u32);
        imageops::replace(&mut outside, &black, 0, top as i64 - side as i64);
        imageops::replace(&mut outside, &black, left as i64 - side as i64, 0);
        imageops::replace(&mut outside, &black, (left + network.input) as i64, 0);
        imageops::replace(&mut outside, &black, 0, (top + network.input) as i64);
        imageops::replace(&mut inside, &black, 0, top as i64 + 1 - side as i64);
        let [face, outside, inside] = [face, outside, inside].map(|face| network.pixels(&face));
        assert_eq!(face.len(), 3 * network.input * network.input);
        assert_eq!(outside, face);
        assert_ne!(inside, face);
    }

    #[test]
    fn the_smaller_summand_has_zeros_at_its_end() {
        let values = |shape: (usize, usize, usize, usize), values: &[f32]| {
            Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
        };
        let wide = values((1, 2, 1, 1), &[1.0, 2.0]);
        let large = values((1, 1, 2, 2), &[10.0, 20.0, 30.0, 40.0]);
        let sum = padded_sum(&wide, &large).unwrap();
        assert_eq!(sum.dims(), [1, 2, 2, 2]);
        let sum: Vec<f32> = sum.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(sum, [11.0, 20.0, 30.0, 40.0, 2.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn the_digest_is_that_of_the_file() {
        let network = IdentityNetwork::embedded().unwrap();
        assert_eq!(network.digest(), deepface_files::sha256(EMBEDDED));
    }
}
