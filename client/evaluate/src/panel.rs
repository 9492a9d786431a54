//! What all networks saw of everything: the photographs, the mean face, and the faces of each gallery.

use std::sync::Arc;

use deepface_attributes::Schema;
use image::RgbImage;

use crate::assessment::{Photographed, Scale};
use crate::edits::{self, Changed, Judged};
use crate::error::EvaluateError;
use crate::eyes::{Eyes, NETWORKS, Network, Views};
use crate::gallery::Gallery;
use crate::generation::Task;
use crate::labels::Labels;
use crate::measured::{DrawnFigures, Measured, Opinion, pixels};
use crate::measures::{Ruler, Samples, Textures};
use crate::methods::DEFAULT;
use crate::photographs::{Photographs, Subject};
use crate::probes;
use crate::progress::Watch;
use crate::report::{Edits, Probes, Row, Variety, Verdict, Verification};
use crate::settings::Settings;
use crate::store::Store;
use crate::verification::Pairs;
use crate::view::View;

/// The views of all networks.
pub(crate) struct Panel {
    labels: Vec<Labels>,
    reference_labels: Vec<Labels>,
    samples: Samples,
    /// Pixels of the references.
    pixels: Vec<Vec<f32>>,
    textures: (Textures, Ruler),
    sources: Vec<Views>,
    references: Vec<Views>,
    /// Numbers of sources, and another photograph of their person.
    others: Vec<(usize, Views)>,
    /// Where there are rows to compare with it.
    mean_face: Option<Views>,
    /// Training people by the identity network.
    training: Vec<Vec<f32>>,
    /// A list per gallery.
    faces: Vec<Vec<Views>>,
}

/// What one network saw of the photographs.
struct Eye {
    network: Network,
    sources: Vec<View>,
    references: Vec<View>,
    embeddings: Vec<Vec<f32>>,
}

/// A row before it is compared with another one.
struct Draft {
    faces: usize,
    pixels: DrawnFigures,
    pixel_variety: Option<Variety>,
    /// In the order of [`NETWORKS`].
    opinions: Vec<Opinion>,
}

