//! The faces of each row of the report.

use std::sync::Arc;

use deepface_client::SettingsInForce;
use image::{RgbImage, imageops};

use crate::control::PixelRegression;
use crate::error::EvaluateError;
use crate::generation::{Described, Task};
use crate::measures::mean;
use crate::photographs::{Photographs, SIDE, Subject};
use crate::store::Store;

/// Exaggerations of the control without a network, one row each.
const EXAGGERATIONS: [(f64, &str, &str); 2] = [
    (
        0.0,
        "no-network",
        "no network: pixels by regression on the attributes, named and completed, as the generator describes the request",
    ),
    (
        1.0,
        "no-network-k1",
        "the same, twice as far from the mean face",
    ),
];

/// Blurred photographs, a ruler for the measures of realism: deviations of the Gaussian in pixels of 64.
const BLURS: [(f32, &str, &str); 5] = [
    (
        0.5,
        "blur-0.5",
        "the source photographs, blurred by 0.5 of 64 pixels",
    ),
    (1.0, "blur-1", "by 1 of 64 pixels"),
    (1.5, "blur-1.5", "by 1.5 of 64 pixels"),
    (2.0, "blur-2", "by 2 of 64 pixels"),
    (3.0, "blur-3", "by 3 of 64 pixels"),
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
    /// The faces of a method or a guest, as they were stored.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub(crate) fn of_tasks(
        name: &str,
        note: &'static str,
        tasks: &[Task],
        store: &Store,
    ) -> Result<Self, EvaluateError> {
        let own = || tasks.iter().filter(|task| task.key.method == name);
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
            name: name.to_owned(),
            note,
            control: false,
            faces: own().map(face).collect::<Result<_, EvaluateError>>()?,
            seconds: mean(entries.iter().map(|entry| entry.seconds)),
            settings: entries.first().map(|entry| entry.settings.clone()),
            losses: (0..steps.unwrap_or_default()).filter_map(loss).collect(),
        })
    }
}

/// What the controls are made of.
pub(crate) struct Material<'a> {
    pub(crate) photographs: &'a Photographs,
    /// Of each source the training photograph whose labels are nearest.
    pub(crate) nearest: &'a [Subject],
    pub(crate) regression: &'a PixelRegression,
    /// The generator's own description of each request.
    pub(crate) described: &'a [Described],
}

/// What every method is compared with: photographs, the mean face, and faces made without a network.
pub(crate) fn controls(of: &Material<'_>) -> Vec<Gallery> {
    let sources = &of.photographs.sources;
    let each = |picture: &dyn Fn(usize) -> Option<Arc<RgbImage>>| {
        let face = |set| {
            let picture = picture(set)?;
            Some(Face {
                set,
                seed: 0,
                picture,
            })
        };
        (0..sources.len()).filter_map(face).collect::<Vec<_>>()
    };
    let face = |subject: &Subject| Some(Arc::new(subject.face.clone()));
    let mean_face = Arc::new(of.regression.mean_face());
    let mut controls = vec![
        control(
            "photographs",
            "the source photographs themselves",
            each(&|set| face(&sources[set])),
        ),
        control(
            "other-photograph",
            "another photograph of the same person, where there is one",
            each(&|set| face(of.photographs.others[set].as_ref()?)),
        ),
        control(
            "nearest-labels",
            "the training photograph whose labels are nearest",
            each(&|set| face(&of.nearest[set])),
        ),
        control(
            "mean-face",
            "the mean of all training photographs",
            each(&|_| Some(mean_face.clone())),
        ),
    ];
    controls.extend(EXAGGERATIONS.map(|(exaggeration, name, note)| {
        let face = |described: &Described| Face {
            set: described.set,
            seed: described.seed,
            picture: Arc::new(of.regression.face(&described.values, exaggeration)),
        };
        control(name, note, of.described.iter().map(face).collect())
    }));
    controls.extend(BLURS.map(|(sigma, name, note)| {
        let sigma = sigma * SIDE as f32 / 64.0;
        let blurred = |set: usize| imageops::blur(&sources[set].face, sigma);
        control(name, note, each(&|set| Some(Arc::new(blurred(set)))))
    }));
    controls
}

pub(crate) fn control(name: &str, note: &'static str, faces: Vec<Face>) -> Gallery {
    Gallery {
        name: name.to_owned(),
        note,
        control: true,
        faces,
        seconds: None,
        settings: None,
        losses: Vec::new(),
    }
}
