//! Photographs through the classifier, a few requests at a time.

use std::{collections::VecDeque, fs, path::Path};

use anyhow::Context;
use deepface_client::ClassifierClient;
use deepface_dataset::{Framing, ImageLimits, Photograph, decode, face_pixels};
use deepface_proto::{
    Array,
    v1::{self, DataType, GetActivationsRequest, GetActivationsResponse},
};
use indicatif::ProgressBar;
use rayon::prelude::*;

/// Photographs in a request.
const BATCH: usize = 32;
/// Requests under way at once: one computes while the next travels.
const IN_FLIGHT: usize = 3;

/// Asks for the activations of all photographs and gives each to `visit`, in order: number of the photograph,
/// number of the layer, activation.
pub(super) async fn run(
    client: &ClassifierClient,
    photographs: &[&Photograph],
    layers: &[String],
    bar: &ProgressBar,
    mut visit: impl FnMut(usize, usize, &[f32]),
) -> anyhow::Result<()> {
    let mut batches = photographs.chunks(BATCH).enumerate();
    let mut waiting = VecDeque::new();
    loop {
        while waiting.len() < IN_FLIGHT
            && let Some((index, batch)) = batches.next()
        {
            let request = request(batch, layers)?;
            let client = client.clone();
            let reply = tokio::spawn(async move { client.get_activations(request).await });
            waiting.push_back((index * BATCH, batch.len(), reply));
        }
        let Some((first, count, reply)) = waiting.pop_front() else {
            bar.finish_and_clear();
            return Ok(());
        };
        take(&reply.await??, first, count, &mut visit)?;
        bar.inc(count as u64);
    }
}

fn request(batch: &[&Photograph], layers: &[String]) -> anyhow::Result<GetActivationsRequest> {
    let image = |p: &&Photograph| {
        Ok(v1::Image {
            content: Some(v1::image::Content::Encoded(read(&p.path)?)),
            framing: v1::Framing::Aligned.into(),
        })
    };
    Ok(GetActivationsRequest {
        images: batch.iter().map(image).collect::<anyhow::Result<_>>()?,
        layers: layers.to_vec(),
        data_type: DataType::F32.into(),
    })
}

fn take(
    reply: &GetActivationsResponse,
    first: usize,
    count: usize,
    visit: &mut impl FnMut(usize, usize, &[f32]),
) -> anyhow::Result<()> {
    for (layer, activation) in reply.activations.iter().enumerate() {
        let tensor = activation
            .tensor
            .as_ref()
            .context("the classifier sent an activation without a tensor")?;
        let array = Array::try_from(tensor)?;
        let size = array.data.len() / count;
        for (i, activation) in array.data.chunks_exact(size).enumerate() {
            visit(first + i, layer, activation);
        }
    }
    Ok(())
}

/// Faces of all photographs as the classifier sees them, `[n, 3 S S]`.
pub(super) fn images(
    photographs: &[&Photograph],
    size: usize,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<f32>> {
    const LIMITS: ImageLimits = ImageLimits {
        bytes: 16 << 20,
        side: 4096,
    };
    let faces = photographs.par_iter().map(|p| {
        let image =
            decode(&read(&p.path)?, LIMITS).with_context(|| p.path.display().to_string())?;
        bar.inc(1);
        Ok(face_pixels(&image, Framing::Aligned, size))
    });
    Ok(faces.collect::<anyhow::Result<Vec<_>>>()?.concat())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
