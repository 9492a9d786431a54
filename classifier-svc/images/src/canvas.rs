//! From the rows of a file to pixels: to sRGB, over white, and reduced, one row at a time.

use image::RgbImage;
use image::metadata::Orientation;

use crate::colour::{Colours, Model, Sample, Transform};

/// What is behind a transparent pixel: white, as in most viewers and on paper.
const BEHIND: u32 = 255;

/// Takes the rows of a file, from the top, and becomes an image.
pub(crate) struct Canvas<T> {
    width: usize,
    height: usize,
    by: usize,
    model: Model,
    transform: Option<(Model, Transform<T>)>,
    /// A row as the transformation takes it, and as it gives it back.
    taken: Vec<T>,
    given: Vec<T>,
    /// A row of RGB.
    row: Vec<u8>,
    /// Sums, sample by sample, over the rows that become one, and how many rows there are so far.
    sums: Vec<u32>,
    summed: usize,
    rows: usize,
    /// Of every pixel, 0 to 255.
    opacity: u64,
    pixels: Vec<u8>,
}

/// A finished canvas.
pub(crate) struct Painted {
    pub(crate) pixels: RgbImage,
    /// Mean over all pixels, 0 to 1.
    pub(crate) transparency: f32,
}

/// What decoders give back: pixels as stored, and how to turn them.
pub(crate) struct Stored {
    pub(crate) painted: Painted,
    pub(crate) orientation: Orientation,
}

impl Painted {
    /// Pixels that are finished as they were decoded.
    pub(crate) fn opaque(width: u32, height: u32, rgb: Vec<u8>) -> Option<Self> {
        Some(Self {
            pixels: RgbImage::from_raw(width, height, rgb)?,
            transparency: 0.0,
        })
    }
}

impl<T: Sample> Canvas<T> {
    /// For `height` rows of `width` pixels, reduced by `by` a side.
    pub(crate) fn new(width: u32, height: u32, by: u32, model: Model, colours: &Colours) -> Self {
        let (width, height, by) = (width as usize, height as usize, by as usize);
        let columns = width.div_ceil(by);
        Self {
            width,
            height,
            by,
            model,
            transform: colours.transform(model),
            taken: Vec::new(),
            given: Vec::new(),
            row: vec![0; 3 * width],
            sums: vec![0; if by > 1 { 3 * width } else { 0 }],
            summed: 0,
            rows: 0,
            opacity: 0,
            pixels: Vec::with_capacity(3 * columns * height.div_ceil(by)),
        }
    }

    /// Adds a row. What is beyond the height is left out.
    pub(crate) fn push(&mut self, samples: &[T]) {
        if self.rows == self.height || samples.len() != self.width * self.model.channels() {
            return;
        }
        self.rows += 1;
        match self.transformed(samples) {
            Some(model) => {
                let given = std::mem::take(&mut self.given);
                self.opacity += to_rgb(&given, model, &mut self.row);
                self.given = given;
            }
            None => self.opacity += to_rgb(samples, self.model, &mut self.row),
        }
        if self.by == 1 {
            self.pixels.extend_from_slice(&self.row);
        } else {
            self.reduce();
        }
    }

    /// The image, if all rows were pushed.
    pub(crate) fn finish(self) -> Option<Painted> {
        let (columns, rows) = (self.width.div_ceil(self.by), self.height.div_ceil(self.by));
        let all = (self.width * self.height).max(1) as f64 * 255.0;
        Some(Painted {
            pixels: RgbImage::from_raw(columns as u32, rows as u32, self.pixels)?,
            transparency: (1.0 - self.opacity as f64 / all) as f32,
        })
    }

    /// Transforms a row to sRGB in `given`, and returns its model there; `None` where there is nothing to do.
    fn transformed(&mut self, samples: &[T]) -> Option<Model> {
        let (takes, transform) = self.transform.as_ref()?;
        self.taken.clear();
        match (self.model, takes) {
            (Model::Grey, Model::Rgb) => self.taken.extend(samples.iter().flat_map(|&g| [g; 3])),
            (Model::GreyAlpha, Model::Rgba) => {
                let pixels = samples.chunks_exact(2);
                self.taken
                    .extend(pixels.flat_map(|p| [p[0], p[0], p[0], p[1]]));
            }
            // Profiles speak of ink.
            (Model::Cmyk, _) => self.taken.extend(samples.iter().map(|s| s.inverted())),
            _ => self.taken.extend_from_slice(samples),
        }
        let gives = if takes.has_alpha() {
            Model::Rgba
        } else {
            Model::Rgb
        };
        self.given.clear();
        self.given
            .resize(self.width * gives.channels(), T::default());
        transform.transform(&self.taken, &mut self.given).ok()?;
        Some(gives)
    }

    /// Adds the row to the sums; the last row of a square gives a row of pixels.
    fn reduce(&mut self) {
        for (sum, &value) in self.sums.iter_mut().zip(&self.row) {
            *sum += u32::from(value);
        }
        self.summed += 1;
        if self.summed < self.by && self.rows < self.height {
            return;
        }
        for pixels in self.sums.chunks(3 * self.by) {
            let count = (pixels.len() / 3 * self.summed) as u32;
            let mut sums = [0; 3];
            for pixel in pixels.chunks_exact(3) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += value;
                }
            }
            self.pixels
                .extend(sums.map(|sum| ((sum + count / 2) / count) as u8));
        }
        self.sums.fill(0);
        self.summed = 0;
    }
}

/// Pixels of a model to RGB, over what is behind them. Returns the sum of their opacities, 0 to 255 each.
fn to_rgb<T: Sample>(samples: &[T], model: Model, row: &mut [u8]) -> u64 {
    let pixels = row.chunks_exact_mut(3);
    let count = pixels.len() as u64;
    let mut opacity = 255 * count;
    match model {
        Model::Grey => {
            for (to, grey) in pixels.zip(samples) {
                to.fill(grey.eight());
            }
        }
        Model::Rgb => {
            for (to, from) in row.iter_mut().zip(samples) {
                *to = from.eight();
            }
        }
        Model::GreyAlpha => {
            opacity = 0;
            for (to, from) in pixels.zip(samples.chunks_exact(2)) {
                opacity += blend(to, [from[0]; 3], from[1]);
            }
        }
        Model::Rgba => {
            opacity = 0;
            for (to, from) in pixels.zip(samples.chunks_exact(4)) {
                opacity += blend(to, [from[0], from[1], from[2]], from[3]);
            }
        }
        Model::Cmyk => {
            for (to, from) in pixels.zip(samples.chunks_exact(4)) {
                for (to, light) in to.iter_mut().zip(from) {
                    *to = times(light.eight(), from[3].eight());
                }
            }
        }
    }
    opacity
}

fn blend<T: Sample>(to: &mut [u8], colour: [T; 3], alpha: T) -> u64 {
    let alpha = u32::from(alpha.eight());
    for (to, value) in to.iter_mut().zip(colour) {
        *to = ((u32::from(value.eight()) * alpha + BEHIND * (255 - alpha) + 127) / 255) as u8;
    }
    alpha.into()
}

/// The product of two parts of 255, rounded.
fn times(a: u8, b: u8) -> u8 {
    let t = u32::from(a) * u32::from(b) + 128;
    ((t + (t >> 8)) >> 8) as u8
}
