//! A whole evaluation, from photographs to the report.

use std::path::PathBuf;
use std::sync::Arc;

use deepface_attributes::{Group, Schema};
use deepface_client::v1::{ListAttributesResponse, Model};
use deepface_client::{ClassifierClient, GeneratorClient};
use deepface_dataset::{Dataset, Source, Split, Vocabulary};
use deepface_files::sha256_of;
use deepface_images::png;
use prost::Message as _;

use crate::edits::Changed;
use crate::error::EvaluateError;
use crate::eyes::{Eyes, Local};
use crate::gallery::{Gallery, Material, controls};
use crate::generation::{self, Task};
use crate::guest::{self, Guest};
use crate::methods::{DEFAULT, Method, Recipe};
use crate::mover::Mover;
use crate::page::Pictures;
use crate::panel::Panel;
use crate::photographs::{Choice, Subject};
use crate::progress::Watch;
use crate::report::{Report, Set};
use crate::settings::{Settings, VARIETY_SETS};
use crate::store::{Identity, Key, Store};
use crate::training::Training;
use crate::{blocking, edits, page, probes, sheet};

/// Seeds from one set's first to the next one's: what is drawn by chance must differ between the faces of a method.
const SEEDS: u64 = 1000;

/// What was written for people.
#[derive(Clone, Debug)]
pub struct Files {
    /// Everything on one page.
    pub page: PathBuf,
    /// All figures, as JSON.
    pub report: PathBuf,
    /// The faces, a row per method, a column per attribute set; where there are methods.
    pub sheet: Option<PathBuf>,
    /// The seeds of the first attribute set, a row per method.
    pub variety: Option<PathBuf>,
    /// Changed photographs, a row per change, where they were tried.
    pub edits: Option<PathBuf>,
}

