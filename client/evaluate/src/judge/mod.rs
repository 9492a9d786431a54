//! The judges: networks that no method inverts.
//!
//! A classifier that judges faces made from its own gradients flatters itself. The judges have other architectures, another
//! loss (73 sigmoids), another framework and other seeds (`models/README.md`); only the training people are the same, and
//! faces are judged by what was asked from photographs of people that none has seen. The second judge saw blurred, noisy and
//! recompressed views, and nobody tunes to it.

mod aggregation;
mod file;
mod residual;
#[cfg(test)]
mod tests;

use candle_core::{Device, Module, Tensor};
use candle_nn::Linear;
use deepface_attributes::{AttributeId, Schema};
use deepface_files::{TensorError, sha256};
use deepface_images::{Framing, face_pixels};
use image::RgbImage;

use crate::view::View;

use self::aggregation::Aggregation;
use self::file::{Architecture, Description, Layers};
use self::residual::Residual;

/// The judges that are built in.
const FIRST: &[u8] = include_bytes!("../../../../models/judge.safetensors");
const SECOND: &[u8] = include_bytes!("../../../../models/second-judge.safetensors");

/// Faces in one forward pass; bounds memory.
const BATCH: usize = 32;

/// A convolutional network of few weights: a body, the mean over the image, one linear layer.
#[derive(Debug)]
pub(crate) struct Judge {
    body: Body,
    head: Linear,
    /// The attributes of the head: the default ones.
    schema: Schema,
    /// Side of the input, pixels.
    input: usize,
    mean: f32,
    deviation: f32,
    digest: String,
}

#[derive(Debug)]
enum Body {
    Residual(Residual),
    Aggregation(Aggregation),
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

impl From<TensorError> for JudgeError {
    fn from(error: TensorError) -> Self {
        Self::File(error.to_string())
    }
}

impl Judge {
    /// The judge that the defaults were tuned to: a residual network.
    ///
    /// # Errors
    /// The file that was built in is not a judge.
    pub(crate) fn first() -> Result<Self, JudgeError> {
        Self::read(FIRST)
    }

    /// The judge that nobody tunes to: another architecture, trained on degraded views.
    ///
    /// # Errors
    /// The file that was built in is not a judge.
    pub(crate) fn second() -> Result<Self, JudgeError> {
        Self::read(SECOND)
    }

    /// Reads and checks the bytes of a judge's file.
    ///
    /// # Errors
    /// Not a safetensors file, or its description is missing or different, or a tensor is missing, superfluous, of another
    /// shape or type, or has values that are not finite.
    fn read(file: &[u8]) -> Result<Self, JudgeError> {
        let layers = Layers::open(file)?;
        let description: Description = layers.description()?;
        let body = Body::read(&description, &layers)?;
        description.check()?;
        description.check_input(body.halvings())?;
        let schema = Schema::default();
        let count = schema.len();
        let head = Linear::new(
            layers.tensor("head.weight", &[count, body.width()])?,
            Some(layers.tensor("head.bias", &[count])?),
        );
        layers.check_all_taken()?;
        Ok(Self {
            body,
            head,
            schema,
            input: description.input,
            mean: description.mean,
            deviation: description.deviation,
            digest: sha256(file),
        })
    }

    /// SHA-256 of the file, lower-case hexadecimal.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Looks at faces of any size; the whole image is the face. The embedding is the mean of the body's output over
    /// the image, the probabilities are those of the attributes of `schema` that the judge knows, by name.
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
        let embeddings = self.body.forward(&xs)?.mean((2, 3))?;
        let logits = self.head.forward(&embeddings)?;
        debug_assert_eq!(logits.dims(), [n, self.schema.len()]);
        Ok((embeddings.to_vec2()?, logits.to_vec2()?))
    }
}

impl Body {
    fn read(description: &Description, layers: &Layers<'_>) -> Result<Self, JudgeError> {
        Ok(match description.architecture()? {
            Architecture::Residual => Self::Residual(Residual::read(layers)?),
            Architecture::Aggregation => Self::Aggregation(Aggregation::read(layers)?),
        })
    }

    /// Output `[n, channels, side, side]` for images `[n, 3, S, S]`.
    fn forward(&self, images: &Tensor) -> Result<Tensor, candle_core::Error> {
        match self {
            Self::Residual(body) => body.forward(images),
            Self::Aggregation(body) => body.forward(images),
        }
    }

    /// Channels of the output.
    fn width(&self) -> usize {
        match self {
            Self::Residual(body) => body.width(),
            Self::Aggregation(body) => body.width(),
        }
    }

    /// How often the image is halved.
    fn halvings(&self) -> usize {
        match self {
            Self::Residual(body) => body.halvings(),
            Self::Aggregation(body) => body.halvings(),
        }
    }
}
