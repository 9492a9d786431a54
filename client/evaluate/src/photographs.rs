//! The held-out photographs: those whose attributes are asked for, and those that realism is measured from.

use std::collections::{HashMap, HashSet};

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
/// Side of the faces, pixels: as large as they are in LFW's photographs.
pub(crate) const SIDE: usize = 160;

/// A photograph's face and its labels.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Name of the file, without its folder.
    pub(crate) file: String,
    pub(crate) labels: Labels,
    /// The part of the photograph that a network looks at.
    pub(crate) face: RgbImage,
}

/// The photographs of an evaluation, all of people that nothing was fitted to, one of each person: of some there are
/// hundreds, and figures would be about them.
#[derive(Clone, Debug)]
pub(crate) struct Photographs {
    /// Their attributes are asked for.
    pub(crate) sources: Vec<Subject>,
    /// Other people, at most 600.
    pub(crate) references: Vec<Subject>,
    /// Another photograph of a source's person, where there is one.
    pub(crate) others: Vec<Option<Subject>>,
    /// SHA-256 over files and labels of the sources and the references.
    pub(crate) digest: String,
}

/// Which photographs an evaluation uses.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    schema: Schema,
    sources: Vec<Photograph>,
    references: Vec<Photograph>,
    others: Vec<Option<Photograph>>,
}

impl Choice {
    /// Chooses one photograph of each person of a split by `seed`: of the first people `sets` sources, of the others the
    /// references. The generator refuses contradicting labels, so a photograph that has them is never a source.
    ///
    /// # Errors
    /// The split has too few people for the sources and two references, or the generator fails.
    pub(crate) async fn of(
        data: &Dataset,
        generator: &GeneratorClient,
        split: Split,
        sets: usize,
        seed: u64,
    ) -> Result<Self, EvaluateError> {
        let mut held_out: Vec<_> = data.split(split).cloned().collect();
        held_out.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut others = HashMap::new();
        let mut people = HashSet::new();
        let (mut sources, mut references) = (Vec::new(), Vec::new());
        for photograph in held_out {
            if !people.insert(photograph.person.clone()) {
                others
                    .entry(photograph.person.clone())
                    .or_insert(photograph);
                continue;
            }
            let labels = Labels::new(&data.schema, photograph.labels.clone());
            if sources.len() < sets && can_be_asked(generator, &labels).await? {
                sources.push(photograph);
            } else {
                references.push(photograph);
            }
        }
        if sources.len() < sets {
            return Err(EvaluateError::TooFewPeople {
                split,
                wanted: sets,
                found: sources.len(),
                people: people.len(),
            });
        }
        references.truncate(REFERENCES);
        if references.len() < 2 {
            return Err(EvaluateError::TooFewReferences(references.len()));
        }
        Ok(Self {
            schema: data.schema.clone(),
            others: sources.iter().map(|s| others.remove(&s.person)).collect(),
            sources,
            references,
        })
    }

    /// Reads the photographs.
    ///
    /// # Errors
    /// A photograph cannot be read.
    pub(crate) fn read(&self) -> Result<Photographs, EvaluateError> {
        let (sources, source_digest) = read_all(&self.schema, &self.sources)?;
        let (references, reference_digest) = read_all(&self.schema, &self.references)?;
        let other = |photograph: &Option<Photograph>| {
            let read = photograph.as_ref().map(|p| Subject::read(&self.schema, p));
            Ok(read.transpose()?.map(|(subject, _)| subject))
        };
        let others = self.others.par_iter().map(other);
        Ok(Photographs {
            sources,
            references,
            others: others.collect::<Result<_, EvaluateError>>()?,
            digest: sha256_of([source_digest, reference_digest]),
        })
    }
}

impl Subject {
    /// Reads a photograph; also the digest of its file and labels.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(
        schema: &Schema,
        photograph: &Photograph,
    ) -> Result<(Self, String), EvaluateError> {
        let file = photograph.file()?;
        let face = photograph.face(&photograph.decoded(&file)?, SIDE);
        let labels: Vec<u8> = photograph.labels.iter().map(|&l| l.into()).collect();
        let name = photograph.path.file_name().unwrap_or_default();
        let subject = Self {
            file: name.to_string_lossy().into_owned(),
            labels: Labels::new(schema, photograph.labels.clone()),
            face: image_of(&face, [SIDE as u32; 2]),
        };
        Ok((subject, sha256_of([&file[..], &labels])))
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
        ..Default::default()
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
) -> Result<(Vec<Subject>, String), EvaluateError> {
    let all = photographs.par_iter().map(|p| Subject::read(schema, p));
    let all: Vec<_> = all.collect::<Result<_, EvaluateError>>()?;
    let (subjects, digests): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    Ok((subjects, sha256_of(digests)))
}
