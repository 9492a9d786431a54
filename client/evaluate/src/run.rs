//! A whole evaluation, from photographs to the report.

use std::path::PathBuf;
use std::sync::Arc;

use deepface_client::{ClassifierClient, GeneratorClient};
use deepface_dataset::{Dataset, Split};
use deepface_images::{Framing, face_pixels};
use image::RgbImage;
use rayon::prelude::*;

use crate::assessment::{Labels, Repeated, Scale, Seen, most_alike, variety};
use crate::control::PixelRegression;
use crate::detection::shows_a_face;
use crate::error::EvaluateError;
use crate::eyes::{Eyes, Views};
use crate::gallery::{Gallery, controls};
use crate::generation::{self, Task};
use crate::judge::Judge;
use crate::measures::{detail, mean};
use crate::methods::Method;
use crate::photographs::{Choice, Photographs, Subject};
use crate::progress::Watch;
use crate::report::{Probes, Report, Row, Set};
use crate::store::{Identity, Key, Store};
use crate::view::View;
use crate::{blocking, page, probes, sheet};
use deepface_files::sha256_of;
use deepface_images::png;

/// Requests, the first sets, that variety is measured on.
const VARIETY_SETS: usize = 4;
/// Seeds from one set's first to the next one's: what is drawn by chance should not be the same in all faces of a method.
const SEEDS: u64 = 1000;
/// Side at which detail and pixels are measured, whatever size the faces have.
const SIDE: usize = 64;

/// What is to be evaluated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The photographs, in the public LFW layout.
    pub data: PathBuf,
    /// Number of attribute sets.
    pub sets: usize,
    /// Faces of each set and method.
    pub seeds: u64,
    /// Faces of each of the first four sets, to measure variety.
    pub variety_seeds: u64,
    /// The methods.
    pub methods: Vec<&'static Method>,
    /// Whether attributes that a photograph does not have are asked to be absent, where a method has a place for that.
    pub with_negatives: bool,
    /// Whether the generator's defaults are also tried on requests of a few words.
    pub probes: bool,
    /// What the photographs are chosen by.
    pub seed: u64,
    /// Folder of the results.
    pub output: PathBuf,
}

/// What was written for people.
#[derive(Clone, Debug)]
pub struct Files {
    /// Everything on one page.
    pub page: PathBuf,
    /// All figures, as JSON.
    pub report: PathBuf,
    /// The faces, a row per method, a column per attribute set.
    pub sheet: PathBuf,
    /// The seeds of the first attribute set, a row per method.
    pub variety: PathBuf,
}

/// Makes the faces that are not there yet, measures all, and writes the report.
///
/// # Errors
/// The data cannot be read, a service fails, the folder belongs to another run, or a file cannot be written. What was
/// made until then stays, and the next evaluation goes on from there.
///
/// # Panics
/// Outside of a Tokio runtime.
pub async fn evaluate(
    generator: &GeneratorClient,
    classifier: &ClassifierClient,
    settings: &Settings,
    watch: &Watch,
) -> Result<(Report, Files), EvaluateError> {
    check(settings)?;
    let judge = Arc::new(Judge::embedded()?);
    let (model, list) = tokio::try_join!(classifier.get_model(), generator.list_attributes())?;
    let about = model.model.clone().unwrap_or_default();
    if about.digest != list.classifier_digest {
        return Err(EvaluateError::OtherClassifier {
            generator: generator.url().to_owned(),
            classifier: classifier.url().to_owned(),
            expected: list.classifier_digest,
            got: about.digest,
        });
    }
    let side = usize::try_from(about.input_size).unwrap_or_default().max(1);
    watch.at("reading photographs", 0, 0);
    let folder = settings.data.clone();
    let data = blocking(move || Dataset::open(&folder)).await?;
    let choice = Choice::of(&data, generator, settings.sets, settings.seed).await?;
    let photographs = blocking(move || choice.read(side)).await?;
    let identity = Identity {
        data: photographs.digest.clone(),
        sets: settings.sets,
        seed: settings.seed,
        with_negatives: settings.with_negatives,
        classifier: about.digest,
        generator: list.digest,
        defaults: sha256_of([format!("{:?}", list.defaults)]),
        judge: judge.digest().to_owned(),
    };
    let mut store = Store::open(&settings.output, &identity)?;
    let sources = &photographs.sources;
    let tasks = tasks(settings, sources);
    let probes = match settings.probes {
        true => probes::tasks(settings.variety_seeds),
        false => Vec::new(),
    };
    let all = [&tasks[..], &probes].concat();
    generation::make(generator, sources, &all, &mut store, watch).await?;

    let (regression, fitted) = fit(data, watch.clone()).await?;
    let mut galleries = controls(sources, &regression, settings.with_negatives);
    for method in &settings.methods {
        galleries.push(Gallery::of_method(method, &tasks, &store)?);
    }
    let eyes = Eyes::new(judge, classifier.clone(), &model);
    let panel = Panel::look(&eyes, &photographs, &regression, &galleries, watch).await?;
    let probes = match probes.is_empty() {
        true => None,
        false => Some(panel.probes(&eyes, &probes, &store, watch).await?),
    };
    let rows = blocking({
        let (settings, galleries, watch) = (settings.clone(), galleries.clone(), watch.clone());
        move || panel.rows(&settings, &galleries, &watch)
    });
    let report = Report {
        run: identity,
        seeds: settings.seeds,
        variety_seeds: settings.variety_seeds,
        sets: sources.iter().map(set).collect(),
        references: photographs.references.len(),
        fitted,
        rows: rows.await,
        probes,
    };
    let files = write(&store, &report, &galleries)?;
    Ok((report, files))
}

