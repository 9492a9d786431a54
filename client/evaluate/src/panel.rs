//! What both networks saw of everything: the photographs, the mean face, and the faces of each gallery.

use std::sync::Arc;

use deepface_attributes::Schema;
use image::RgbImage;

use crate::assessment::Scale;
use crate::control::PixelRegression;
use crate::error::EvaluateError;
use crate::eyes::{Eyes, Views};
use crate::gallery::Gallery;
use crate::generation::Task;
use crate::labels::Labels;
use crate::measured::{Measured, pixels};
use crate::photographs::{Photographs, Subject};
use crate::probes;
use crate::progress::Watch;
use crate::report::{Probes, Row};
use crate::settings::Settings;
use crate::store::Store;
use crate::view::View;

/// The views of both networks.
pub(crate) struct Panel {
    labels: Vec<Labels>,
    reference_labels: Vec<Labels>,
    /// Pixels of the references.
    pixels: Vec<Vec<f32>>,
    sources: Vec<Views>,
    references: Vec<Views>,
    mean_face: Views,
    /// A list per gallery.
    faces: Vec<Vec<Views>>,
}

impl Panel {
    /// Shows everything to both networks.
    ///
    /// # Errors
    /// One of them fails.
    pub(crate) async fn look(
        eyes: &Eyes,
        photographs: &Photographs,
        regression: &PixelRegression,
        galleries: &[Gallery],
        watch: &Watch,
    ) -> Result<Self, EvaluateError> {
        let (sources, references) = (&photographs.sources, &photographs.references);
        let face = |subject: &Subject| Arc::new(subject.face.clone());
        let subjects = sources.iter().chain(references).map(face);
        let mean_face = std::iter::once(Arc::new(regression.mean_face()));
        let made = galleries.iter().flat_map(|gallery| &gallery.faces);
        let made = made.map(|face| face.picture.clone());
        let all: Vec<Arc<RgbImage>> = subjects.chain(mean_face).chain(made).collect();
        let mut views = eyes.look(all, watch).await?.into_iter();
        let mut take = |n: usize| views.by_ref().take(n).collect::<Vec<_>>();
        let labels = |subjects: &[Subject]| subjects.iter().map(|s| s.labels.clone()).collect();
        Ok(Self {
            labels: labels(sources),
            reference_labels: labels(references),
            pixels: references.iter().map(|s| pixels(&s.face)).collect(),
            sources: take(sources.len()),
            references: take(references.len()),
            mean_face: take(1).remove(0),
            faces: galleries.iter().map(|g| take(g.faces.len())).collect(),
        })
    }

    /// What the judge says of the faces of [`probes::tasks`], beside all photographs.
    ///
    /// # Errors
    /// A face cannot be read, or a network fails.
    pub(crate) async fn probes(
        &self,
        schema: &Schema,
        eyes: &Eyes,
        tasks: &[Task],
        store: &Store,
        watch: &Watch,
    ) -> Result<Probes, EvaluateError> {
        let face = |task: &Task| Ok(Arc::new(store.face(&task.key)?));
        let faces = tasks
            .iter()
            .map(face)
            .collect::<Result<_, EvaluateError>>()?;
        let views = eyes.look(faces, watch).await?;
        let views: Vec<&View> = views.iter().map(|views| &views.judge).collect();
        let photographs = self.sources.iter().chain(&self.references);
        let photographs: Vec<&View> = photographs.map(|views| &views.judge).collect();
        let labels = [&self.labels[..], &self.reference_labels].concat();
        Ok(probes::judge(schema, &views, &photographs, &labels))
    }

    /// A row of the report per gallery.
    pub(crate) fn rows(
        &self,
        settings: &Settings,
        galleries: &[Gallery],
        watch: &Watch,
    ) -> Vec<Row> {
        let judge = self.eye(|views| &views.judge);
        let classifier = self.eye(|views| &views.classifier);
        let (judge, classifier) = (judge.scale(&self.labels), classifier.scale(&self.labels));
        let rows = galleries.iter().zip(&self.faces).enumerate();
        rows.map(|(number, (gallery, views))| {
            watch.at("measuring", number, galleries.len());
            let measured = Measured {
                settings,
                labels: &self.labels,
                reference_labels: &self.reference_labels,
                references: &self.references,
                reference_pixels: &self.pixels,
                gallery,
                views,
            };
            measured.row(&judge, &classifier)
        })
        .collect()
    }

    fn eye(&self, of: fn(&Views) -> &View) -> Eye<'_> {
        let embedding = |views: &Views| of(views).embedding.clone();
        Eye {
            sources: self.sources.iter().map(|views| of(views).clone()).collect(),
            references: self.references.iter().map(embedding).collect(),
            mean_face: &of(&self.mean_face).embedding,
        }
    }
}

/// What one network saw of the photographs.
struct Eye<'a> {
    sources: Vec<View>,
    references: Vec<Vec<f32>>,
    mean_face: &'a [f32],
}

impl Eye<'_> {
    fn scale<'a>(&'a self, labels: &'a [Labels]) -> Scale<'a> {
        Scale::new(labels, &self.sources, &self.references, self.mean_face)
    }
}
