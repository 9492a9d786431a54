//! GenerateFace: finished faces in one reply.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::Instant;

use deepface_client::JsonError;
use deepface_images::{PictureFormat, encode_picture, image_of, resized};
use deepface_proto::v1::{
    self, FileFormat, GenerateFaceRequest, GenerateFaceResponse, GenerateRequest, GeneratedFace,
};
use deepface_proto::{Array, v1::image::Content};
use deepface_serve::Violations;
use image::RgbImage;
use tokio_stream::StreamExt;
use tonic::{Request, Status};

use super::events::Event;
use super::generate::{Face, Wanted, most_faces};
use super::settings::StreamSettings;
use super::status::Refusal;
use super::stream::{self, Terms};
use super::wire::micros;
use super::{Generator, oracle::OracleError};
use crate::provenance::Recipe;

/// Sides of pictures, in pixels.
const SIDES: RangeInclusive<i32> = 16..=1024;

/// Makes the faces. Dropping the future, as when the client has gone, stops the work.
pub(super) async fn generate_face(
    api: &Generator,
    request: Request<GenerateFaceRequest>,
) -> Result<GenerateFaceResponse, Status> {
    let arrived = Instant::now();
    let terms = Terms::of(&request, api.limits.call);
    let (faces, pictures) = check(api, request.get_ref(), arrived).map_err(Refusal::from)?;
    let seeds: Vec<u64> = faces.iter().map(|(inversion, _)| inversion.seed).collect();
    let mut events = stream::start::<Event, _>(api, terms, faces)?;
    let (mut started, mut results) = (v1::Started::default(), Vec::new());
    while let Some(event) = events.next().await {
        match event? {
            Event::Started(settings) => started = settings,
            Event::Iterate(_) => {}
            Event::Result(result) => results.push(result),
        }
    }
    results.sort_by_key(|result| result.index);
    let asked = request.into_inner();
    let encoding = move || {
        let faces = results.into_iter().zip(seeds);
        let faces = faces.map(|(result, seed)| pictures.face(&asked, &started, result, seed));
        Ok((faces.collect::<Result<_, Refusal>>()?, started))
    };
    let encoded = api.workers.run(encoding).await.map_err(Refusal::from)?;
    let (faces, started): (_, v1::Started) = encoded.map_err(|refusal: Refusal| refusal)?;
    Ok(GenerateFaceResponse {
        faces,
        settings: started.settings,
        image_size: started.image_size,
        digest: started.digest,
        classifier_digest: started.classifier_digest,
        elapsed_us: micros(arrived.elapsed()),
    })
}

/// Everything that is wrong with the request is said at once.
fn check(
    api: &Generator,
    request: &GenerateFaceRequest,
    arrived: Instant,
) -> Result<(Vec<Face>, Pictures), Violations> {
    // Iterates are not sent, and the picture is made from the pixels.
    let stream = StreamSettings {
        every: usize::MAX,
        format: v1::ImageFormat::Tensor,
        losses_only: true,
        resume_tokens: false,
    };
    let wanted = Wanted {
        attributes: request.attributes.clone(),
        keep: request.keep.clone(),
        settings: request.settings.clone().unwrap_or_default(),
        seeds: seeds(&request.seeds, most_faces(api)),
        stream: Ok(stream),
        from: request.from.clone(),
    };
    match (wanted.check(api, arrived), Pictures::check(request)) {
        (Ok(faces), Ok(pictures)) => Ok((faces, pictures)),
        (faces, pictures) => {
            let wrong = [faces.err(), pictures.err()];
            Err(wrong.into_iter().flatten().collect())
        }
    }
}

fn seeds(asked: &[u64], most: usize) -> Result<Vec<u64>, Violations> {
    if asked.is_empty() {
        return Ok(vec![0]);
    }
    if asked.len() > most {
        let wrong = format_args!("expected at most {most}, got {}", asked.len());
        return Err(Violations::one("seeds", wrong));
    }
    let mut known = HashSet::new();
    let repeated = asked.iter().position(|seed| !known.insert(seed));
    match repeated {
        Some(at) => {
            let wrong = format_args!("expected another seed than those before, got {}", asked[at]);
            Err(Violations::one(format!("seeds[{at}]"), wrong))
        }
        None => Ok(asked.to_vec()),
    }
}