/// Makes the missing faces, those of `guests` too, measures all, and writes the report. Without a `mover`, changed
/// photographs are not compared with Deep Feature Interpolation.
///
/// # Errors
/// The data cannot be read, a service fails, the folder belongs to another run, or a file cannot be written. Faces that
/// are finished are kept, and the next evaluation continues from there.
///
/// # Panics
/// Outside of a Tokio runtime.
pub async fn evaluate(
    generator: &GeneratorClient,
    classifier: &ClassifierClient,
    settings: &Settings,
    guests: &[&dyn Guest],
    mover: Option<&dyn Mover>,
    watch: &Watch,
) -> Result<(Report, Files), EvaluateError> {
    settings.check()?;
    let local = Arc::new(Local::embedded()?);
    let (model, list) = tokio::try_join!(classifier.get_model(), generator.list_attributes())?;
    let about = model.model.clone().unwrap_or_default();
    check_pair(generator, classifier, &about, &list)?;
    watch.at("reading photographs", 0, 0);
    let source = Source {
        dir: settings.data.clone(),
        labels: settings.labels.clone(),
        vocabulary: Vocabulary::Of(schema(&list)?),
        crop: settings.crop,
    };
    let data = blocking({
        let (settings, watch) = (settings.clone(), watch.clone());
        move || read(&source, &settings, &watch)
    });
    let data = Arc::new(data.await?);
    let choice = Choice::of(
        &data,
        generator,
        settings.split,
        settings.sets,
        settings.seed,
    )
    .await?;
    let photographs = blocking(move || choice.read()).await?;
    let identity = identity(settings, &photographs.digest, &about, &list, &local);
    let mut store = Store::open(&settings.output, &identity)?;
    let sources = &photographs.sources;
    let tasks = tasks(settings, sources);
    let probes = match settings.probes && !settings.methods.is_empty() {
        true => probes::tasks(&data.schema, &settings.changes, settings.variety_seeds),
        false => Vec::new(),
    };
    let edits = edits::plan(settings, sources);
    let edit_tasks = edits::tasks(&edits, &settings.changes);
    let all = [&tasks[..], &probes, &edit_tasks].concat();
    generation::make(generator, sources, &all, &mut store, watch).await?;

    let (schema, remarks) = (data.schema.clone(), data.remarks.clone());
    let descriptions = requests(settings, sources);
    let described = generation::describe(generator, &schema, &descriptions).await?;
    let mut invited = Vec::new();
    let default = || Recipe::Generate(settings.changes.clone());
    let asked = each_seed(settings, sources, "", &default, false);
    let asked = match guests {
        [] => Vec::new(),
        _ => generation::describe(generator, &schema, &asked).await?,
    };
    for &guest in guests {
        let tasks = each_seed(settings, sources, guest.name(), &default, false);
        guest::make(guest, &tasks, sources, &asked, &mut store, watch).await?;
        invited.push(Gallery::of_tasks(
            guest.name(),
            guest.note(),
            &tasks,
            &store,
        )?);
    }
    let eyes = Eyes::new(local, classifier.clone(), &model, schema.clone());
    let changed = match edits.is_empty() {
        true => None,
        false => {
            let material = edits::Material {
                data: &data,
                photographs: &photographs,
                eyes: &eyes,
                layer: layer(&list),
                side: usize::try_from(about.input_size).unwrap_or_default(),
                mover,
            };
            let changed = edits::gather(edits, &edit_tasks, &material, &mut store, watch);
            Some(changed.await?)
        }
    };
    // Without methods there are no rows, and no need of what they are compared with.
    let training = match settings.methods.is_empty() {
        true => None,
        false => Some(Training::of(data, sources, &eyes, watch).await?),
    };
    let mut galleries = training.as_ref().map_or(Vec::new(), |training| {
        controls(&Material {
            photographs: &photographs,
            nearest: &training.nearest,
            regression: &training.regression,
            described: &described,
        })
    });
    for method in &settings.methods {
        galleries.push(Gallery::of_tasks(method.name, method.note, &tasks, &store)?);
    }
    galleries.extend(invited);
    let mean_face = training.as_ref().map(|t| t.regression.mean_face());
    let fitted = training.as_ref().map_or(0, |t| t.photographs);
    let people = training.map_or(Vec::new(), |t| t.people);
    let panel = Panel::look(&eyes, &photographs, people, mean_face, &galleries, watch);
    let panel = panel.await?;
    let probes = match probes.is_empty() {
        true => None,
        false => Some(panel.probes(&schema, &eyes, &probes, &store, watch).await?),
    };
    let edits = match &changed {
        None => None,
        Some(changed) => Some(panel.edits(&schema, &eyes, changed, watch).await?),
    };
    let measured = blocking({
        let (settings, galleries, watch) = (settings.clone(), galleries.clone(), watch.clone());
        move || panel.rows(&settings, &galleries, &watch)
    });
    let (rows, verification) = measured.await;
    let report = Report {
        run: identity,
        seeds: settings.seeds,
        variety_seeds: settings.variety_seeds,
        sets: sources.iter().map(set).collect(),
        references: photographs.references.len(),
        fitted,
        remarks,
        rows,
        verification,
        probes,
        edits,
    };
    let files = write(&store, &report, &galleries, changed.as_ref())?;
    Ok((report, files))
}

/// The attributes that the generator can be asked for.
///
/// # Errors
/// Its answer is not a schema.
pub fn schema(list: &ListAttributesResponse) -> Result<Schema, EvaluateError> {
    let mut groups: Vec<Group> = Vec::new();
    for attribute in &list.attributes {
        match groups.last_mut().filter(|g| g.name == attribute.group) {
            Some(group) => group.attributes.push(attribute.name.clone()),
            None => groups.push(Group {
                name: attribute.group.clone(),
                attributes: vec![attribute.name.clone()],
            }),
        }
    }
    Ok(Schema::new(groups)?)
}

/// The layer that the generator's targets are of.
fn layer(list: &ListAttributesResponse) -> &str {
    let target = list.defaults.as_ref().and_then(|d| d.target.as_ref());
    target.map_or("", |target| &target.layer)
}

/// Reads the data set and all photographs of it that are needed, so that no bad one is found after hours.
fn read(source: &Source, settings: &Settings, watch: &Watch) -> Result<Dataset, EvaluateError> {
    let mut data = Dataset::read(source)?.without_unknown();
    data.leave_out_unreadable(
        |p| [Split::Train, settings.split].contains(&p.split()),
        settings.skip_unreadable,
        |done, total| watch.at("reading photographs", done, total),
    )?;
    Ok(data)
}

/// Checks that the generator was fitted to this classifier.
fn check_pair(
    generator: &GeneratorClient,
    classifier: &ClassifierClient,
    model: &Model,
    list: &ListAttributesResponse,
) -> Result<(), EvaluateError> {
    if model.digest == list.classifier_digest {
        return Ok(());
    }
    Err(EvaluateError::OtherClassifier {
        generator: generator.url().to_owned(),
        classifier: classifier.url().to_owned(),
        expected: list.classifier_digest.clone(),
        got: model.digest.clone(),
    })
}

