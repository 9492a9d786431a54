//! The held-out photographs: those whose attributes are asked for, and those that realism is measured from.

use std::collections::HashSet;
use std::fs;

use deepface_attributes::{ATTRIBUTE_COUNT, AttributeId};
use deepface_client::{ClientError, Code, GeneratorClient, v1};
use deepface_dataset::{Dataset, Photograph, Split};
use deepface_images::{Framing, ImageLimits, decode, face_pixels};
use image::RgbImage;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::EvaluateError;
use deepface_files::sha256_of;

/// Photographs that realism is measured from, where there are as many.
const REFERENCES: usize = 600;

/// A photograph's face and its labels.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Name of the file, without its folder.
    pub(crate) file: String,
    /// In the order of [`deepface_attributes::AttributeId::all`].
    pub(crate) labels: [bool; ATTRIBUTE_COUNT],
    /// What a network looks at of the photograph.
    pub(crate) face: RgbImage,
}

/// The photographs of an evaluation, all of people that nothing was fitted to.
#[derive(Clone, Debug)]
pub(crate) struct Photographs {
    /// One of each person: their attributes are asked for.
    pub(crate) sources: Vec<Subject>,
    /// Others, at most 600.
    pub(crate) references: Vec<Subject>,
    /// SHA-256 over files and labels of the sources and the references.
    pub(crate) digest: String,
}

/// Which photographs an evaluation is of.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    sources: Vec<Photograph>,
    references: Vec<Photograph>,
}

impl Choice {
    /// Chooses `sets` sources by `seed`, all of other people, and the references from what is left. A photograph whose
    /// labels contradict each other cannot be asked for and is no source.
    ///
    /// # Errors
    /// Fewer people are held out, too little is left for references, or the generator fails.
    pub(crate) async fn of(
        data: &Dataset,
        generator: &GeneratorClient,
        sets: usize,
        seed: u64,
    ) -> Result<Self, EvaluateError> {
        let mut held_out: Vec<_> = data.split(Split::Test).cloned().collect();
        held_out.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut people = HashSet::new();
        let (mut sources, mut references) = (Vec::new(), Vec::new());
        for photograph in held_out {
            let another = sources.len() < sets && !people.contains(&photograph.person);
            if another && can_be_asked(generator, &photograph.labels).await? {
                people.insert(photograph.person.clone());
                sources.push(photograph);
            } else {
                references.push(photograph);
            }
        }
        if sources.len() < sets {
            return Err(EvaluateError::TooFewPeople {
                wanted: sets,
                found: sources.len(),
            });
        }
        references.truncate(REFERENCES);
        if references.len() < 2 {
            return Err(EvaluateError::TooFewReferences(references.len()));
        }
        Ok(Self {
            sources,
            references,
        })
    }

    /// Reads the photographs, faces of `side` pixels.
    ///
    /// # Errors
    /// One cannot be read.
    pub(crate) fn read(&self, side: usize) -> Result<Photographs, EvaluateError> {
        let (sources, source_digest) = read_all(&self.sources, side)?;
        let (references, reference_digest) = read_all(&self.references, side)?;
        Ok(Photographs {
            sources,
            references,
            digest: sha256_of([source_digest, reference_digest]),
        })
    }
}

/// Whether the generator takes a request for all attributes that there are; it refuses contradictions.
async fn can_be_asked(
    generator: &GeneratorClient,
    labels: &[bool; ATTRIBUTE_COUNT],
) -> Result<bool, ClientError> {
    let present = named(labels, true)
        .into_iter()
        .map(v1::RequestedAttribute::present);
    let absent = named(labels, false)
        .into_iter()
        .map(v1::RequestedAttribute::absent);
    let request = v1::GetTargetRequest {
        attributes: present.chain(absent).collect(),
        target: Some(v1::TargetSettings {
            method: v1::Method::Regression.into(),
            ..v1::TargetSettings::default()
        }),
        seed: 0,
        keep: Vec::new(),
    };
    match generator.get_target(request).await {
        Ok(_) => Ok(labels.contains(&true)),
        Err(refused) if refused.code() == Code::InvalidArgument => Ok(false),
        Err(error) => Err(error),
    }
}

/// Names of the attributes that are there, or of those that are not.
fn named(labels: &[bool; ATTRIBUTE_COUNT], present: bool) -> Vec<&'static str> {
    let labelled = AttributeId::names().zip(labels);
    let chosen = labelled.filter(|(_, label)| **label == present);
    chosen.map(|(name, _)| name).collect()
}

impl Subject {
    /// Names of the attributes that the photograph has, or of those that it has not.
    pub(crate) fn named(&self, present: bool) -> Vec<&'static str> {
        named(&self.labels, present)
    }
}

fn read_all(
    photographs: &[Photograph],
    side: usize,
) -> Result<(Vec<Subject>, String), EvaluateError> {
    let read = |p: &Photograph| {
        let file = read_file(p)?;
        let face = face(p, &file, side)?;
        let digest = sha256_of([&file[..], &p.labels.map(u8::from)]);
        let name = p.path.file_name().unwrap_or_default();
        let subject = Subject {
            file: name.to_string_lossy().into_owned(),
            labels: p.labels,
            face: picture(&face, side),
        };
        Ok((subject, digest))
    };
    let all = photographs.par_iter().map(read);
    let all: Vec<_> = all.collect::<Result<_, EvaluateError>>()?;
    let (subjects, digests): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    Ok((subjects, sha256_of(digests)))
}

/// Pixels of a photograph's face, `[3, side, side]`, 0 to 1.
pub(crate) fn read_face(photograph: &Photograph, side: usize) -> Result<Vec<f32>, EvaluateError> {
    face(photograph, &read_file(photograph)?, side)
}

fn read_file(photograph: &Photograph) -> Result<Vec<u8>, EvaluateError> {
    fs::read(&photograph.path).map_err(|source| EvaluateError::Read {
        path: photograph.path.clone(),
        source,
    })
}

fn face(photograph: &Photograph, file: &[u8], side: usize) -> Result<Vec<f32>, EvaluateError> {
    let image =
        decode(file, ImageLimits::default()).map_err(|source| EvaluateError::Photograph {
            path: photograph.path.clone(),
            source,
        })?;
    Ok(face_pixels(&image, Framing::Aligned, side))
}

/// A picture of pixels `[3, side, side]`; values outside of 0 to 1 are clamped.
pub(crate) fn picture(pixels: &[f32], side: usize) -> RgbImage {
    let area = side * side;
    let byte = |x: f32| (255.0 * x.clamp(0.0, 1.0)).round() as u8;
    RgbImage::from_fn(side as u32, side as u32, |x, y| {
        let at = y as usize * side + x as usize;
        image::Rgb([0, 1, 2].map(|c| byte(pixels[c * area + at])))
    })
}