/// How finished faces are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pictures {
    /// In pixels; `None`: that of the faces.
    side: Option<u32>,
    format: PictureFormat,
}

impl Pictures {
    fn check(request: &GenerateFaceRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let format = match FileFormat::try_from(request.format) {
            Ok(FileFormat::Unspecified | FileFormat::Png) => PictureFormat::Png,
            Ok(FileFormat::Jpeg) => PictureFormat::Jpeg,
            Ok(FileFormat::Webp) => PictureFormat::WebP,
            Err(_) => {
                violations.add("format", format_args!("unknown value {}", request.format));
                PictureFormat::Png
            }
        };
        if let Some(side) = request.size.filter(|side| !SIDES.contains(side)) {
            let (least, most) = (SIDES.start(), SIDES.end());
            violations.add(
                "size",
                format_args!("expected {least} to {most} pixels, got {side}"),
            );
        }
        let side = request.size.and_then(|side| u32::try_from(side).ok());
        violations.or(Self { side, format })
    }

    /// A finished face.
    fn face(
        &self,
        asked: &GenerateFaceRequest,
        started: &v1::Started,
        result: v1::Result,
        seed: u64,
    ) -> Result<GeneratedFace, Refusal> {
        let face = pixels(result.image)?;
        let side = self.side.unwrap_or(face.width());
        let (times, rest) = (side / face.width(), side % face.width());
        let request = GenerateRequest {
            attributes: asked.attributes.clone(),
            settings: asked.settings.clone(),
            seed,
            keep: asked.keep.clone(),
            from: asked.from.clone(),
            ..Default::default()
        };
        let about = Recipe::generated(&request)
            .and_then(|recipe| recipe.about(started, (rest == 0).then_some(times)))
            .map_err(|e: JsonError| Refusal::Internal(e.to_string()))?;
        let picture = resized(&face, [side, side]);
        let picture = encode_picture(&picture, self.format, &about)
            .map_err(|e| Refusal::Internal(format!("cannot encode the picture: {e}")))?;
        Ok(GeneratedFace {
            seed,
            picture,
            media_type: self.format.media_type().to_owned(),
            loss: result.loss,
            attributes: result.attributes,
            moved: result.moved,
            similarity: result.similarity,
        })
    }
}

/// The pixels of a result.
fn pixels(image: Option<v1::Image>) -> Result<RgbImage, Refusal> {
    let tensor = match image.and_then(|image| image.content) {
        Some(Content::Tensor(tensor)) => Array::try_from(&tensor).map_err(OracleError::from)?,
        _ => return Err(Refusal::Internal("a face without pixels".into())),
    };
    let side = tensor.shape.last().and_then(|&side| side.try_into().ok());
    let side = side.ok_or_else(|| Refusal::Internal("a face without a size".into()))?;
    Ok(image_of(&tensor.data, [side, side]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_and_pictures_are_checked() {
        assert_eq!(seeds(&[], 4).unwrap(), [0]);
        assert_eq!(seeds(&[7, u64::MAX], 4).unwrap(), [7, u64::MAX]);
        let field = |wrong: Violations| wrong.iter().map(|(f, _)| f.to_owned()).collect::<Vec<_>>();
        assert_eq!(field(seeds(&[1, 2, 3], 2).unwrap_err()), ["seeds"]);
        assert_eq!(field(seeds(&[1, 2, 1], 4).unwrap_err()), ["seeds[2]"]);
        let pictures = |size, format| {
            Pictures::check(&GenerateFaceRequest {
                size,
                format,
                ..Default::default()
            })
        };
        let natural = Pictures {
            side: None,
            format: PictureFormat::Png,
        };
        assert_eq!(pictures(None, 0).unwrap(), natural);
        let jpeg = pictures(Some(1024), FileFormat::Jpeg.into()).unwrap();
        assert_eq!((jpeg.side, jpeg.format), (Some(1024), PictureFormat::Jpeg));
        assert_eq!(field(pictures(Some(0), 9).unwrap_err()), ["format", "size"]);
        assert_eq!(field(pictures(Some(-1), 0).unwrap_err()), ["size"]);
        assert_eq!(field(pictures(Some(1025), 0).unwrap_err()), ["size"]);
    }
}
