//! Faces by the generator service, and what the networks of the evaluation see in pictures.

use std::sync::Arc;

use deepface_client::v1::{self, image::Content};
use deepface_client::{Event, EventStream, encoded_image};
use deepface_dataset::Photograph;
use deepface_evaluate::{Eyes, Network, Views, Watch};
use deepface_images::{image_of, png};
use image::RgbImage;

use crate::bench::Bench;
use crate::error::PaperError;

/// Side of a photograph's face, pixels: as large as it is in LFW's photographs.
pub(crate) const SIDE: usize = 160;

/// The face in a photograph, as large as it is in LFW's.
///
/// # Errors
/// It cannot be read.
pub(crate) fn face(photograph: &Photograph) -> Result<RgbImage, PaperError> {
    face_of(photograph, SIDE)
}

/// The face in a photograph, `side` x `side` pixels.
///
/// # Errors
/// It cannot be read.
pub(crate) fn face_of(photograph: &Photograph, side: usize) -> Result<RgbImage, PaperError> {
    Ok(picture(&photograph.face(&photograph.image()?, side), side))
}

/// Pixels `[3, side, side]`, 0 to 1, as a picture.
pub(crate) fn picture(pixels: &[f32], side: usize) -> RgbImage {
    image_of(pixels, [side as u32; 2])
}

/// A face with attributes.
///
/// # Errors
/// The generator fails.
pub(crate) async fn generate(
    bench: &Bench<'_>,
    present: Vec<String>,
    settings: v1::GenerationSettings,
    seed: u64,
) -> Result<RgbImage, PaperError> {
    let request = v1::GenerateRequest {
        settings: Some(settings),
        ..v1::GenerateRequest::of(present)
            .with_seed(seed)
            .with_stream(stream())
    };
    result(bench.generator.generate(request).await?).await
}

/// A face from its activations in a layer.
///
/// # Errors
/// The generator fails.
pub(crate) async fn invert(
    bench: &Bench<'_>,
    face: &RgbImage,
    layer: &str,
    inversion: v1::InversionSettings,
) -> Result<RgbImage, PaperError> {
    let request = v1::InvertRequest {
        image: Some(encoded_image(png(face)?, v1::Framing::Face)),
        layer: layer.to_owned(),
        inversion: Some(inversion),
        seed: bench.settings.seed,
        stream: Some(stream()),
        ..Default::default()
    };
    result(bench.generator.invert(request).await?).await
}

fn stream() -> v1::StreamSettings {
    v1::StreamSettings {
        every: Some(1000),
        format: v1::ImageFormat::Png.into(),
        losses_only: true,
        ..Default::default()
    }
}

async fn result(mut events: EventStream) -> Result<RgbImage, PaperError> {
    while let Some(event) = events.next().await? {
        if let Event::Result(result) = event
            && let Some(Content::Encoded(file)) = result.image.and_then(|image| image.content)
        {
            return Ok(image::load_from_memory(&file)?.into_rgb8());
        }
    }
    Err(PaperError::Data(
        "the generator's stream ended without a PNG image".to_owned(),
    ))
}

/// Shows pictures to the networks of the evaluation.
///
/// # Errors
/// One of them fails.
pub(crate) async fn see(
    bench: &Bench<'_>,
    eyes: &Eyes,
    faces: Vec<RgbImage>,
) -> Result<Vec<Views>, PaperError> {
    let watch: &Watch = bench.watch;
    let faces = faces.into_iter().map(Arc::new).collect();
    Ok(eyes.look(faces, watch).await?)
}

/// The networks of the evaluation.
///
/// # Errors
/// The classifier does not answer, or a built-in file cannot be used.
pub(crate) async fn eyes(bench: &Bench<'_>) -> Result<Eyes, PaperError> {
    let model = bench.classifier.get_model().await?;
    let eyes = Eyes::open(bench.classifier.clone(), &model, bench.schema().clone());
    Ok(eyes?)
}

/// How alike faces are to a network: cosines about the mean of many people.
#[derive(Clone, Debug)]
pub(crate) struct Likeness {
    network: Network,
    mean: Vec<f32>,
}

impl Likeness {
    /// About the mean of these people.
    pub(crate) fn about(network: Network, people: &[Views]) -> Self {
        let of = |views: &Views| views.by(network).embedding.clone();
        let mut mean = people.first().map(of).unwrap_or_default();
        for views in people.iter().skip(1) {
            let pairs = mean.iter_mut().zip(&views.by(network).embedding);
            pairs.for_each(|(m, e)| *m += e);
        }
        mean.iter_mut()
            .for_each(|m| *m /= people.len().max(1) as f32);
        Self { network, mean }
    }

    /// The cosine of two faces, -1 to 1.
    pub(crate) fn of(&self, a: &Views, b: &Views) -> f64 {
        let [a, b] = [a, b].map(|views| &views.by(self.network).embedding[..]);
        deepface_network::cosine(a, b, &self.mean)
    }
}
