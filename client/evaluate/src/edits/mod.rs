//! Photographs of held-out people, changed by attributes: whether the attribute comes or goes, whether the rest stays, and
//! whether it is still the same person. Beside the generator's own way is Deep Feature Interpolation.

mod assess;
mod direction;
mod rows;
mod text;
mod wishes;

use std::collections::BTreeMap;
use std::sync::Arc;

use deepface_client::v1::{GenerationSettings, TargetSettings};
use image::RgbImage;

use crate::gallery::{Face, Gallery};
use crate::generation::Task;
use crate::methods::Recipe;
use crate::photographs::Subject;
use crate::settings::Settings;
use crate::sheet;
use crate::store::Key;

pub(crate) use assess::{Judged, assess};
pub(crate) use rows::{Material, gather};
pub(crate) use text::edit_tables;
use wishes::{WISHES, Wish};

/// The generator's way, which all rows are compared with.
const EDIT: &str = "edit";
/// The same without the likelihood of the attributes.
const PLAIN: &str = "edit-no-likelihood";
/// Photographs of others.
const STRANGER: &str = "stranger";
/// Deep Feature Interpolation that changes about as much as the generator does (`docs/generation.md`).
const MATCHED: &str = "dfi-2";
/// Photographs of one change on a sheet.
const SHOWN: usize = 5;

/// A change of a source photograph.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    /// Number of the source.
    pub(crate) set: usize,
    /// Number of the change among those of its source.
    pub(crate) seed: u64,
    wish: Wish,
}

/// The changed photographs of all rows.
pub(crate) struct Changed {
    pub(crate) edits: Vec<Edit>,
    pub(crate) galleries: Vec<Gallery>,
}

/// The changes of the first photographs.
pub(crate) fn plan(settings: &Settings, sources: &[Subject]) -> Vec<Edit> {
    let labels = sources.iter().take(settings.edits).map(|s| &s.labels);
    let all = wishes::choose(labels, settings.seed)
        .into_iter()
        .enumerate();
    let edits = all.flat_map(|(set, wishes)| {
        let numbered = (0..).zip(wishes);
        numbered.map(move |(seed, wish)| Edit { set, seed, wish })
    });
    edits.collect()
}

/// What the generator is asked for, by the settings of the row `default`.
pub(crate) fn tasks(edits: &[Edit], changes: &GenerationSettings) -> Vec<Task> {
    let target = TargetSettings {
        // A changed face has none.
        variety: None,
        completeness: None,
        emphasis: None,
        ..changes.target.clone().unwrap_or_default()
    };
    let of = |method: &str, target: TargetSettings| {
        let settings = GenerationSettings {
            target: Some(target),
            ..changes.clone()
        };
        let tasks = edits.iter().map(|edit| edit.task(method, &settings));
        tasks.collect::<Vec<_>>()
    };
    let plain = TargetSettings {
        likelihood: Some(0.0),
        ..target.clone()
    };
    [of(EDIT, target), of(PLAIN, plain)].concat()
}

impl Edit {
    fn task(&self, method: &str, settings: &GenerationSettings) -> Task {
        Task {
            key: Key {
                method: method.to_owned(),
                set: self.set,
                seed: self.seed,
            },
            recipe: Recipe::Edit(settings.clone()),
            first_seed: 0,
            present: self.names(true),
            absent: self.names(false),
        }
    }

    /// What should come, or what should go.
    fn names(&self, present: bool) -> Vec<String> {
        let wished = (self.wish.present == present).then_some(self.wish.attribute);
        wished.into_iter().map(Into::into).collect()
    }

    fn face(&self, picture: Arc<RgbImage>) -> Face {
        Face {
            set: self.set,
            seed: self.seed,
            picture,
        }
    }
}

/// Some of the photographs of each change: a row for each, the photograph beside the same one in all rows of the report.
pub(crate) fn sheet(changed: &Changed) -> RgbImage {
    let mut rows: BTreeMap<usize, sheet::Row> = BTreeMap::new();
    let width = changed.galleries.len();
    for edit in &changed.edits {
        let Some(number) = WISHES.iter().position(|wish| *wish == edit.wish) else {
            continue;
        };
        let (_, faces) = rows
            .entry(number)
            .or_insert_with(|| (edit.wish.name(), Vec::new()));
        // A column stays empty between photographs.
        let place = faces.last().map_or(0, |(last, _)| last / (width + 1) + 1);
        if place == SHOWN {
            continue;
        }
        for (column, gallery) in changed.galleries.iter().enumerate() {
            let own = gallery.faces.iter();
            let own = own.filter(|face| (face.set, face.seed) == (edit.set, edit.seed));
            faces.extend(own.map(|f| (place * (width + 1) + column, f.picture.clone())));
        }
    }
    sheet::sheet(&rows.into_values().collect::<Vec<_>>())
}
