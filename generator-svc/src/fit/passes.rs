//! Photographs through the classifier, a few requests at a time.

use std::collections::VecDeque;

use anyhow::{Context, ensure};
use deepface_client::{ClassifierClient, MAX_DECODED_BYTES};
use deepface_dataset::{Crop, Photograph};
use deepface_images::png;
use deepface_proto::{
    Array,
    v1::{self, DataType, GetActivationsRequest, GetActivationsResponse},
};
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::served::{Served, WantedLayer};
use crate::gaussian::{Canvas, vector};

/// Most photographs in a request; fewer if the classifier takes fewer.
const BATCH: usize = 32;
/// Requests under way at once: one computes while the next travels.
const IN_FLIGHT: usize = 3;
/// Room in a reply for everything but the numbers, bytes.
const ENVELOPE: usize = 64 << 10;

/// Photographs that go through the classifier, and the layers whose activations are wanted.
pub(super) struct Passes<'a> {
    client: &'a ClassifierClient,
    photographs: &'a [&'a Photograph],
    layers: &'a [WantedLayer],
    /// Digest of the network that must answer.
    network: &'a str,
    batch: usize,
}

impl<'a> Passes<'a> {
    /// Requests are as large as the classifier's limits allow.
    pub(super) fn new(
        client: &'a ClassifierClient,
        photographs: &'a [&'a Photograph],
        served: &'a Served,
    ) -> Self {
        Self {
            client,
            photographs,
            layers: &served.layers,
            network: &served.digest,
            batch: batch_size(&served.limits, &served.layers),
        }
    }

    /// For the logits of the attributes' heads.
    pub(super) fn over_heads(
        client: &'a ClassifierClient,
        photographs: &'a [&'a Photograph],
        served: &'a Served,
    ) -> Self {
        let layers = std::slice::from_ref(&served.heads);
        Self {
            layers,
            batch: batch_size(&served.limits, layers),
            ..Self::new(client, photographs, served)
        }
    }

    /// Asks for the activations of all photographs and gives each to `visit`, in order: number of the photograph,
    /// number of the layer, activation.
    pub(super) async fn run(
        &self,
        bar: &ProgressBar,
        mut visit: impl FnMut(usize, usize, &[f32]),
    ) -> anyhow::Result<()> {
        let mut batches = self.photographs.chunks(self.batch).enumerate();
        let mut waiting = VecDeque::new();
        loop {
            while waiting.len() < IN_FLIGHT
                && let Some((index, batch)) = batches.next()
            {
                let request = request(batch, self.layers, self.network)?;
                let client = self.client.clone();
                let reply = tokio::spawn(async move { client.get_activations(request).await });
                waiting.push_back((index * self.batch, batch, reply));
            }
            let Some((first, batch, reply)) = waiting.pop_front() else {
                bar.finish_and_clear();
                return Ok(());
            };
            let reply = reply.await?.with_context(|| {
                let path = batch[0].path.display();
                format!("{} photographs from {path} on", batch.len())
            })?;
            take(&reply, first, batch.len(), self.layers, &mut visit)?;
            bar.inc(batch.len() as u64);
        }
    }
}

/// Photographs in a request: their number and the activations in the reply must keep to the limits.
fn batch_size(limits: &v1::Limits, layers: &[WantedLayer]) -> usize {
    let positive = |limit: i64| usize::try_from(limit).ok().filter(|&l| l > 0);
    let images = positive(limits.max_images.into()).unwrap_or(BATCH);
    let bytes = positive(limits.max_response_bytes).unwrap_or(MAX_DECODED_BYTES);
    let bytes = bytes.min(MAX_DECODED_BYTES).saturating_sub(ENVELOPE);
    let each = size_of::<f32>() * layers.iter().map(WantedLayer::size).sum::<usize>();
    // If one photograph is too much, the classifier refuses it.
    BATCH.min(images).min(bytes / each.max(1)).max(1)
}

fn request(
    batch: &[&Photograph],
    layers: &[WantedLayer],
    network: &str,
) -> anyhow::Result<GetActivationsRequest> {
    let image = |p: &&Photograph| {
        let file = p.file()?;
        // A face that the classifier cannot find by its framing is sent alone.
        let cut = match p.crop {
            Crop::Lfw => None,
            Crop::Celeba | Crop::Whole => p.cut_face(&p.decoded(&file)?),
        };
        let (file, framing) = match cut {
            Some(face) => (png(&face)?, v1::Framing::Face),
            None => (file, v1::Framing::Aligned),
        };
        Ok(v1::Image {
            content: Some(v1::image::Content::Encoded(file)),
            framing: framing.into(),
            face: None,
        })
    };
    Ok(GetActivationsRequest {
        images: batch.iter().map(image).collect::<anyhow::Result<_>>()?,
        layers: layers.iter().map(|l| l.name.clone()).collect(),
        data_type: DataType::F32.into(),
        all_faces: false,
        skip_face_check: true,
        model_digest: network.into(),
        ..Default::default()
    })
}