fn identity(
    settings: &Settings,
    data: &str,
    model: &Model,
    list: &ListAttributesResponse,
    local: &Local,
) -> Identity {
    let defaults = list.defaults.clone().unwrap_or_default();
    Identity {
        data: data.to_owned(),
        sets: settings.sets,
        seed: settings.seed,
        with_negatives: settings.with_negatives,
        classifier: model.digest.clone(),
        generator: list.digest.clone(),
        defaults: sha256_of([defaults.encode_to_vec(), settings.changes.encode_to_vec()]),
        judge: local.judge.digest().to_owned(),
        second_judge: local.second_judge.digest().to_owned(),
        identity: local.identity.digest().to_owned(),
    }
}

fn set(source: &Subject) -> Set {
    Set {
        source: source.file.clone(),
        attributes: source.labels.names(true).map(Into::into).collect(),
    }
}

/// Every seed of every set, and more of the first sets; one method after the other.
fn tasks(settings: &Settings, sources: &[Subject]) -> Vec<Task> {
    let of_method = |method: &&'static Method| {
        let absent = settings.with_negatives && method.takes_absent;
        let recipe = || match method.name {
            DEFAULT => Recipe::Generate(settings.changes.clone()),
            _ => (method.recipe)(),
        };
        each_seed(settings, sources, method.name, &recipe, absent)
    };
    settings.methods.iter().flat_map(of_method).collect()
}

/// Every seed of every set, and more of the first sets.
fn each_seed(
    settings: &Settings,
    sources: &[Subject],
    method: &str,
    recipe: &dyn Fn() -> Recipe,
    absent: bool,
) -> Vec<Task> {
    let of_set = |(set, source)| {
        let more = match set < VARIETY_SETS {
            true => settings.variety_seeds,
            false => 0,
        };
        let task = task(method, recipe(), set, source, absent);
        (0..settings.seeds.max(more)).map(move |seed| task.with_seed(seed))
    };
    sources.iter().enumerate().flat_map(of_set).collect()
}

/// What the control without a network is asked: as the default.
fn requests(settings: &Settings, sources: &[Subject]) -> Vec<Task> {
    let each = |(set, source)| {
        let default = Recipe::Generate(settings.changes.clone());
        let task = task("", default, set, source, settings.with_negatives);
        (0..settings.seeds).map(move |seed| task.with_seed(seed))
    };
    sources.iter().enumerate().flat_map(each).collect()
}

fn task(method: &str, recipe: Recipe, set: usize, source: &Subject, absent: bool) -> Task {
    let absent = source.labels.names(false).filter(|_| absent);
    Task {
        key: Key {
            method: method.to_owned(),
            set,
            seed: 0,
        },
        recipe,
        first_seed: SEEDS * set as u64,
        present: source.labels.names(true).map(Into::into).collect(),
        absent: absent.map(Into::into).collect(),
    }
}

fn write(
    store: &Store,
    report: &Report,
    galleries: &[Gallery],
    changed: Option<&Changed>,
) -> Result<Files, EvaluateError> {
    let made = !galleries.is_empty();
    let sheet = made.then(|| png(&sheet::by_set(galleries))).transpose()?;
    let variety = made.then(|| png(&sheet::by_seed(galleries))).transpose()?;
    let edits = changed.map(|changed| png(&edits::sheet(changed)));
    let edits = edits.transpose()?;
    let pictures = Pictures {
        sheet: sheet.as_deref(),
        variety: variety.as_deref(),
        edits: edits.as_deref(),
    };
    let page = page::page(report, pictures);
    // Strings, numbers and lists: JSON can express them all.
    let json = serde_json::to_vec_pretty(report).unwrap_or_default();
    let picture = |name, picture: Option<&[u8]>| {
        let written = picture.map(|picture| store.write(name, picture));
        written.transpose()
    };
    Ok(Files {
        page: store.write("report.html", page.as_bytes())?,
        report: store.write("report.json", &json)?,
        sheet: picture("sheet.png", pictures.sheet)?,
        variety: picture("variety.png", pictures.variety)?,
        edits: picture("edits.png", pictures.edits)?,
    })
}
