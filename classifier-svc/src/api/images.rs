//! Images from the wire: checked, decoded, framed and scaled to the network's input.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use deepface_images::{Framing, ImageLimits, decode, image_of, peek};
use deepface_proto::v1::image::Content;
use deepface_proto::{Array, v1};
use deepface_serve::{Held, Violations};
use tokio::sync::oneshot;

use super::decoders::{Decoders, Turn, is_large};
use super::faces::{Cut, CutOut, Face, Wanted, cut_out};
use super::layers::tensor;
use super::status::Refusal;
use super::{Classifier, Limits, warnings};
use crate::batch::{Call, Claim, Kind};
use crate::metrics::timed;
use crate::priority::give_way;

/// Pixels a side of a tensor that is an image, at most.
const TENSOR_SIDE: u32 = 4096;

/// Checks how many images a request has.
///
/// # Errors
/// There are no images, or too many.
pub(super) fn check_count(n: usize, limits: &Limits) -> Result<(), Violations> {
    let most = limits.images;
    match n {
        1.. if n <= most => Ok(()),
        _ => Err(Violations::one(
            "images",
            format_args!("expected 1 to {most} images, got {n}"),
        )),
    }
}

/// The faces of a request's images, in their order.
pub(super) struct Faces {
    /// `[n, 3, size, size]`, 0 to 1.
    pub(super) pixels: Vec<f32>,
    /// The origin of each of the n faces.
    pub(super) origins: Vec<Origin>,
    /// The images that have no face or could not be used, by their number in the request.
    pub(super) refused: Vec<(usize, Violations)>,
    /// What the network is to do with them.
    pub(super) claim: Claim,
    /// The memory of the pixels.
    held: Held,
}

/// The origin of a face.
pub(super) struct Origin {
    /// Number of the image in the request.
    pub(super) image: usize,
    /// Where it was found there, if it was detected.
    pub(super) found: Option<v1::FaceBox>,
    /// How many faces were detected there; 0 where none was looked for.
    pub(super) faces: usize,
    /// What a caller should know.
    pub(super) warnings: Vec<v1::Warning>,
}

/// The faces of named images, those of one image the largest first, for work of a kind.
///
/// Decoding is slow and takes memory, so it runs outside the async threads and only a few at a time. When the caller
/// goes away, it stops at the next image.
///
/// # Errors
/// The call could not be answered before its deadline, or too much waits. An image that can't be used is not an error
/// here: see [`Faces::refused`].
pub(super) async fn faces(
    api: &Classifier,
    (call, kind): (&Call, Kind),
    images: Vec<(String, v1::Image)>,
    wanted: Wanted,
) -> Result<Faces, Refusal> {
    let came = images.iter().map(|(_, image)| bytes_of(image)).sum();
    let (undecoded, refused) = checked(images, api.limits);
    let pixels = undecoded.iter().map(|image| image.pixels).sum();
    call.allowance.take(pixels)?;
    let n = undecoded.len();
    let claim = api.engine.claim(kind, call, n, expected(api, &undecoded))?;
    let compute = api.engine.expected(kind, n);
    // For the whole request, as images that are done with are few.
    let held = api.memory.hold(&call.caller, came);
    let held = held.map_err(|_| Refusal::Memory)?;
    let faces = Faces {
        pixels: Vec::with_capacity(n * 3 * wanted.size * wanted.size),
        origins: Vec::with_capacity(n),
        refused,
        claim,
        held,
    };
    let waits = Arc::new(());
    let mut work = Work {
        faces,
        undecoded,
        waits: Arc::downgrade(&waits),
    };
    while let Some(next) = work.undecoded.front() {
        let [small, large] = expected(api, &work.undecoded);
        let left = small + large + compute;
        let turn = api.decoders.turn(call, next.pixels, left).await?;
        let (limits, decoders) = (api.limits, api.decoders.clone());
        work = aside(turn, move |turn| {
            work.decode(turn, &decoders, &limits, wanted)
        })
        .await??;
    }
    let mut faces = work.faces;
    faces.refused.sort_by_key(|&(image, _)| image);
    Ok(faces)
}

/// An image that is still to be decoded.
struct Undecoded {
    /// Number in the request.
    number: usize,
    field: String,
    image: v1::Image,
    /// What decoding costs.
    pixels: u64,
}