fn check(settings: &Settings) -> Result<(), EvaluateError> {
    for (name, number) in [
        ("the number of sets", settings.sets as u64),
        ("the number of seeds", settings.seeds),
        ("the number of methods", settings.methods.len() as u64),
    ] {
        if number == 0 {
            return Err(EvaluateError::Zero(name));
        }
    }
    Ok(())
}

async fn fit(data: Dataset, watch: Watch) -> Result<(PixelRegression, usize), EvaluateError> {
    blocking(move || {
        let training: Vec<_> = data.split(Split::Train).collect();
        Ok((PixelRegression::fit(&training, &watch)?, training.len()))
    })
    .await
}

fn set(source: &Subject) -> Set {
    Set {
        source: source.file.clone(),
        attributes: source.named(true),
    }
}

/// Every seed of every set, and more of the first sets; one method after the other.
fn tasks(settings: &Settings, sources: &[Subject]) -> Vec<Task> {
    let mut tasks = Vec::new();
    for &method in &settings.methods {
        for (set, source) in sources.iter().enumerate() {
            let more = if set < VARIETY_SETS {
                settings.variety_seeds
            } else {
                0
            };
            let absent = match settings.with_negatives && method.takes_absent {
                true => source.named(false),
                false => Vec::new(),
            };
            let seeds = 0..settings.seeds.max(more);
            tasks.extend(seeds.map(|seed| Task {
                key: Key {
                    method: method.name.to_owned(),
                    set,
                    seed,
                },
                recipe: (method.recipe)(),
                first_seed: SEEDS * set as u64,
                present: source.named(true),
                absent: absent.clone(),
            }));
        }
    }
    tasks
}

fn write(store: &Store, report: &Report, galleries: &[Gallery]) -> Result<Files, EvaluateError> {
    let sheet = png(&sheet::by_set(galleries))?;
    let variety = png(&sheet::by_seed(galleries))?;
    let page = page::page(report, &sheet, &variety);
    // Strings, numbers and lists of them: nothing that JSON has no place for.
    let json = serde_json::to_vec_pretty(report).unwrap_or_default();
    Ok(Files {
        page: store.write("report.html", page.as_bytes())?,
        report: store.write("report.json", &json)?,
        sheet: store.write("sheet.png", &sheet)?,
        variety: store.write("variety.png", &variety)?,
    })
}

/// What both networks saw of everything.
struct Panel {
    labels: Vec<Labels>,
    reference_labels: Vec<Labels>,
    references: Vec<Vec<f32>>,
    sources: Vec<Views>,
    others: Vec<Views>,
    mean_face: Views,
    /// A list per gallery.
    faces: Vec<Vec<Views>>,
}

impl Panel {
    async fn look(
        eyes: &Eyes,
        photographs: &Photographs,
        regression: &PixelRegression,
        galleries: &[Gallery],
        watch: &Watch,
    ) -> Result<Self, EvaluateError> {
        let faces = |subjects: &[Subject]| {
            let faces = subjects.iter().map(|s| Arc::new(s.face.clone()));
            faces.collect::<Vec<_>>()
        };
        let (sources, others) = (faces(&photographs.sources), faces(&photographs.references));
        let counts = [sources.len(), others.len()];
        let mut all = [sources, others].concat();
        all.push(Arc::new(regression.mean_face()));
        all.extend(
            galleries
                .iter()
                .flat_map(|g| &g.faces)
                .map(|f| f.picture.clone()),
        );
        let mut views = eyes.look(all, watch).await?.into_iter();
        let mut take = |n: usize| views.by_ref().take(n).collect::<Vec<_>>();
        let labels = |subjects: &[Subject]| subjects.iter().map(|s| s.labels).collect();
        let (sources, others) = (take(counts[0]), take(counts[1]));
        let mean_face = take(1).remove(0);
        Ok(Self {
            labels: labels(&photographs.sources),
            reference_labels: labels(&photographs.references),
            references: photographs
                .references
                .iter()
                .map(|s| pixels(&s.face))
                .collect(),
            sources,
            others,
            mean_face,
            faces: galleries.iter().map(|g| take(g.faces.len())).collect(),
        })
    }

    /// What the judge says of the faces of [`probes::tasks`], beside all photographs.
    async fn probes(
        &self,
        eyes: &Eyes,
        tasks: &[Task],
        store: &Store,
        watch: &Watch,
    ) -> Result<Probes, EvaluateError> {
        let faces = tasks
            .iter()
            .map(|task| Ok(Arc::new(store.face(&task.key)?)));
        let faces = faces.collect::<Result<_, EvaluateError>>()?;
        let views = eyes.look(faces, watch).await?;
        let views: Vec<&View> = views.iter().map(|views| &views.judge).collect();
        let photographs = self.sources.iter().chain(&self.others);
        let photographs: Vec<&View> = photographs.map(|views| &views.judge).collect();
        let labels = [&self.labels[..], &self.reference_labels].concat();
        Ok(probes::judge(&views, &photographs, &labels))
    }

