//! Faces that are made elsewhere, and measured like those of the generator's methods.

use std::pin::Pin;
use std::time::Instant;

use deepface_client::SettingsInForce;
use deepface_images::png;
use image::RgbImage;

use crate::error::EvaluateError;
use crate::generation::{Described, Task};
use crate::photographs::Subject;
use crate::progress::Watch;
use crate::store::{Entry, Store};

/// What a guest is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// For each attribute, in the order of the schema, whether it is asked for.
    pub present: &'a [bool],
    /// The value of each attribute, 0 to 1, as the generator describes the request.
    pub values: &'a [f64],
    /// Seed of everything that is drawn.
    pub seed: u64,
}

/// Why a guest made no face.
pub type GuestError = Box<dyn std::error::Error + Send + Sync>;
/// A face, later.
pub type Painting<'a> = Pin<Box<dyn Future<Output = Result<RgbImage, GuestError>> + Send + 'a>>;

/// A way to make faces that is not the generator's.
pub trait Guest: Send + Sync {
    /// Its name in the report: letters, digits, hyphens.
    fn name(&self) -> &str;

    /// What it does, in a few words.
    fn note(&self) -> &'static str;

    /// Makes a face.
    fn paint<'a>(&'a self, wanted: Wanted<'a>) -> Painting<'a>;
}

/// Makes the missing faces of a guest and stores each as soon as it is finished.
///
/// # Errors
/// The guest fails, or a face cannot be written. Stored faces stay.
pub(crate) async fn make(
    guest: &dyn Guest,
    tasks: &[Task],
    sources: &[Subject],
    described: &[Described],
    store: &mut Store,
    watch: &Watch,
) -> Result<(), EvaluateError> {
    for (done, (task, described)) in tasks.iter().zip(described).enumerate() {
        watch.at("guests' faces", done, tasks.len());
        if store.entry(&task.key).is_some() {
            continue;
        }
        let begun = Instant::now();
        let wanted = Wanted {
            present: sources[task.key.set].labels.present(),
            values: &described.values,
            seed: task.first_seed + task.key.seed,
        };
        let face = guest.paint(wanted).await;
        let face = face.map_err(|reason| EvaluateError::Guest {
            name: guest.name().to_owned(),
            reason: reason.to_string(),
        })?;
        let entry = Entry {
            key: task.key.clone(),
            seconds: begun.elapsed().as_secs_f64(),
            settings: SettingsInForce::default(),
            losses: Vec::new(),
        };
        store.keep(entry, &png(&face)?)?;
    }
    Ok(())
}