/// The images that decoding is tried for, and those that are too much.
fn checked(
    images: Vec<(String, v1::Image)>,
    limits: Limits,
) -> (VecDeque<Undecoded>, Vec<(usize, Violations)>) {
    let (mut undecoded, mut refused) = (VecDeque::with_capacity(images.len()), Vec::new());
    let mut all = 0;
    for (number, (field, image)) in images.into_iter().enumerate() {
        let pixels = pixels_of(&image, limits.image);
        all += pixels;
        if all > limits.request_pixels {
            refused.push((number, too_many_pixels(&field, limits)));
            continue;
        }
        let pixels = pixels.max(tensor_pixels(&image));
        undecoded.push_back(Undecoded {
            number,
            field,
            image,
            pixels,
        });
    }
    (undecoded, refused)
}

/// The time that decoding is expected to take, of small images and of large ones.
fn expected(api: &Classifier, images: &VecDeque<Undecoded>) -> [Duration; 2] {
    let mut time = [Duration::ZERO; 2];
    for image in images {
        time[usize::from(is_large(image.pixels))] += api.decoders.expected(image.pixels);
    }
    time
}

/// The images of a request on their way through the decoders.
struct Work {
    faces: Faces,
    undecoded: VecDeque<Undecoded>,
    /// Gone when the caller no longer waits.
    waits: Weak<()>,
}

impl Work {
    /// Decodes the next image, and those behind it as long as nobody goes before them.
    ///
    /// # Errors
    /// There is no memory for the faces.
    fn decode(
        mut self,
        turn: &Turn,
        decoders: &Decoders,
        limits: &Limits,
        wanted: Wanted,
    ) -> Result<Self, Refusal> {
        while let Some(next) = self.undecoded.pop_front() {
            let Undecoded {
                number,
                field,
                image,
                pixels,
            } = next;
            let (found, took) = timed(|| faces_of(image, &field, limits.image, wanted));
            match found {
                Ok(found) => {
                    decoders.learn(pixels, took);
                    self.faces.append(number, found, &field, limits)?;
                }
                Err(wrong) => self.faces.refused.push((number, wrong)),
            }
            let waits = self.waits.strong_count() > 0;
            let next = self.undecoded.front().filter(|_| waits);
            if !next.is_some_and(|next| turn.goes_on(next.pixels)) {
                break;
            }
        }
        Ok(self)
    }
}

/// Works outside the async threads. Large images have a thread of their own, which gives way to all other work.
async fn aside<T: Send + 'static>(
    turn: Turn,
    work: impl FnOnce(&Turn) -> T + Send + 'static,
) -> Result<T, Refusal> {
    let failed = || Refusal::Internal("decoding an image failed");
    if !turn.large() {
        // The turn is held until the work is done, even if the caller no longer waits.
        let done = tokio::task::spawn_blocking(move || work(&turn));
        return done.await.map_err(|_| failed());
    }
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name("large-image".into());
    let started = thread.spawn(move || {
        give_way();
        done.send(work(&turn)).ok();
    });
    started.map_err(|_| failed())?;
    result.await.map_err(|_| failed())
}

/// The content of an image as it came.
fn bytes_of(image: &v1::Image) -> usize {
    match &image.content {
        Some(Content::Encoded(file)) => file.len(),
        Some(Content::Tensor(tensor)) => tensor.data.len(),
        None => 0,
    }
}

/// Pixels that decoding a file will take, by its header; 0 where it will be refused anyway.
fn pixels_of(image: &v1::Image, limits: ImageLimits) -> u64 {
    match &image.content {
        Some(Content::Encoded(file)) => peek(file, limits)
            .map(|header| header.pixels())
            .ok()
            .filter(|&pixels| pixels <= limits.pixels)
            .unwrap_or(0),
        _ => 0,
    }
}

/// Pixels of a tensor, at most.
fn tensor_pixels(image: &v1::Image) -> u64 {
    match &image.content {
        Some(Content::Tensor(tensor)) => tensor.data.len() as u64 / 3,
        _ => 0,
    }
}

fn too_many_pixels(field: &str, limits: Limits) -> Violations {
    Violations::one(
        format!("{field}.encoded"),
        format_args!(
            "expected at most {} pixels in all images of a request, got more with this one: send it in another request",
            limits.request_pixels
        ),
    )
}

impl Faces {
    fn append(
        &mut self,
        image: usize,
        found: CutOut,
        field: &str,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let (most, before) = (limits.faces, self.origins.len());
        if before + found.faces.len() > most {
            let wrong = Violations::one(
                field,
                format_args!(
                    "expected at most {most} faces in all images of a request; this one has {}, those before it {before}: \
                     send it in another request",
                    found.faces.len()
                ),
            );
            self.refused.push((image, wrong));
            return Ok(());
        }
        let values: usize = found.faces.iter().map(|face| face.pixels.len()).sum();
        if self.held.grow(4 * values).is_err() {
            return Err(Refusal::Memory);
        }
        let faces = found.found;
        for face in found.faces {
            self.pixels.extend(face.pixels);
            self.origins.push(Origin {
                image,
                found: face.found,
                faces,
                warnings: face.warnings,
            });
        }
        Ok(())
    }

