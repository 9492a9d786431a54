//! The faces of each row of the report.

use std::sync::Arc;

use deepface_client::SettingsInForce;
use image::RgbImage;

use crate::control::PixelRegression;
use crate::error::EvaluateError;
use crate::generation::Task;
use crate::measures::mean;
use crate::methods::Method;
use crate::photographs::Subject;
use crate::store::Store;

/// Exaggerations of the control without a network, one row each.
const EXAGGERATIONS: [(f64, &str, &str); 2] = [
    (
        0.0,
        "no-network",
        "no network: pixels by regression on the attributes",
    ),
    (
        1.0,
        "no-network-k1",
        "the same, twice as far from the mean face",
    ),
];

/// A face, and which request it answers.
#[derive(Clone, Debug)]
pub(crate) struct Face {
    pub(crate) set: usize,
    pub(crate) seed: u64,
    pub(crate) picture: Arc<RgbImage>,
}

/// The faces of one method or control.
#[derive(Clone, Debug)]
pub(crate) struct Gallery {
    pub(crate) name: String,
    pub(crate) note: &'static str,
    pub(crate) control: bool,
    pub(crate) faces: Vec<Face>,
    /// Mean time of one face, seconds.
    pub(crate) seconds: Option<f64>,
    pub(crate) settings: Option<SettingsInForce>,
    /// Mean loss before each step.
    pub(crate) losses: Vec<f64>,
}

impl Gallery {
    /// The faces of a method, as they were stored.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub(crate) fn of_method(
        method: &Method,
        tasks: &[Task],
        store: &Store,
    ) -> Result<Self, EvaluateError> {
        let own = || tasks.iter().filter(|task| task.key.method == method.name);
        let entries: Vec<_> = own().filter_map(|task| store.entry(&task.key)).collect();
        let face = |task: &Task| {
            Ok(Face {
                set: task.key.set,
                seed: task.key.seed,
                picture: Arc::new(store.face(&task.key)?),
            })
        };
        let steps = entries.iter().map(|entry| entry.losses.len()).max();
        let loss = |step: usize| {
            let losses = entries.iter().filter_map(|entry| entry.losses.get(step));
            mean(losses.map(|&loss| f64::from(loss)))
        };
        Ok(Self {
            name: method.name.to_owned(),
            note: method.note,
            control: false,
            faces: own().map(face).collect::<Result<_, EvaluateError>>()?,
            seconds: mean(entries.iter().map(|entry| entry.seconds)),
            settings: entries.first().map(|entry| entry.settings.clone()),
            losses: (0..steps.unwrap_or_default()).filter_map(loss).collect(),
        })
    }
}

/// What every method is compared with: the photographs, the mean face, and faces made without a network.
pub(crate) fn controls(
    sources: &[Subject],
    regression: &PixelRegression,
    with_negatives: bool,
) -> Vec<Gallery> {
    let mean_face = Arc::new(regression.mean_face());
    let mut controls = vec![
        control(
            "photographs",
            "the source photographs themselves",
            sources,
            |source| Arc::new(source.face.clone()),
        ),
        control(
            "mean-face",
            "the mean of all training photographs",
            sources,
            |_| mean_face.clone(),
        ),
    ];
    controls.extend(EXAGGERATIONS.map(|(exaggeration, name, note)| {
        control(name, note, sources, |source| {
            let has = |attribute| source.labels.has(attribute);
            let all = source.labels.schema().all();
            let named = all.filter(|&a| has(a) || with_negatives);
            let named = named.map(|a| (a, f64::from(u8::from(has(a)))));
            Arc::new(regression.face(&named.collect::<Vec<_>>(), exaggeration))
        })
    }));
    controls
}

fn control(
    name: &str,
    note: &'static str,
    sources: &[Subject],
    picture: impl Fn(&Subject) -> Arc<RgbImage>,
) -> Gallery {
    let face = |(set, source)| Face {
        set,
        seed: 0,
        picture: picture(source),
    };
    Gallery {
        name: name.to_owned(),
        note,
        control: true,
        faces: sources.iter().enumerate().map(face).collect(),
        seconds: None,
        settings: None,
        losses: Vec::new(),
    }
}
