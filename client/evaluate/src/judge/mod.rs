//! The judge: a network that no method inverts.
//!
//! A classifier that judges faces made from its own gradients flatters itself. The judge has another architecture
//! (residual), another loss (73 sigmoids), another framework and another seed (`models/README.md`); only the training
//! people are the same, and faces are judged by what was asked from photographs of people that neither has seen.

mod file;

use candle_core::{Device, Module, Tensor};
use candle_nn::{Conv2d, Linear};
use deepface_attributes::{AttributeId, Schema};
use deepface_images::{Framing, face_pixels};
use image::RgbImage;

use crate::view::View;

/// The judge that is built in.
const EMBEDDED: &[u8] = include_bytes!("../../../../models/judge.safetensors");

/// Faces in one forward pass; bounds memory.
const BATCH: usize = 32;

/// A residual network of few weights: a stem, stages of two blocks each, the mean over the image, one linear layer.
#[derive(Debug)]
pub(crate) struct Judge {
    stem: Conv2d,
    blocks: Vec<Block>,
    head: Linear,
    /// The attributes of the head: the default ones.
    schema: Schema,
    input: usize,
    mean: f32,
    deviation: f32,
    digest: String,
}

/// `relu(conv2(relu(conv1(x))) + shortcut(x))`, batch normalisation folded into the convolutions.
#[derive(Debug)]
struct Block {
    first: Conv2d,
    second: Conv2d,
    /// 1x1, where the width changes.
    shortcut: Option<Conv2d>,
    stride: usize,
}

/// Why a judge cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The file is damaged, or of another version.
    #[error("the judge's file: {0}")]
    File(String),
    /// The arithmetic failed.
    #[error("the judge cannot compute: {0}")]
    Compute(#[from] candle_core::Error),
}

impl Judge {
    /// The judge that is built in.
    ///
    /// # Errors
    /// The file that was built in is not a judge of this version.
    pub(crate) fn first() -> Result<Self, JudgeError> {
        Self::read(EMBEDDED)
    }

    pub(crate) fn second() -> Result<Self, JudgeError> {
        Self::read(EMBEDDED)
    }

    /// SHA-256 of the file, lower-case hexadecimal.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Looks at faces of any size; the whole image is the face. The embedding is the mean of the last block's output
    /// over the image, the probabilities are those of the attributes of `schema` that the judge knows, by name.
    ///
    /// # Errors
    /// The arithmetic failed.
    pub(crate) fn look(
        &self,
        schema: &Schema,
        faces: &[&RgbImage],
    ) -> Result<Vec<View>, JudgeError> {
        let own: Vec<_> = schema.names().map(|name| self.schema.find(name)).collect();
        let mut views = Vec::with_capacity(faces.len());
        for batch in faces.chunks(BATCH) {
            let pixels = batch.iter();
            let pixels = pixels.flat_map(|face| face_pixels(face, Framing::Face, self.input));
            let (embeddings, logits) = self.forward(pixels.collect(), batch.len())?;
            for (embedding, logits) in embeddings.into_iter().zip(logits) {
                let sigmoid = |own: &Option<AttributeId>| {
                    Some(1.0 / (1.0 + (-logits[(*own)?.index()]).exp()))
                };
                views.push(View {
                    embedding,
                    probabilities: own.iter().map(sigmoid).collect(),
                });
            }
        }
        Ok(views)
    }

    /// Embeddings and logits of `n` faces, pixels `[n, 3, S, S]`, 0 to 1.
    #[expect(clippy::type_complexity, reason = "two lists of the same length")]
    fn forward(
        &self,
        pixels: Vec<f32>,
        n: usize,
    ) -> Result<(Vec<Vec<f32>>, Vec<Vec<f32>>), JudgeError> {
        let normal = |x: f32| (x - self.mean) / self.deviation;
        let input: Vec<f32> = pixels.into_iter().map(normal).collect();
        let shape = (n, 3, self.input, self.input);
        let xs = Tensor::from_vec(input, shape, &Device::Cpu)?;
        let mut xs = self.stem.forward(&xs)?.relu()?;
        for block in &self.blocks {
            xs = block.forward(&xs)?;
        }
        let embeddings = xs.mean((2, 3))?;
        let logits = self.head.forward(&embeddings)?;
        debug_assert_eq!(logits.dims(), [n, self.schema.len()]);
        Ok((embeddings.to_vec2()?, logits.to_vec2()?))
    }
}

impl Block {
    fn forward(&self, xs: &Tensor) -> Result<Tensor, candle_core::Error> {
        let ys = self.first.forward(xs)?.relu()?;
        let ys = self.second.forward(&ys)?;
        let pooled = match self.stride {
            1 => xs.clone(),
            stride => xs.avg_pool2d(stride)?,
        };
        let around = match &self.shortcut {
            Some(shortcut) => shortcut.forward(&pooled)?,
            None => pooled,
        };
        (ys + around)?.relu()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        embedding: Vec<f32>,
        logits: Vec<f32>,
    }

    /// `models/judge/train.py` writes the golden vectors with PyTorch: embedding and logits of `0.5 + 0.5 sin(0.37 i)`.
    #[test]
    fn it_computes_what_pytorch_computes() {
        let golden = include_str!("../../tests/golden/judge.json");
        let golden: Golden = serde_json::from_str(golden).unwrap();
        let judge = Judge::first().unwrap();
        let picture = |i: usize| 0.5 + 0.5 * (i as f32 * 0.37).sin();
        let face: Vec<f32> = (0..3 * 64 * 64).map(picture).collect();
        // Twice, because a batch must be its singles.
        let (embeddings, logits) = judge.forward([&face[..], &face].concat(), 2).unwrap();
        for (embedding, logits) in embeddings.iter().zip(&logits) {
            assert!(distance(embedding, &golden.embedding) < 1e-4);
            assert!(distance(logits, &golden.logits) < 1e-4);
        }
    }

    /// Largest difference, over the largest value.
    fn distance(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        let largest = b.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        differences.fold(0.0, f32::max) / largest
    }

    #[test]
    fn faces_of_any_size_can_be_judged() {
        let judge = Judge::first().unwrap();
        let faces = [64, 96, 20].map(|side| RgbImage::from_pixel(side, side, image::Rgb([90; 3])));
        let schema = Schema::ungrouped(["Smiling", "No_Beard", "Young"]).unwrap();
        let views = judge.look(&schema, &faces.each_ref()).unwrap();
        let known = views[0].probabilities.iter().map(Option::is_some);
        assert_eq!(known.collect::<Vec<_>>(), [true, true, false]);
        assert!(distance(&views[1].embedding, &views[0].embedding) < 1e-4);
        assert!(distance(&views[2].embedding, &views[0].embedding) < 1e-4);
    }
}