    /// All faces of all images.
    ///
    /// # Errors
    /// Some images can't be used.
    pub(super) fn complete(self) -> Result<Self, Violations> {
        match self.refused.is_empty() {
            true => Ok(self),
            false => Err(self.refused.into_iter().map(|(_, wrong)| wrong).collect()),
        }
    }

    /// Whatever can be used of `images` images. A single image that can't be used is the fault of the request.
    ///
    /// # Errors
    /// There is a single image, and it can't be used.
    pub(super) fn usable_of(self, images: usize) -> Result<Self, Violations> {
        match images {
            1 => self.complete(),
            _ => Ok(self),
        }
    }
}

/// The faces of one image.
fn faces_of(
    image: v1::Image,
    field: &str,
    limits: ImageLimits,
    wanted: Wanted,
) -> Result<CutOut, Violations> {
    match image.content {
        None => Err(Violations::one(
            field,
            "expected `encoded` or `tensor`, got neither",
        )),
        Some(Content::Encoded(ref file)) => {
            let cut = cut(&image, Framing::Aligned, field)?;
            let photograph =
                decode(file, limits).map_err(|e| Violations::one(format!("{field}.encoded"), e))?;
            let mut cut_out = cut_out(&photograph, cut, wanted, field)?;
            for face in &mut cut_out.faces {
                let transparent = warnings::transparent(photograph.transparency);
                face.warnings.extend(transparent);
            }
            Ok(cut_out)
        }
        Some(Content::Tensor(ref t)) => {
            let cut = cut(&image, Framing::Face, field)?;
            let name = format!("{field}.tensor");
            let array = tensor(Some(t), &name)?;
            let sides = check_tensor(&array, &name)?;
            // A face of the network's size is used as it is; everything else is rounded and scaled like a file.
            if cut == Cut::Framed(Framing::Face) && array.shape[1..] == [wanted.size, wanted.size] {
                return Ok(Face::as_it_is(array.data).into());
            }
            // A program made it and knows what it shows.
            let wanted = Wanted {
                check: false,
                ..wanted
            };
            cut_out(&image_of(&array.data, sides), cut, wanted, field)
        }
    }
}

/// How the faces are cut out of an image, by what the request says, or by `default` where it says nothing.
fn cut(image: &v1::Image, default: Framing, field: &str) -> Result<Cut, Violations> {
    let framing = v1::Framing::try_from(image.framing).map_err(|_| {
        let (field, got) = (format!("{field}.framing"), image.framing);
        Violations::one(field, format_args!("unknown value {got} of Framing"))
    })?;
    let number = || image.face.map(|i| usize::try_from(i).map_err(|_| i));
    let wrong = |what: String| Err(Violations::one(format!("{field}.face"), what));
    let framing = match framing {
        v1::Framing::Detect => {
            return match number().transpose() {
                Ok(number) => Ok(Cut::Detected(number)),
                Err(got) => wrong(format!("expected 0 or more, got {got}")),
            };
        }
        v1::Framing::Unspecified => default,
        v1::Framing::Aligned => Framing::Aligned,
        v1::Framing::Face => Framing::Face,
    };
    match number() {
        None => Ok(Cut::Framed(framing)),
        Some(_) => wrong("expected FRAMING_DETECT with it: other framings have one face".into()),
    }
}

/// Height and width of a tensor that is an image.
fn check_tensor(array: &Array, field: &str) -> Result<[u32; 2], Violations> {
    let side = |d: usize| u32::try_from(d).ok().filter(|&d| d <= TENSOR_SIDE);
    let sides = match *array.shape.as_slice() {
        [3, height, width] => side(height).zip(side(width)),
        _ => None,
    };
    let sides = sides.ok_or_else(|| {
        let (most, got) = (TENSOR_SIDE, &array.shape);
        Violations::one(
            format!("{field}.shape"),
            format_args!("expected [3, height, width], at most {most} a side, got {got:?}"),
        )
    })?;
    match array.data.iter().position(|x| !(0.0..=1.0).contains(x)) {
        None => Ok(sides.into()),
        Some(i) => Err(Violations::one(
            format!("{field}.data"),
            format_args!("expected values 0 to 1, element {i} is {}", array.data[i]),
        )),
    }
}