    fn rows(&self, settings: &Settings, galleries: &[Gallery], watch: &Watch) -> Vec<Row> {
        let judge = self.eye(|views| &views.judge);
        let classifier = self.eye(|views| &views.classifier);
        let (judge, classifier) = (judge.scale(&self.labels), classifier.scale(&self.labels));
        let rows = galleries.iter().zip(&self.faces).enumerate();
        rows.map(|(number, (gallery, views))| {
            watch.at("measuring", number, galleries.len());
            let measured = Measured {
                panel: self,
                settings,
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
            references: self.others.iter().map(embedding).collect(),
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

/// One gallery and what was seen in it.
struct Measured<'a> {
    panel: &'a Panel,
    settings: &'a Settings,
    gallery: &'a Gallery,
    views: &'a [Views],
}

impl Measured<'_> {
    fn row(&self, judge: &Scale<'_>, classifier: &Scale<'_>) -> Row {
        let first = self
            .gallery
            .faces
            .iter()
            .filter(|face| face.seed < self.settings.seeds);
        let pictures: Vec<&RgbImage> = first.map(|face| &*face.picture).collect();
        let details: Vec<f64> = pictures
            .par_iter()
            .map(|p| detail(&grey(p), SIDE))
            .collect();
        let detected = pictures.par_iter().filter(|p| shows_a_face(p)).count();
        Row {
            name: self.gallery.name.clone(),
            note: self.gallery.note,
            control: self.gallery.control,
            faces: pictures.len(),
            judge: self.verdict(judge, |views| &views.judge),
            classifier: self.verdict(classifier, |views| &views.classifier),
            detail: mean(details).unwrap_or_default(),
            detected,
            pixel_variety: self.pixel_variety(),
            seconds: self.gallery.seconds,
            settings: self.gallery.settings.clone(),
            losses: self.gallery.losses.clone(),
        }
    }

    fn verdict(&self, scale: &Scale<'_>, of: fn(&Views) -> &View) -> crate::report::Verdict {
        let faces = self.gallery.faces.iter().zip(self.views);
        let first = faces.filter(|(face, _)| face.seed < self.settings.seeds);
        let seen: Vec<_> = first
            .map(|(face, views)| Seen {
                set: face.set,
                view: of(views),
            })
            .collect();
        let embeddings: Vec<_> = self.views.iter().map(|v| &of(v).embedding[..]).collect();
        let photographs: Vec<_> = self
            .panel
            .others
            .iter()
            .map(|v| &of(v).embedding[..])
            .collect();
        scale.verdict(&seen, &self.repeated(&embeddings, &photographs))
    }

    fn pixel_variety(&self) -> Option<crate::report::Variety> {
        let faces: Vec<_> = self
            .gallery
            .faces
            .iter()
            .map(|f| pixels(&f.picture))
            .collect();
        let faces: Vec<_> = faces.iter().map(|face| &face[..]).collect();
        let photographs: Vec<_> = self.panel.references.iter().map(|face| &face[..]).collect();
        variety(&self.repeated(&faces, &photographs), &photographs)
    }

    /// The requests with many seeds: a vector per face of the gallery, and per reference photograph.
    fn repeated<'v>(&self, faces: &[&'v [f32]], photographs: &[&'v [f32]]) -> Vec<Repeated<'v>> {
        let seeds = self.settings.variety_seeds;
        let request = |set: usize| {
            let faces = self.gallery.faces.iter().zip(faces);
            let own = faces.filter(|(face, _)| face.set == set && face.seed < seeds);
            let labels = (&self.panel.labels[set], &self.panel.reference_labels);
            let alike = most_alike(labels.0, labels.1, seeds.max(2) as usize);
            Repeated {
                seeds: own.map(|(_, &vector)| vector).collect(),
                alike: alike
                    .into_iter()
                    .map(|number| photographs[number])
                    .collect(),
            }
        };
        (0..VARIETY_SETS.min(self.settings.sets))
            .map(request)
            .collect()
    }
}

/// Mean of the channels at 64 pixels a side, 0 to 1.
fn grey(face: &RgbImage) -> Vec<f32> {
    let pixels = face_pixels(face, Framing::Face, SIDE);
    let area = SIDE * SIDE;
    let mean = |i: usize| (pixels[i] + pixels[area + i] + pixels[2 * area + i]) / 3.0;
    (0..area).map(mean).collect()
}

/// Pixels at 64 a side, scaled so that distances are root mean square differences.
fn pixels(face: &RgbImage) -> Vec<f32> {
    let mut pixels = face_pixels(face, Framing::Face, SIDE);
    let scale = (pixels.len() as f32).sqrt();
    pixels.iter_mut().for_each(|x| *x /= scale);
    pixels
}
