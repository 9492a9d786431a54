//! What the training photographs are needed for: the control without a network, the photograph with the nearest labels,
//! and whether faces are copies.

use std::collections::HashSet;
use std::sync::Arc;

use deepface_dataset::{Dataset, Photograph, Split};
use image::RgbImage;
use rayon::prelude::*;

use crate::blocking;
use crate::control::PixelRegression;
use crate::error::EvaluateError;
use crate::eyes::Eyes;
use crate::labels::Labels;
use crate::photographs::Subject;
use crate::progress::Watch;

/// Photographs that are in memory at once.
const BATCH: usize = 128;

/// What the training photographs say.
pub(crate) struct Training {
    pub(crate) regression: PixelRegression,
    /// Of each source the photograph whose labels are nearest, the first of several.
    pub(crate) nearest: Vec<Subject>,
    /// A photograph of each person, by the identity network.
    pub(crate) people: Vec<Vec<f32>>,
    /// Number of photographs.
    pub(crate) photographs: usize,
}

impl Training {
    /// Reads them all.
    ///
    /// # Errors
    /// There are none, one cannot be read, or the identity network fails.
    pub(crate) async fn of(
        data: Arc<Dataset>,
        sources: &[Subject],
        eyes: &Eyes,
        watch: &Watch,
    ) -> Result<Self, EvaluateError> {
        let fitted = blocking({
            let (data, watch) = (data.clone(), watch.clone());
            let wanted: Vec<Labels> = sources.iter().map(|source| source.labels.clone()).collect();
            move || fit(&data, &wanted, &watch)
        });
        let (regression, nearest, photographs) = fitted.await?;
        Ok(Self {
            regression,
            nearest,
            people: identify(&data, eyes, watch).await?,
            photographs,
        })
    }
}

fn fit(
    data: &Dataset,
    wanted: &[Labels],
    watch: &Watch,
) -> Result<(PixelRegression, Vec<Subject>, usize), EvaluateError> {
    let all: Vec<&Photograph> = data.split(Split::Train).collect();
    let regression = PixelRegression::fit(&all, watch)?;
    let labels: Vec<_> = all
        .iter()
        .map(|p| Labels::new(&data.schema, p.labels.clone()))
        .collect();
    let nearest = wanted.par_iter().filter_map(|wanted| {
        let numbers = 0..labels.len();
        let nearest = numbers.min_by_key(|&number| wanted.differences(&labels[number]))?;
        Some(Subject::read(&data.schema, all[nearest]).map(|(subject, _)| subject))
    });
    Ok((regression, nearest.collect::<Result<_, _>>()?, all.len()))
}

/// The first photograph of each person.
async fn identify(
    data: &Arc<Dataset>,
    eyes: &Eyes,
    watch: &Watch,
) -> Result<Vec<Vec<f32>>, EvaluateError> {
    let mut people = HashSet::new();
    let first = data
        .split(Split::Train)
        .filter(|p| people.insert(&p.person));
    let first: Vec<Photograph> = first.cloned().collect();
    let mut embeddings = Vec::with_capacity(first.len());
    for batch in first.chunks(BATCH) {
        watch.at("looking at training people", embeddings.len(), first.len());
        let (data, batch) = (data.clone(), batch.to_vec());
        let read = move || {
            let face = |p: &Photograph| Ok(Subject::read(&data.schema, p)?.0.face);
            batch
                .par_iter()
                .map(face)
                .collect::<Result<Vec<RgbImage>, EvaluateError>>()
        };
        embeddings.extend(eyes.identify(blocking(read).await?).await?);
    }
    Ok(embeddings)
}
