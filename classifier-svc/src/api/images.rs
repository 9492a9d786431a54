//! Images from the wire: checked, decoded, framed and scaled to the network's input.

use std::sync::Arc;

use deepface_dataset::{Framing, ImageLimits, decode, face_pixels};
use deepface_proto::v1::image::Content;
use deepface_proto::{Array, v1};
use deepface_serve::{Deadline, Violations};
use image::RgbImage;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use super::layers::tensor;
use super::status::Refusal;
use super::{Classifier, Limits};
use crate::batch::EngineError;

/// Checks how many images a request has.
///
/// # Errors
/// None or too many.
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

/// The pixels of named images, `[n, 3, size, size]`, 0 to 1.
///
/// Decoding is slow and wants memory, so it runs beside the async threads and only so many at once. A caller that
/// goes away stops it at the next image. The wait for a decoder ends with the deadline.
///
/// # Errors
/// The deadline has passed, or an image is not what it should be: every one that is not gets its violation.
pub(super) async fn pixels(
    api: &Classifier,
    images: Vec<(String, v1::Image)>,
    size: usize,
    deadline: Deadline,
) -> Result<Vec<f32>, Refusal> {
    let mut all = Vec::with_capacity(images.len() * 3 * size * size);
    let mut violations = Violations::new();
    for (field, image) in images {
        let limits = api.limits.image;
        let work = move || face(image, &field, limits, size);
        match decoded(&api.decoders, deadline, work).await? {
            Ok(pixels) => all.extend(pixels),
            Err(wrong) => violations.extend(wrong),
        }
    }
    Ok(violations.or(all)?)
}

async fn decoded<T: Send + 'static>(
    decoders: &Arc<Semaphore>,
    deadline: Deadline,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let permit = timeout_at(deadline.at(), decoders.clone().acquire_owned()).await;
    let permit = permit.map_err(|_| EngineError::Expired)?;
    let permit = permit.map_err(|_| Refusal::Internal("the decoders are closed"))?;
    let work = move || {
        // Held until the work is done, even where nobody waits for it any more.
        let _permit = permit;
        work()
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Refusal::Internal("decoding an image failed"))
}

/// The pixels of one image.
fn face(
    image: v1::Image,
    field: &str,
    limits: ImageLimits,
    size: usize,
) -> Result<Vec<f32>, Violations> {
    let framing = v1::Framing::try_from(image.framing).map_err(|_| {
        let (field, got) = (format!("{field}.framing"), image.framing);
        Violations::one(field, format_args!("unknown value {got} of Framing"))
    })?;
    match image.content {
        None => Err(Violations::one(
            field,
            "expected encoded or tensor, got neither",
        )),
        Some(Content::Encoded(file)) => {
            let image = decode(&file, limits)
                .map_err(|e| Violations::one(format!("{field}.encoded"), e))?;
            let framing = frame(framing, Framing::Aligned);
            Ok(face_pixels(&image, framing, size))
        }
        Some(Content::Tensor(t)) => {
            let field = format!("{field}.tensor");
            let array = tensor(Some(&t), &field)?;
            let framing = frame(framing, Framing::Face);
            from_tensor(array, framing, &field, limits, size)
        }
    }
}

fn frame(framing: v1::Framing, default: Framing) -> Framing {
    match framing {
        v1::Framing::Unspecified => default,
        v1::Framing::Aligned => Framing::Aligned,
        v1::Framing::Face => Framing::Face,
    }
}

/// A face of the network's size is taken value by value; all else is rounded to bytes and scaled as a file is.
fn from_tensor(
    array: Array,
    framing: Framing,
    field: &str,
    limits: ImageLimits,
    size: usize,
) -> Result<Vec<f32>, Violations> {
    let (width, height) = check_tensor(&array, field, limits)?;
    if framing == Framing::Face && array.shape[1..] == [size, size] {
        return Ok(array.data);
    }
    let area = array.shape[1] * array.shape[2];
    let image = RgbImage::from_fn(width, height, |x, y| {
        let at = y as usize * width as usize + x as usize;
        // In 0..=255 because the values are in 0..=1.
        image::Rgb([0, 1, 2].map(|c| (array.data[c * area + at] * 255.0).round() as u8))
    });
    Ok(face_pixels(&image, framing, size))
}

/// Width and height of a tensor that is an image.
fn check_tensor(array: &Array, field: &str, limits: ImageLimits) -> Result<(u32, u32), Violations> {
    let side = |d: usize| u32::try_from(d).ok().filter(|&d| d <= limits.side);
    let sides = match *array.shape.as_slice() {
        [3, height, width] => side(width).zip(side(height)),
        _ => None,
    };
    let sides = sides.ok_or_else(|| {
        let (most, got) = (limits.side, &array.shape);
        Violations::one(
            format!("{field}.shape"),
            format_args!("expected [3, height, width], at most {most} a side, got {got:?}"),
        )
    })?;
    match array.data.iter().position(|x| !(0.0..=1.0).contains(x)) {
        None => Ok(sides),
        Some(i) => Err(Violations::one(
            format!("{field}.data"),
            format_args!("expected values 0 to 1, element {i} is {}", array.data[i]),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_decoder_is_waited_for_until_the_deadline() {
        let decoders = Arc::new(Semaphore::new(1));
        let held = decoders.clone().acquire_owned().await.unwrap();
        let soon = Deadline::after(Duration::from_millis(20));
        let refused = decoded(&decoders, soon, || 7).await;
        assert!(
            matches!(refused, Err(Refusal::Engine(EngineError::Expired))),
            "{refused:?}"
        );
        drop(held);
        let later = Deadline::after(Duration::from_secs(20));
        assert_eq!(decoded(&decoders, later, || 7).await.unwrap(), 7);
        assert_eq!(decoders.available_permits(), 1);
    }
}
