//! A labelled photograph: its file, its labels, and where the face is in it.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use deepface_images::{Framing, ImageError, ImageLimits, decode, face_pixels};
use image::{Rgb, RgbImage, imageops};

use crate::split::{Split, split_of};

/// Share of an aligned photograph's side that is kept around the face, so that views can be shifted, turned and scaled:
/// 200 of 250 pixels, where the face is 160.
const KEPT: f32 = 0.8;
/// Sides of the face with that margin, over those of the face.
const MARGIN: f64 = 1.25;
/// Size of CelebA's aligned photographs, and the square in them that shows as much of a face as the central 160 of 250
/// pixels of LFW's: the distance between the eyes (39 pixels instead of 42) is the same share of its side, and the eyes are
/// at the same height.
const CELEBA: [u32; 2] = [178, 218];
const CELEBA_SIDE: f64 = 146.0;
const CELEBA_TOP: f64 = 49.0;

/// Where the face is in the photographs of a data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Crop {
    /// The central 160 of 250 pixels of each side, as in LFW deep-funneled.
    #[default]
    Lfw,
    /// As in CelebA's aligned photographs of 178x218 pixels, or of other sizes in this ratio; all others as
    /// [`Crop::Lfw`].
    Celeba,
    /// The whole photograph is the face.
    Whole,
}

/// One labelled photograph.
#[derive(Clone, Debug)]
pub struct Photograph {
    /// The file.
    pub path: PathBuf,
    /// The person, in folder spelling (`Aaron_Peirsol`), or the file where nobody says who it is.
    pub person: String,
    /// One label per attribute, in the order of the schema; false where the label file has no column for it.
    pub labels: Vec<bool>,
    /// The scores that the labels come from: above 0 is present.
    pub scores: Vec<f32>,
    /// Where the face is.
    pub crop: Crop,
    pub(crate) split: Split,
}

/// Why a photograph cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PhotographError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not an image.
    #[error("{path}: {source}")]
    Image {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: ImageError,
    },
}

impl Photograph {
    /// A photograph of a person with these labels, as in LFW.
    pub fn new(path: PathBuf, person: &str, labels: Vec<bool>) -> Self {
        let score = |&label: &bool| if label { 1.0 } else { -1.0 };
        Self {
            path,
            person: person.to_owned(),
            scores: labels.iter().map(score).collect(),
            labels,
            crop: Crop::Lfw,
            split: split_of(person),
        }
    }

    /// The split that the photograph belongs to: the person's, or the one that the data set states.
    pub fn split(&self) -> Split {
        self.split
    }

    /// What tells this photograph from others of a data set, wherever its folder is: its person, its file's name and its
    /// labels. A digest of all of them tells one data set from another.
    pub fn identity(&self) -> Vec<u8> {
        // Neither a name nor a label has this byte in it.
        let mut identity: Vec<u8> = self.person.bytes().chain([0]).collect();
        let file = self.path.file_name().unwrap_or_default();
        identity.extend(file.as_encoded_bytes().iter().chain(&[0]));
        identity.extend(self.labels.iter().map(|&l| if l { b'1' } else { b'0' }));
        identity
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn file(&self) -> Result<Vec<u8>, PhotographError> {
        fs::read(&self.path).map_err(|source| PhotographError::Read {
            path: self.path.clone(),
            source,
        })
    }

    /// Reads and decodes the file.
    ///
    /// # Errors
    /// It cannot be read, or is not an image within the limits of the services.
    pub fn image(&self) -> Result<RgbImage, PhotographError> {
        self.decoded(&self.file()?)
    }

    /// Decodes the bytes of the file.
    ///
    /// # Errors
    /// They are not an image within the limits of the services.
    pub fn decoded(&self, file: &[u8]) -> Result<RgbImage, PhotographError> {
        let wrong = |source| PhotographError::Image {
            path: self.path.clone(),
            source,
        };
        let photograph = decode(file, ImageLimits::default()).map_err(wrong)?;
        Ok(photograph.pixels)
    }

    /// The face in the decoded photograph, `[3, size, size]`, RGB, 0 to 1: what the service sees of it.
    pub fn face(&self, image: &RgbImage, size: usize) -> Vec<f32> {
        match region(self.crop, image) {
            None => face_pixels(image, Framing::Aligned, size),
            Some(region) => face_pixels(&region.cut(image), Framing::Face, size),
        }
    }

    /// The face alone where the services' own framing of aligned photographs would not find it.
    pub fn cut_face(&self, image: &RgbImage) -> Option<RgbImage> {
        region(self.crop, image).map(|region| region.cut(image))
    }

    /// The face with a quarter of its sides around it, `side` x `side` pixels.
    pub fn face_with_margin(&self, image: &RgbImage, side: u32) -> RgbImage {
        let kept = match region(self.crop, image) {
            None => {
                let (width, height) = image.dimensions();
                let (w, h) = ((width as f32 * KEPT) as u32, (height as f32 * KEPT) as u32);
                imageops::crop_imm(image, (width - w) / 2, (height - h) / 2, w, h).to_image()
            }
            Some(region) => region.enlarged(MARGIN).cut(image),
        };
        imageops::resize(&kept, side, side, imageops::FilterType::Triangle)
    }
}

/// A part of an image, in its pixels; it may reach over the border, where the pixels of the border repeat.
#[derive(Clone, Copy, Debug)]
struct Region {
    centre: [f64; 2],
    size: [f64; 2],
}

/// Where the face is; `None` for the framing of aligned photographs that the services have themselves.
fn region(crop: Crop, image: &RgbImage) -> Option<Region> {
    let (width, height) = image.dimensions();
    let [w, h] = [width, height].map(f64::from);
    match crop {
        Crop::Whole => Some(Region {
            centre: [w / 2.0, h / 2.0],
            size: [w, h],
        }),
        Crop::Celeba if width * CELEBA[1] == height * CELEBA[0] => {
            let scale = w / f64::from(CELEBA[0]);
            Some(Region {
                centre: [w / 2.0, (CELEBA_TOP + CELEBA_SIDE / 2.0) * scale],
                size: [CELEBA_SIDE * scale; 2],
            })
        }
        Crop::Lfw | Crop::Celeba => None,
    }
}

impl Region {
    fn enlarged(self, factor: f64) -> Self {
        Self {
            size: self.size.map(|s| s * factor),
            ..self
        }
    }

