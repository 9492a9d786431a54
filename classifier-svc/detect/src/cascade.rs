//! The detector, level by level.

use std::sync::LazyLock;

use image::{GrayImage, Luma, RgbImage, imageops};
use rustface::{FaceInfo, ImageData, Model};

use crate::merge::Window;
use crate::pyramid::{Level, WINDOW, levels};

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let file = include_bytes!("../../../models/seeta_fd_frontal_v1.0.bin");
    rustface::read_model(&file[..]).expect("the built-in model is whole")
});

/// Pixels from one scanned window to the next.
const STRIDE: u32 = 4;

/// Pixels of grey added to the right of a level and below it.
///
/// `rustface` moves and stretches a window twice before it reads its pixels again, and reads memory that is not the
/// image's where the window then begins beyond the right or the lower border. A window of nothing but grey is dropped
/// before it is moved, so what is moved begins within the level. Of side w, it moves by at most w + (w - v) / 2 and
/// has side v <= 2 w then; and once more by at most v + v / 2. That is 3.5 w, and a pixel each for rounding.
const MARGIN: u32 = 7 * WINDOW / 2 + 4;

/// Every window of a photograph that the detector takes for a face, however low its score; one face has several.
pub(crate) fn windows(photograph: &RgbImage) -> Vec<Window> {
    let mut detector = rustface::create_detector_with_model(MODEL.clone());
    detector.set_slide_window_step(STRIDE, STRIDE);
    // With its own pyramid the margin would have to be that of its largest window, so it gets one size at a time.
    detector.set_max_face_size(WINDOW);
    detector.set_score_thresh(f64::MIN_POSITIVE);
    let of_level = |level: Level| {
        let framed = with_margin(&level.image);
        let image = ImageData::new(framed.as_raw(), framed.width(), framed.height());
        let found = detector.detect(&image).into_iter();
        found.map(move |face| in_photograph(&face, level.scale()))
    };
    let windows = levels(photograph).flat_map(of_level);
    windows
        .filter(|window| within(window, photograph.dimensions()))
        .collect()
}

/// Whether most of a window can be seen.
fn within(window: &Window, (width, height): (u32, u32)) -> bool {
    let (width, height) = (width as f32, height as f32);
    (0.0..width).contains(&window.x)
        && (0.0..height).contains(&window.y)
        && window.side <= width.max(height)
}

/// The level with grey around its lower right corner.
fn with_margin(level: &GrayImage) -> GrayImage {
    let sum: u64 = level.iter().map(|&grey| u64::from(grey)).sum();
    let mean = (sum / level.len().max(1) as u64) as u8;
    let (width, height) = level.dimensions();
    let mut framed = GrayImage::from_pixel(width + MARGIN, height + MARGIN, Luma([mean]));
    imageops::replace(&mut framed, level, 0, 0);
    framed
}

fn in_photograph(face: &FaceInfo, (across, down): (f32, f32)) -> Window {
    let (place, half) = (face.bbox(), face.bbox().width() as f32 / 2.0);
    Window {
        x: (place.x() as f32 + half) * across,
        y: (place.y() as f32 + half) * down,
        side: half * (across + down),
        score: face.score() as f32,
    }
}
