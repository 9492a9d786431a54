//! Drawn faces, as pixels, messages and files.

use deepface_client::{Array, tensor_image, v1};
use deepface_images::image_of;

/// Pixels of a drawn face, `[3, size, size]`, 0 to 1: skin, eyes and a mouth, differing by seed, with grain. The
/// tests compare services with themselves and need no photograph. The grain avoids ties in max-pooling, where gradients
/// are undefined.
pub fn face_pixels(size: usize, seed: u64) -> Array {
    let vary = |k: u64| (seed.wrapping_mul(k).wrapping_add(k / 3) % 97) as f32 / 97.0;
    let skin = [
        0.55 + 0.4 * vary(31),
        0.4 + 0.3 * vary(57),
        0.3 + 0.3 * vary(73),
    ];
    let (width, mouth) = (0.30 + 0.12 * vary(11), 0.68 + 0.06 * vary(23));
    let ellipse = |x: f32, y: f32, cx: f32, cy: f32, rx: f32, ry: f32| {
        let (dx, dy) = ((x - cx) / rx, (y - cy) / ry);
        (3.0 * (1.0 - dx * dx - dy * dy)).clamp(0.0, 1.0)
    };
    let mut data = Vec::with_capacity(3 * size * size);
    for (c, skin) in skin.into_iter().enumerate() {
        for i in 0..size * size {
            let x = ((i % size) as f32 + 0.5) / size as f32;
            let y = ((i / size) as f32 + 0.5) / size as f32;
            let mut value = 0.15 + 0.2 * y;
            let mut paint = |share: f32, colour: f32| value += share * (colour - value);
            paint(ellipse(x, y, 0.5, 0.5, width, 0.45), skin * (1.1 - 0.3 * y));
            paint(ellipse(x, y, 0.36, 0.42, 0.07, 0.04), 0.1);
            paint(ellipse(x, y, 0.64, 0.42, 0.07, 0.04), 0.1);
            paint(ellipse(x, y, 0.5, mouth, 0.13, 0.04), [0.6, 0.2, 0.2][c]);
            data.push((value + 0.05 * grain(seed, data.len())).clamp(0.0, 1.0));
        }
    }
    Array::new(vec![3, size, size], data).expect("the shape is the number of values")
}

/// Noise, -1 to 1.
fn grain(seed: u64, i: usize) -> f32 {
    let mut hash = (seed << 32 | i as u64)
        .wrapping_add(1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ (hash >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (hash >> 40) as f32 / (1u32 << 23) as f32 - 1.0
}

/// A drawn face as a message.
pub fn face_image(size: usize, seed: u64) -> v1::Image {
    tensor_image(&face_pixels(size, seed), v1::Framing::Face)
}

/// Encodes pixels, `[3, height, width]`, as PNG.
pub fn png(pixels: &Array) -> Vec<u8> {
    let [3, height, width] = pixels.shape[..] else {
        panic!("expected [3, height, width], got {:?}", pixels.shape);
    };
    let sides = [height, width].map(|side| side as u32);
    deepface_images::png(&image_of(&pixels.data, sides)).expect("memory takes a PNG")
}

/// Largest absolute difference over the largest absolute value of the second.
pub fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(f32::MIN_POSITIVE, |m, x| m.max(x.abs()));
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max) / largest
}