    fn cut(self, image: &RgbImage) -> RgbImage {
        let start = |i: usize| (self.centre[i] - self.size[i] / 2.0).round() as i64;
        let (left, top) = (start(0), start(1));
        let [width, height] = self.size.map(|s| (s.round() as u32).max(1));
        let within = |at: i64, side: u32| at.clamp(0, i64::from(side.max(1)) - 1) as u32;
        let (w, h) = image.dimensions();
        if w == 0 || h == 0 {
            return RgbImage::from_pixel(width, height, Rgb([0; 3]));
        }
        RgbImage::from_fn(width, height, |x, y| {
            let (x, y) = (left + i64::from(x), top + i64::from(y));
            *image.get_pixel(within(x, w), within(y, h))
        })
    }
}

impl FromStr for Crop {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "lfw" => Ok(Self::Lfw),
            "celeba" => Ok(Self::Celeba),
            "whole" => Ok(Self::Whole),
            _ => Err(format!("expected lfw, celeba or whole, got {word:?}")),
        }
    }
}

impl fmt::Display for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lfw => "lfw",
            Self::Celeba => "celeba",
            Self::Whole => "whole",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photograph(crop: Crop) -> Photograph {
        Photograph {
            crop,
            ..Photograph::new("a.jpg".into(), "Ada", vec![true])
        }
    }

    /// Red grows to the right and green downwards, a level per pixel.
    fn ramp(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 0]))
    }

    #[test]
    fn the_face_of_celeba_is_where_that_of_lfw_is() {
        let celeba = photograph(Crop::Celeba);
        let cut = celeba.cut_face(&ramp(178, 218)).unwrap();
        assert_eq!(cut.dimensions(), (146, 146));
        assert_eq!(cut.get_pixel(0, 0).0, [16, 49, 0]);
        // The eyes, on average at (69, 111) and (108, 111), are at 0.37, 0.63 and 0.42 of the sides.
        let at = |x: f64, y: f64| [(x - 16.0) / 146.0, (y - 49.0) / 146.0];
        for (x, expected) in [(69.0, 0.37), (108.0, 0.63)] {
            let [across, down] = at(x, 111.0);
            assert!((across - expected).abs() < 0.01 && (down - 0.42).abs() < 0.01);
        }
        let double = celeba.cut_face(&RgbImage::new(356, 436)).unwrap();
        assert_eq!(double.dimensions(), (292, 292));
        assert!(celeba.cut_face(&ramp(250, 250)).is_none());
    }

    #[test]
    fn a_margin_keeps_the_face_in_the_middle() {
        for (crop, width, height) in [
            (Crop::Lfw, 250, 250),
            (Crop::Celeba, 178, 218),
            (Crop::Whole, 100, 80),
        ] {
            let (p, image) = (photograph(crop), ramp(width, height));
            let (face, margin) = (p.face(&image, 64), p.face_with_margin(&image, 80));
            // The middle pixels of both are the same place.
            for (c, area) in [(0, 0), (1, 64 * 64)] {
                let inner = face[area + 32 * 64 + 32] * 255.0;
                let outer = f32::from(margin.get_pixel(40, 40).0[c]);
                assert!((inner - outer).abs() < 3.0, "{crop}: {inner} {outer}");
            }
        }
    }

    #[test]
    fn a_crop_is_known_by_its_name() {
        for crop in [Crop::Lfw, Crop::Celeba, Crop::Whole] {
            assert_eq!(crop.to_string().parse(), Ok(crop));
        }
        assert!(
            "square"
                .parse::<Crop>()
                .unwrap_err()
                .contains("got \"square\"")
        );
    }
}