impl Panel {
    /// Shows everything to all networks. Without a mean face there can be no rows; `training` are training people by the identity network.
    ///
    /// # Errors
    /// One of them fails.
    pub(crate) async fn look(
        eyes: &Eyes,
        photographs: &Photographs,
        training: Vec<Vec<f32>>,
        mean_face: Option<RgbImage>,
        galleries: &[Gallery],
        watch: &Watch,
    ) -> Result<Self, EvaluateError> {
        let (sources, references) = (&photographs.sources, &photographs.references);
        let others = photographs.others.iter().enumerate();
        let others: Vec<_> = others
            .filter_map(|(set, s)| Some((set, s.as_ref()?)))
            .collect();
        let face = |subject: &Subject| Arc::new(subject.face.clone());
        let subjects = sources.iter().chain(references).map(face);
        let subjects = subjects.chain(others.iter().map(|(_, subject)| face(subject)));
        let means = usize::from(mean_face.is_some());
        let mean_face = mean_face.map(Arc::new);
        let made = galleries.iter().flat_map(|gallery| &gallery.faces);
        let made = made.map(|face| face.picture.clone());
        let all: Vec<Arc<RgbImage>> = subjects.chain(mean_face).chain(made).collect();
        let mut views = eyes.look(all, watch).await?.into_iter();
        let mut take = |n: usize| views.by_ref().take(n).collect::<Vec<_>>();
        let labels = |subjects: &[Subject]| subjects.iter().map(|s| s.labels.clone()).collect();
        let pictures: Vec<&RgbImage> = references.iter().map(|s| &s.face).collect();
        Ok(Self {
            labels: labels(sources),
            reference_labels: labels(references),
            samples: Samples::new(sources.len(), references.len()),
            pixels: references.iter().map(|s| pixels(&s.face)).collect(),
            textures: Textures::of_references(&pictures),
            sources: take(sources.len()),
            references: take(references.len()),
            others: others
                .iter()
                .map(|(set, _)| *set)
                .zip(take(others.len()))
                .collect(),
            mean_face: take(means).pop(),
            training,
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
        watch.at("judging", 0, tasks.len());
        let faces = tasks.iter().map(|task| store.face(&task.key));
        let views = eyes.judge(faces.collect::<Result<_, _>>()?).await?;
        let views: Vec<&View> = views.iter().collect();
        let photographs = self.sources.iter().chain(&self.references);
        let photographs: Vec<&View> = photographs.map(|views| views.by(Network::Judge)).collect();
        let labels = [&self.labels[..], &self.reference_labels].concat();
        Ok(probes::judge(schema, &views, &photographs, &labels))
    }

    /// What all networks say of changed photographs.
    ///
    /// # Errors
    /// A network fails.
    pub(crate) async fn edits(
        &self,
        schema: &Schema,
        eyes: &Eyes,
        changed: &Changed,
        watch: &Watch,
    ) -> Result<Edits, EvaluateError> {
        let (mut views, mut compared) = (Vec::new(), Vec::new());
        for gallery in &changed.galleries {
            let faces = gallery.faces.iter().map(|face| face.picture.clone());
            let seen = eyes.look(faces.collect(), watch).await?;
            let mut cosines = Vec::with_capacity(seen.len());
            for (face, views) in gallery.faces.iter().zip(&seen) {
                let [photograph, face] = [&self.sources[face.set], views];
                let by = Network::Classifier;
                cosines.push(eyes.compare(photograph.by(by), face.by(by)).await?);
            }
            views.push(seen);
            compared.push(cosines);
        }
        Ok(edits::assess(&Judged {
            schema,
            changed,
            views: &views,
            compared: &compared,
            sources: &self.sources,
            references: &self.references,
        }))
    }

    /// A row of the report per gallery, and how well each network tells people apart.
    pub(crate) fn rows(
        &self,
        settings: &Settings,
        galleries: &[Gallery],
        watch: &Watch,
    ) -> (Vec<Row>, Vec<Verification>) {
        let eyes = NETWORKS.map(|network| self.eye(network));
        let verification = eyes.iter().map(|eye| self.verify(eye)).collect();
        let Some(mean_face) = &self.mean_face else {
            return (Vec::new(), verification);
        };
        let scales = eyes.each_ref().map(|eye| self.scale(eye, mean_face));
        let total = galleries.len();
        let drafts = galleries.iter().zip(&self.faces).enumerate();
        let drafts = drafts.map(|(number, (gallery, views))| {
            watch.at("measuring", number, total);
            let measured = Measured {
                settings,
                samples: &self.samples,
                labels: &self.labels,
                reference_labels: &self.reference_labels,
                references: &self.references,
                reference_pixels: &self.pixels,
                textures: &self.textures,
                gallery,
                views,
            };
            let opinion = |(&network, scale)| measured.opinion(network, scale);
            Draft {
                faces: measured.count(),
                pixels: measured.pixels(),
                pixel_variety: measured.pixel_variety(),
                opinions: NETWORKS.iter().zip(&scales).map(opinion).collect(),
            }
        });
        let drafts: Vec<Draft> = drafts.collect();
        let default = galleries.iter().position(|gallery| gallery.name == DEFAULT);
        let rows = galleries.iter().zip(&drafts).enumerate();
        let rows = rows.map(|(number, (gallery, draft))| {
            let from = default.filter(|&default| default != number);
            draft.row(gallery, from.map(|default| &drafts[default]))
        });
        (rows.collect(), verification)
    }

    fn eye(&self, network: Network) -> Eye {
        let views = |all: &[Views]| all.iter().map(|v| v.by(network).clone()).collect();
        let references: Vec<View> = views(&self.references);
        Eye {
            network,
            sources: views(&self.sources),
            embeddings: references
                .iter()
                .map(|view| view.embedding.clone())
                .collect(),
            references,
        }
    }

    fn scale<'a>(&'a self, eye: &'a Eye, mean_face: &'a Views) -> Scale<'a> {
        let training = match eye.network {
            Network::Identity => &self.training[..],
            _ => &[],
        };
        let photographed = Photographed {
            labels: &self.labels,
            sources: &eye.sources,
            reference_labels: &self.reference_labels,
            references: &eye.references,
            mean_face: mean_face.by(eye.network),
            training,
        };
        Scale::new(photographed, &eye.embeddings, &self.samples)
    }

    fn verify(&self, eye: &Eye) -> Verification {
        let others = self.others.iter();
        let others = others.map(|(set, views)| (*set, &views.by(eye.network).embedding[..]));
        let people = eye.sources.iter().chain(&eye.references);
        let pairs = Pairs {
            people: people.map(|view| &view.embedding[..]).collect(),
            labels: self.labels.iter().chain(&self.reference_labels).collect(),
            others: others.collect(),
        };
        pairs.verify(eye.network.name())
    }
}

impl Draft {
    fn row(&self, gallery: &Gallery, from: Option<&Self>) -> Row {
        let verdict = |network: Network| {
            let opinion = &self.opinions[network as usize];
            let from = from.map(|from| &from.opinions[network as usize].figures);
            Verdict {
                figures: opinion.figures.estimates(from),
                variety: opinion.variety,
                attributes: opinion.attributes.clone(),
            }
        };
        Row {
            name: gallery.name.clone(),
            note: gallery.note,
            control: gallery.control,
            faces: self.faces,
            judge: verdict(Network::Judge),
            second_judge: verdict(Network::SecondJudge),
            identity: verdict(Network::Identity),
            classifier: verdict(Network::Classifier),
            pixels: self.pixels.estimates(from.map(|from| &from.pixels)),
            pixel_variety: self.pixel_variety,
            seconds: gallery.seconds,
            settings: gallery.settings.clone(),
            losses: gallery.losses.clone(),
        }
    }
}
