//! The held-out photographs: those whose attributes are asked for, and those that realism is measured from.

use std::collections::HashSet;

use deepface_attributes::Schema;
use deepface_client::{ClientError, Code, GeneratorClient, v1};
use deepface_dataset::{Dataset, Photograph, Split};
use deepface_files::sha256_of;
use deepface_images::image_of;
use image::RgbImage;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::EvaluateError;
use crate::labels::Labels;

/// Most photographs that realism is measured from.
const REFERENCES: usize = 600;

/// A photograph's face and its labels.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Name of the file, without its folder.
    pub(crate) file: String,
    pub(crate) labels: Labels,
    /// The part of the photograph that a network looks at.
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

/// Which photographs an evaluation uses.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    schema: Schema,
    sources: Vec<Photograph>,
    references: Vec<Photograph>,
}

impl Choice {
    /// Chooses `sets` sources by `seed`, each of another person, and the references from the remaining photographs. The
    /// generator refuses contradicting labels, so a photograph that has them is never a source.
    ///
    /// # Errors
    /// Too few people are held out, too few photographs remain for references, or the generator fails.
    pub(crate) async fn of(
        data: &Dataset,
        generator: &GeneratorClient,
        sets: usize,
        seed: u64,
    ) -> Result<Self, EvaluateError> {
        let mut held_out: Vec<_> = data.split(Split::Test).cloned().collect();
        let all = data.people(Split::Test);
        held_out.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut people = HashSet::new();
        let (mut sources, mut references) = (Vec::new(), Vec::new());
        for photograph in held_out {
            let labels = Labels::new(&data.schema, photograph.labels.clone());
            let another = sources.len() < sets && !people.contains(&photograph.person);
            if another && can_be_asked(generator, &labels).await? {
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
                people: all,
            });
        }
        references.truncate(REFERENCES);
        if references.len() < 2 {
            return Err(EvaluateError::TooFewReferences(references.len()));
        }
        Ok(Self {
            schema: data.schema.clone(),
            sources,
            references,
        })
    }

    /// Reads the photographs, faces of `side` pixels.
    ///
    /// # Errors
    /// A photograph cannot be read.
    pub(crate) fn read(&self, side: usize) -> Result<Photographs, EvaluateError> {
        let (sources, source_digest) = read_all(&self.schema, &self.sources, side)?;
        let (references, reference_digest) = read_all(&self.schema, &self.references, side)?;
        Ok(Photographs {
            sources,
            references,
            digest: sha256_of([source_digest, reference_digest]),
        })
    }
}

/// Whether the generator accepts a request for exactly these attributes. It refuses contradictions.
async fn can_be_asked(generator: &GeneratorClient, labels: &Labels) -> Result<bool, ClientError> {
    let present = labels.names(true).map(v1::RequestedAttribute::present);
    let absent = labels.names(false).map(v1::RequestedAttribute::absent);
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
        Ok(_) => Ok(labels.all(true).next().is_some()),
        Err(refused) if refused.code() == Code::InvalidArgument => Ok(false),
        Err(error) => Err(error),
    }
}

fn read_all(
    schema: &Schema,
    photographs: &[Photograph],
    side: usize,
) -> Result<(Vec<Subject>, String), EvaluateError> {
    let read = |p: &Photograph| {
        let file = p.file()?;
        let face = p.face(&p.decoded(&file)?, side);
        let bytes: Vec<u8> = p.labels.iter().map(|&l| l.into()).collect();
        let digest = sha256_of([&file[..], &bytes]);
        let name = p.path.file_name().unwrap_or_default();
        let subject = Subject {
            file: name.to_string_lossy().into_owned(),
            labels: Labels::new(schema, p.labels.clone()),
            face: image_of(&face, [side as u32; 2]),
        };
        Ok((subject, digest))
    };
    let all = photographs.par_iter().map(read);
    let all: Vec<_> = all.collect::<Result<_, EvaluateError>>()?;
    let (subjects, digests): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    Ok((subjects, sha256_of(digests)))
}
