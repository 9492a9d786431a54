//! The rows of changed photographs: the controls, the generator's change, and Deep Feature Interpolation.

use std::sync::Arc;
use std::time::Instant;

use deepface_client::SettingsInForce;
use deepface_client::v1::GenerationSettings;
use deepface_dataset::Dataset;
use deepface_images::{Framing, face_pixels, image_of, png};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::direction::directions;
use super::{Changed, EDIT, Edit, MATCHED, PLAIN, STRANGER};
use crate::assessment::most_alike;
use crate::error::EvaluateError;
use crate::eyes::Eyes;
use crate::gallery::{Gallery, control};
use crate::generation::{IN_FLIGHT, Task};
use crate::labels::Labels;
use crate::mover::{Moved, Mover};
use crate::photographs::{Photographs, Subject};
use crate::progress::Watch;
use crate::store::{Entry, Store};

/// Deep Feature Interpolation with these factors of the direction: the paper leaves it to the eye.
const INTERPOLATIONS: [(f32, &str, &str); 3] = [
    (
        1.0,
        "dfi",
        "Deep Feature Interpolation (Upchurch et al. 2017): as far as the mean photographs with and without it are apart",
    ),
    (2.0, MATCHED, "twice as far"),
    (4.0, "dfi-4", "four times as far"),
];
/// What the rows are made of.
pub(crate) struct Material<'a> {
    pub(crate) data: &'a Arc<Dataset>,
    pub(crate) photographs: &'a Photographs,
    pub(crate) eyes: &'a Eyes,
    /// The layer of the generator's targets.
    pub(crate) layer: &'a str,
    /// Side of the images that the classifier sees, pixels.
    pub(crate) side: usize,
    pub(crate) mover: Option<&'a dyn Mover>,
}

/// All rows. `tasks` are those of the edits, and are done; what is missing of Deep Feature Interpolation is made now.
///
/// # Errors
/// A photograph cannot be read, the classifier or the mover fails, or a face cannot be stored.
pub(crate) async fn gather(
    edits: Vec<Edit>,
    tasks: &[Task],
    of: &Material<'_>,
    store: &mut Store,
    watch: &Watch,
) -> Result<Changed, EvaluateError> {
    let mut galleries = vec![photographs(&edits, of)];
    let own = [
        (EDIT, "the generator's own change"),
        (PLAIN, "the same without the likelihood of the attributes"),
    ];
    for (name, note) in own {
        galleries.push(Gallery::of_tasks(name, note, tasks, store)?);
    }
    if let Some(mover) = of.mover {
        galleries.extend(interpolate(&edits, mover, of, store, watch).await?);
    }
    galleries.push(strangers(&edits, of.photographs));
    Ok(Changed { edits, galleries })
}

/// The photographs as the classifier sees them: no change of them has more detail.
fn photographs(edits: &[Edit], of: &Material<'_>) -> Gallery {
    let faces = edits.iter().map(|edit| {
        let face = &of.photographs.sources[edit.set].face;
        let pixels = face_pixels(face, Framing::Face, of.side);
        edit.face(Arc::new(image_of(&pixels, [of.side as u32; 2])))
    });
    let note = "the photographs unchanged, of the size that the classifier sees";
    control("photograph", note, faces.collect())
}

/// Of the references that are as asked, the one that shares most labels with each photograph.
fn strangers(edits: &[Edit], photographs: &Photographs) -> Gallery {
    let references = &photographs.references;
    let face = |edit: &Edit| {
        let as_asked = |s: &&Subject| edit.wish.is_in(&s.labels) == Some(true);
        let all: Vec<&Subject> = references.iter().filter(as_asked).collect();
        let labels: Vec<Labels> = all.iter().map(|s| s.labels.clone()).collect();
        let own = &photographs.sources[edit.set].labels;
        let nearest = *most_alike(own, &labels, 1).first()?;
        Some(edit.face(Arc::new(all[nearest].face.clone())))
    };
    let note = "a photograph of another person who is as asked, with the nearest labels";
    control(STRANGER, note, edits.iter().filter_map(face).collect())
}

/// A face to be found, and what is added to the activation.
type Interpolation = (Task, Vec<f32>);

async fn interpolate(
    edits: &[Edit],
    mover: &dyn Mover,
    of: &Material<'_>,
    store: &mut Store,
    watch: &Watch,
) -> Result<Vec<Gallery>, EvaluateError> {
    let settings = GenerationSettings::default();
    let names = INTERPOLATIONS.iter().map(|(_, name, _)| name);
    let tasks = names.flat_map(|name| edits.iter().map(|edit| edit.task(name, &settings)));
    let tasks: Vec<Task> = tasks.collect();
    if tasks.iter().any(|task| store.entry(&task.key).is_none()) {
        let wanted = edits.iter();
        let wanted = wanted.map(|e| (e.wish, of.photographs.sources[e.set].labels.clone()));
        let wanted: Vec<_> = wanted.collect();
        let directions = directions(of.data, &wanted, of.layer, of.eyes, watch).await?;
        let scaled = INTERPOLATIONS.iter().flat_map(|(factor, ..)| {
            let scale = |d: &Vec<f32>| d.iter().map(|x| factor * x).collect::<Vec<f32>>();
            directions.iter().map(scale).collect::<Vec<_>>()
        });
        let all: Vec<Interpolation> = tasks.iter().cloned().zip(scaled).collect();
        paint(all, mover, of, store, watch).await?;
    }
    // Without neighbours there is no direction, and no face.
    let made = tasks.into_iter();
    let made = made.filter(|task| store.entry(&task.key).is_some());
    let made: Vec<Task> = made.collect();
    let galleries = INTERPOLATIONS.iter();
    galleries
        .map(|(_, name, note)| Gallery::of_tasks(name, note, &made, store))
        .collect()
}

/// Makes what is missing, and stores each face as soon as it is finished.
async fn paint(
    all: Vec<Interpolation>,
    mover: &dyn Mover,
    of: &Material<'_>,
    store: &mut Store,
    watch: &Watch,
) -> Result<(), EvaluateError> {
    let total = all.len();
    let missing = all.into_iter();
    let missing = missing.filter(|(task, by)| store.entry(&task.key).is_none() && !by.is_empty());
    let missing: Vec<Interpolation> = missing.collect();
    let mut done = total - missing.len();
    let mut faces = stream::iter(missing)
        .map(|(task, by)| async move {
            let begun = Instant::now();
            let moved = Moved {
                face: &of.photographs.sources[task.key.set].face,
                layer: of.layer,
                by: &by,
                seed: task.key.seed,
            };
            let face = mover.paint(moved).await;
            let face = face.map_err(|reason| EvaluateError::Guest {
                name: task.key.method.clone(),
                reason: reason.to_string(),
            })?;
            let entry = Entry {
                key: task.key,
                seconds: begun.elapsed().as_secs_f64(),
                settings: SettingsInForce::default(),
                losses: Vec::new(),
            };
            Ok::<_, EvaluateError>((entry, png(&face)?))
        })
        .buffer_unordered(IN_FLIGHT);
    watch.at("interpolating", done, total);
    while let Some((entry, face)) = faces.try_next().await? {
        store.keep(entry, &face)?;
        done += 1;
        watch.at("interpolating", done, total);
    }
    Ok(())
}
