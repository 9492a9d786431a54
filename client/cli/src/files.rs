//! Files: images, embeddings and pictures that are read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, ensure};
use deepface_client::{encoded_image, v1};
use deepface_images::ImageLimits;
use safetensors::{Dtype, SafeTensors};

use crate::args::FramingArgs;

/// Key of the digest of the network, in the metadata of a file of activations.
pub(crate) const MODEL_DIGEST: &str = "model_digest";
/// The layer whose activations are embeddings of faces.
const EMBEDDING: &str = "fc7";

/// What a file shows of faces.
pub(crate) enum Faces {
    /// A picture of them.
    Image(v1::Image),
    /// Their embeddings, computed before.
    Embeddings {
        /// `[faces, features]`.
        tensor: v1::Tensor,
        /// The network that computed them, or empty where the file does not say.
        digest: String,
    },
}

/// Reads an image file, or standard input for `-`.
pub(crate) fn read_image(path: &Path, framing: FramingArgs) -> anyhow::Result<v1::Image> {
    let image = encoded_image(read(path)?, v1::Framing::Unspecified);
    Ok(framing.frame(image))
}

/// Reads an image file or a file of embeddings, or standard input for `-`.
pub(crate) fn read_faces(path: &Path, framing: FramingArgs) -> anyhow::Result<Faces> {
    let bytes = read(path)?;
    if is_safetensors(&bytes) {
        return embeddings(&bytes).with_context(|| path.display().to_string());
    }
    let image = encoded_image(bytes, v1::Framing::Unspecified);
    Ok(Faces::Image(framing.frame(image)))
}

/// Reads a file, or standard input for `-`; of one that is larger than an image may be only the start.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    // One byte above the limit, so that the service can explain it.
    let most = ImageLimits::default().bytes as u64 + 1;
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}

/// Whether a file begins as safetensors do: the length of the header, then JSON.
fn is_safetensors(file: &[u8]) -> bool {
    file.get(8) == Some(&b'{') && file.get(4..8) == Some(&[0; 4])
}

fn embeddings(file: &[u8]) -> anyhow::Result<Faces> {
    let tensors = SafeTensors::deserialize(file)?;
    let view = tensors.tensor(EMBEDDING);
    let view = view.with_context(|| {
        format!(
            "expected a tensor {EMBEDDING}, as `deepface activations --layer {EMBEDDING}` writes"
        )
    })?;
    let data_type = match view.dtype() {
        Dtype::F32 => v1::DataType::F32,
        Dtype::F16 => v1::DataType::F16,
        Dtype::BF16 => v1::DataType::Bf16,
        other => anyhow::bail!("{EMBEDDING}: expected F32, F16 or BF16, got {other}"),
    };
    ensure!(view.shape().first() != Some(&0), "{EMBEDDING} has no rows");
    let shape = view.shape().iter().map(|&d| d as i64);
    let (_, header) = SafeTensors::read_metadata(file)?;
    let texts = header.metadata().as_ref();
    let digest = texts.and_then(|texts| texts.get(MODEL_DIGEST));
    Ok(Faces::Embeddings {
        tensor: v1::Tensor {
            data_type: data_type.into(),
            shape: shape.collect(),
            data: view.data().to_vec(),
        },
        digest: digest.cloned().unwrap_or_default(),
    })
}
