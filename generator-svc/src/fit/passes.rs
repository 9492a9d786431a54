//! Photographs through the classifier: a few requests at a time to each replica, and the replies in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use deepface_client::{ClassifierClient, MAX_DECODED_BYTES};
use deepface_dataset::{Crop, Photograph};
use deepface_images::png;
use deepface_proto::v1::{self, DataType, GetActivationsRequest};
use indicatif::ProgressBar;
use rayon::prelude::*;
use tokio::task::{JoinSet, spawn_blocking};

use super::reply::Batch;
use super::served::{Served, WantedLayer};
use crate::gaussian::{Canvas, vector};

/// Most photographs in a request; fewer if the classifier takes fewer.
const BATCH: usize = 32;
/// Requests under way at once to each replica: one computes while the next travels.
const IN_FLIGHT: usize = 3;
/// Most replicas that are kept busy.
const REPLICAS: usize = 64;
/// Batches that are asked for but not yet summed, over those under way: so far the other replicas may run ahead of one
/// that is slow.
const AHEAD: usize = 4;
/// Most activations that are held at once, bytes.
const HELD: usize = 512 << 20;
/// Room in a reply for everything but the numbers, bytes.
const ENVELOPE: usize = 64 << 10;
/// Limit of a request with its tries on all replicas: 32 photographs through VGG-Face on one busy core, several times.
const DEADLINE: Duration = Duration::from_secs(300);
/// How long a request is tried again after its first failure, for a classifier that restarts.
const PATIENCE: Duration = Duration::from_secs(60);

/// Photographs that go through the classifier, and the layers whose activations are wanted.
pub(super) struct Passes<'a> {
    client: ClassifierClient,
    photographs: &'a [&'a Photograph],
    layers: Arc<[WantedLayer]>,
    /// Digest of the network that must answer.
    network: &'a str,
    limits: &'a v1::Limits,
}

impl<'a> Passes<'a> {
    /// Requests are as large as the limits of the classifier allow.
    pub(super) fn new(
        client: &ClassifierClient,
        photographs: &'a [&'a Photograph],
        layers: Vec<WantedLayer>,
        served: &'a Served,
    ) -> Self {
        let client = client.clone().with_deadline(DEADLINE);
        Self {
            client: client.with_patience(PATIENCE),
            photographs,
            layers: layers.into(),
            network: &served.digest,
            limits: &served.limits,
        }
    }

    /// Asks for the activations of all photographs but the first `done`, and gives them to `visit` in order.
    ///
    /// A replica that answers gets the next batch, so a slow one gets fewer. Which replica answers, and when, makes no
    /// difference to what `visit` sees.
    ///
    /// # Errors
    /// No replica answers within the limits above, an answer is not what was asked for, or `visit` fails.
    pub(super) async fn run(
        &self,
        bar: &ProgressBar,
        done: usize,
        mut visit: impl FnMut(&Batch) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let under_way = IN_FLIGHT * self.client.replicas().len().clamp(1, REPLICAS);
        let window = AHEAD * under_way;
        let size = batch_size(self.limits, &self.layers, window);
        let left = &self.photographs[done.min(self.photographs.len())..];
        let mut batches = (done..).step_by(size).zip(left.chunks(size));
        let mut asked = JoinSet::new();
        let mut answered: BTreeMap<usize, Batch> = BTreeMap::new();
        let mut next = done;
        bar.set_position(done as u64);
        bar.reset_eta();
        while next < self.photographs.len() {
            while asked.len() < under_way
                && asked.len() + answered.len() < window
                && let Some((first, batch)) = batches.next()
            {
                asked.spawn(self.ask(first, batch));
            }
            if let Some(batch) = answered.remove(&next) {
                visit(&batch)?;
                next = batch.photographs.end;
                bar.set_position(next as u64);
            } else {
                let batch = asked.join_next().await;
                let batch = batch.context("no request is under way")???;
                answered.insert(batch.photographs.start, batch);
            }
            // Those that came during a visit make room for new requests.
            while let Some(batch) = asked.try_join_next() {
                let batch = batch??;
                answered.insert(batch.photographs.start, batch);
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Asks for one batch.
    fn ask(
        &self,
        first: usize,
        batch: &[&Photograph],
    ) -> impl Future<Output = anyhow::Result<Batch>> + use<> {
        let photographs: Vec<Photograph> = batch.iter().map(|p| (*p).clone()).collect();
        let (client, layers) = (self.client.clone(), self.layers.clone());
        let network = self.network.to_owned();
        async move {
            let count = photographs.len();
            let which = photographs.first().map(|p| p.path.display().to_string());
            let which = which.unwrap_or_default();
            let wanted = layers.clone();
            let request = spawn_blocking(move || request(&photographs, &wanted, network)).await??;
            let reply = client.get_activations(request).await;
            let reply = reply.with_context(|| format!("{count} photographs from {which} on"))?;
            Batch::read(&reply, first..first + count, &layers)
        }
    }
}

/// Photographs in a request: their number and the activations in the reply must keep to the limits, and those of a whole
/// window must fit into memory.
fn batch_size(limits: &v1::Limits, layers: &[WantedLayer], window: usize) -> usize {
    let positive = |limit: i64| usize::try_from(limit).ok().filter(|&l| l > 0);
    let images = positive(limits.max_images.into()).unwrap_or(BATCH);
    let bytes = positive(limits.max_response_bytes).unwrap_or(MAX_DECODED_BYTES);
    let bytes = bytes.min(MAX_DECODED_BYTES).saturating_sub(ENVELOPE);
    let bytes = bytes.min(HELD / window);
    let each = size_of::<f32>() * layers.iter().map(WantedLayer::size).sum::<usize>();
    // If one photograph is too much, the classifier refuses it.
    BATCH.min(images).min(bytes / each.max(1)).max(1)
}

fn request(
    batch: &[Photograph],
    layers: &[WantedLayer],
    network: String,
) -> anyhow::Result<GetActivationsRequest> {
    let image = |p: &Photograph| {
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
        model_digest: network,
        ..Default::default()
    })
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

    #[test]
    fn a_request_is_within_the_limits() {
        // Ten numbers for each photograph.
        let layers = [WantedLayer {
            name: "conv".into(),
            shape: vec![5, 2, 1],
        }];
        let size = |max_images, max_response_bytes, window| {
            let limits = v1::Limits {
                max_images,
                max_response_bytes,
                ..Default::default()
            };
            batch_size(&limits, &layers, window)
        };
        assert_eq!(size(0, 0, 12), BATCH);
        assert_eq!(size(7, 0, 12), 7);
        assert_eq!(size(64, (ENVELOPE + 40 * 5 + 39) as i64, 12), 5);
        assert_eq!(size(64, 1, 12), 1);
        // However many replicas there are.
        assert_eq!(size(64, 0, HELD / 100), 2);
    }
}
