//! Makes the missing faces of a run, a few at a time.

use std::time::Instant;

use deepface_attributes::Schema;
use deepface_client::v1::{self, image::Content};
use deepface_client::{Event, EventStream, GeneratorClient, SettingsInForce, encoded_image};
use deepface_images::png;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::error::EvaluateError;
use crate::methods::Recipe;
use crate::photographs::Subject;
use crate::progress::Watch;
use crate::store::{Entry, Key, Store};

/// Faces under way at once: one computes while the other's step travels.
pub(crate) const IN_FLIGHT: usize = 2;

/// A face to be made.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// Which face of the run; its set is the source that is inverted.
    pub(crate) key: Key,
    pub(crate) recipe: Recipe,
    /// Seed of the generator for the key's seed 0.
    pub(crate) first_seed: u64,
    /// Attributes asked for.
    pub(crate) present: Vec<String>,
    /// Attributes asked to be absent.
    pub(crate) absent: Vec<String>,
}

impl Task {
    /// The same with another seed.
    pub(crate) fn with_seed(&self, seed: u64) -> Self {
        let mut task = self.clone();
        task.key.seed = seed;
        task
    }
}

/// What the generator makes of the attributes of a request.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) set: usize,
    pub(crate) seed: u64,
    /// The value of every attribute, 0 to 1, in the order of the schema.
    pub(crate) values: Vec<f64>,
}

/// Asks for the descriptions of tasks.
///
/// # Errors
/// The generator fails, or leaves out an attribute.
pub(crate) async fn describe(
    generator: &GeneratorClient,
    schema: &Schema,
    tasks: &[Task],
) -> Result<Vec<Described>, EvaluateError> {
    let all = stream::iter(tasks).map(|task| async {
        let request = v1::GetTargetRequest {
            attributes: v1::GenerateRequest::of(task.present.clone())
                .without(task.absent.clone())
                .attributes,
            seed: task.first_seed + task.key.seed,
            target: match &task.recipe {
                // Class visualisation has no target, but its requests mean the same.
                Recipe::Generate(settings) => settings
                    .target
                    .clone()
                    .filter(|target| target.method() != v1::Method::ClassVisualization),
                Recipe::Edit(_) | Recipe::Invert { .. } => None,
            },
            ..Default::default()
        };
        let target = generator.get_target(request).await?;
        let value = |name: &str| {
            let mut all = target.completed.iter();
            let completed = all.find(|completed| completed.name == name);
            completed
                .map(|c| c.value)
                .ok_or_else(|| EvaluateError::Answer {
                    url: generator.url().to_owned(),
                    reason: format!("expected a value of {name} in the description of a request"),
                })
        };
        Ok(Described {
            set: task.key.set,
            seed: task.key.seed,
            values: schema.names().map(value).collect::<Result<_, _>>()?,
        })
    });
    all.buffered(IN_FLIGHT).try_collect().await
}

/// Makes the missing faces and stores each as soon as it is finished.
///
/// # Errors
/// The generator fails, or a face cannot be written. Stored faces stay.
pub(crate) async fn make(
    generator: &GeneratorClient,
    sources: &[Subject],
    tasks: &[Task],
    store: &mut Store,
    watch: &Watch,
) -> Result<(), EvaluateError> {
    let missing = tasks.iter().filter(|task| store.entry(&task.key).is_none());
    let missing: Vec<_> = missing.cloned().collect();
    let mut done = tasks.len() - missing.len();
    let mut faces = stream::iter(missing)
        .map(|task| one(generator, sources, task))
        .buffer_unordered(IN_FLIGHT);
    watch.at("generating", done, tasks.len());
    while let Some((entry, face)) = faces.try_next().await? {
        store.keep(entry, &face)?;
        done += 1;
        watch.at("generating", done, tasks.len());
    }
    Ok(())
}

async fn one(
    generator: &GeneratorClient,
    sources: &[Subject],
    task: Task,
) -> Result<(Entry, Vec<u8>), EvaluateError> {
    let begun = Instant::now();
    let stream = v1::StreamSettings {
        every: Some(1),
        format: v1::ImageFormat::Png.into(),
        losses_only: true,
        ..Default::default()
    };
    let Key { set, seed, .. } = task.key;
    let seed = task.first_seed + seed;
    let source =
        || Ok::<_, EvaluateError>(encoded_image(png(&sources[set].face)?, v1::Framing::Face));
    let events = match task.recipe {
        Recipe::Generate(ref settings) | Recipe::Edit(ref settings) => {
            let edits = matches!(task.recipe, Recipe::Edit(_));
            let request = v1::GenerateRequest {
                settings: Some(settings.clone()),
                from: edits.then(source).transpose()?,
                ..v1::GenerateRequest::of(task.present)
                    .without(task.absent)
                    .with_seed(seed)
                    .with_stream(stream)
            };
            generator.generate(request).await?
        }
        Recipe::Invert { layer, inversion } => {
            let request = v1::InvertRequest {
                image: Some(source()?),
                layer: layer.to_owned(),
                inversion: Some(inversion),
                seed,
                stream: Some(stream),
                ..Default::default()
            };
            generator.invert(request).await?
        }
    };
    let followed = follow(events, generator.url()).await?;
    let entry = Entry {
        key: task.key,
        seconds: begun.elapsed().as_secs_f64(),
        settings: followed.settings,
        losses: followed.losses,
    };
    Ok((entry, followed.face))
}

#[derive(Default)]
struct Followed {
    settings: SettingsInForce,
    losses: Vec<f32>,
    face: Vec<u8>,
}

async fn follow(mut events: EventStream, url: &str) -> Result<Followed, EvaluateError> {
    let mut followed = Followed::default();
    while let Some(event) = events.next().await? {
        match event {
            Event::Started(started) => {
                let settings = started.settings.as_ref().map(SettingsInForce::from);
                followed.settings = settings.unwrap_or_default();
            }
            Event::Iterate(iterate) => {
                let loss = iterate.loss.unwrap_or_default().total;
                followed.losses.push(loss as f32);
            }
            Event::Result(result) => {
                let Some(Content::Encoded(face)) = result.image.and_then(|i| i.content) else {
                    return Err(EvaluateError::Answer {
                        url: url.to_owned(),
                        reason: "expected a PNG image as the result".to_owned(),
                    });
                };
                followed.face = face;
            }
        }
    }
    Ok(followed)
}