/// Visits the activations in a reply, which must be those that were requested.
fn take(
    reply: &GetActivationsResponse,
    first: usize,
    count: usize,
    layers: &[WantedLayer],
    visit: &mut impl FnMut(usize, usize, &[f32]),
) -> anyhow::Result<()> {
    let names = reply.activations.iter().map(|a| &a.layer);
    ensure!(
        names.eq(layers.iter().map(|l| &l.name)),
        "the classifier sent activations of other layers than requested"
    );
    for (number, (activation, layer)) in reply.activations.iter().zip(layers).enumerate() {
        let name = &layer.name;
        let tensor = activation.tensor.as_ref();
        let tensor = tensor.with_context(|| format!("the classifier sent no tensor for {name}"))?;
        let array = Array::try_from(tensor).with_context(|| format!("activation of {name}"))?;
        let (images, shape) = array.shape.split_first().context("no dimensions")?;
        ensure!(
            *images == count && shape == layer.shape,
            "activation of {name}: expected {count} of shape {:?}, got {:?}",
            layer.shape,
            array.shape
        );
        for (i, activation) in array.data.chunks_exact(layer.size()).enumerate() {
            visit(first + i, number, activation);
        }
    }
    Ok(())
}

/// Faces of all photographs as the image prior has them, one vector after the other.
pub(super) fn vectors(
    photographs: &[&Photograph],
    side: usize,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<f32>> {
    let size = Canvas::new(side, side).size();
    // In place: this is the largest thing that a fit holds.
    let mut faces = vec![0.0; photographs.len() * size];
    let places = faces.par_chunks_exact_mut(size).zip(photographs);
    places.try_for_each(|(face, p)| {
        face.copy_from_slice(&vector(&p.face(&p.image()?, side), side));
        bar.inc(1);
        anyhow::Ok(())
    })?;
    Ok(faces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> Vec<WantedLayer> {
        let layer = |name: &str, shape: &[usize]| WantedLayer {
            name: name.into(),
            shape: shape.into(),
        };
        vec![layer("conv", &[2, 3, 1]), layer("fc", &[4])]
    }

    fn activation(layer: &str, shape: &[usize]) -> v1::Activation {
        let count = shape.iter().product::<usize>();
        let array = Array {
            shape: shape.into(),
            data: (0..count).map(|i| i as f32).collect(),
        };
        v1::Activation {
            layer: layer.into(),
            tensor: Some(array.to_tensor(DataType::F32)),
        }
    }

    fn visits(activations: Vec<v1::Activation>) -> Result<Vec<(usize, usize, f32)>, String> {
        let reply = GetActivationsResponse {
            activations,
            ..Default::default()
        };
        let mut seen = Vec::new();
        take(&reply, 10, 2, &layers(), &mut |i, l, a| {
            seen.push((i, l, a[0]));
        })
        .map_err(|e| format!("{e:#}"))?;
        Ok(seen)
    }

    #[test]
    fn a_reply_with_other_activations_is_refused() {
        let (conv, fc) = (activation("conv", &[2, 2, 3, 1]), activation("fc", &[2, 4]));
        let seen = visits(vec![conv.clone(), fc.clone()]).unwrap();
        assert_eq!(
            seen,
            [(10, 0, 0.0), (11, 0, 6.0), (10, 1, 0.0), (11, 1, 4.0)]
        );
        let empty = v1::Activation {
            tensor: None,
            ..fc.clone()
        };
        for (bad, problem) in [
            (vec![conv.clone()], "other layers"),
            (vec![fc.clone(), conv.clone()], "other layers"),
            (vec![conv.clone(), empty], "no tensor for fc"),
            (vec![conv.clone(), activation("fc", &[1, 4])], "expected 2"),
            (vec![conv.clone(), activation("fc", &[8])], "expected 2"),
            (vec![conv, activation("fc", &[2, 2, 2])], "shape [4]"),
        ] {
            let said = visits(bad).unwrap_err();
            assert!(said.contains(problem), "{problem}: {said}");
        }
    }

    #[test]
    fn a_request_is_within_the_limits() {
        let size = |max_images, max_response_bytes| {
            let limits = v1::Limits {
                max_images,
                max_response_bytes,
                ..Default::default()
            };
            batch_size(&limits, &layers())
        };
        assert_eq!(size(0, 0), BATCH);
        assert_eq!(size(7, 0), 7);
        // Ten numbers for each photograph.
        assert_eq!(size(64, (ENVELOPE + 40 * 5 + 39) as i64), 5);
        assert_eq!(size(64, 1), 1);
    }
}
