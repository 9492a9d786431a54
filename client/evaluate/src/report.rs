//! What an evaluation found, for programs; its fields are those of `report.json`.

use deepface_client::SettingsInForce;
use serde::Serialize;

use crate::store::Identity;

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What the faces depend on.
    pub run: Identity,
    /// Seeds of each attribute set.
    pub seeds: u64,
    /// Seeds of the requests that variety is measured on.
    pub variety_seeds: u64,
    /// The attribute sets, in the order of the sheet's columns.
    pub sets: Vec<Set>,
    /// Number of photographs that realism is measured from.
    pub references: usize,
    /// Number of photographs that the control and the mean face are fitted to.
    pub fitted: usize,
    /// What a user should know about the data set, a sentence each.
    pub remarks: Vec<String>,
    /// The controls, then the methods.
    pub rows: Vec<Row>,
    /// The generator's defaults on requests of a few words, where they were tried.
    pub probes: Option<Probes>,
}

/// An attribute set, and where it comes from.
#[derive(Clone, Debug, Serialize)]
pub struct Set {
    /// File name of the source photograph.
    pub source: String,
    /// The attributes that were asked for.
    pub attributes: Vec<String>,
}

/// One control or one method.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Name of the method or the control.
    pub name: String,
    /// What it is, in a few words.
    pub note: &'static str,
    /// Whether it is there to compare the methods with.
    pub control: bool,
    /// Number of faces.
    pub faces: usize,
    /// By the judge, which nobody inverts.
    pub judge: Verdict,
    /// By the classifier, which the methods invert: it judges itself.
    pub classifier: Verdict,
    /// Share of spectral energy above 0.2 cycles a pixel, at 64 pixels, mean over the faces.
    pub detail: f64,
    /// Number of faces in which a face detector finds a face.
    pub detected: usize,
    /// How different the seeds of one request are, in pixels: root mean square difference of two faces, 0 to 1.
    pub pixel_variety: Option<Variety>,
    /// Time that one face takes, beside another, in seconds.
    pub seconds: Option<f64>,
    /// The settings in force.
    pub settings: Option<SettingsInForce>,
    /// Mean loss before each step. Not comparable between methods.
    pub losses: Vec<f64>,
}

/// What one network says of all faces of a row.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Mean area under the ROC curve over the attributes that some faces asked for and some did not.
    pub auc: Option<f64>,
    /// Mean probability of what was asked for.
    pub requested: f64,
    /// Mean cosine to the source photograph, after the mean embedding is taken away.
    pub similarity: f64,
    /// Mean rank of the source photograph among all sources; 1 is the best.
    pub rank: f64,
    /// Kernel distance from other photographs.
    pub kid: Option<f64>,
    /// Distance from the mean face, over that of the source photographs.
    pub mean_face_distance: f64,
    /// How different the seeds of one request are, in the embedding.
    pub variety: Option<Variety>,
    /// AUC of each attribute.
    pub attributes: Vec<AttributeAuc>,
}

/// How different faces are that were asked for alike.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Variety {
    /// Mean distance of two seeds of one request.
    pub distance: f64,
    /// The same over that of two photographs.
    pub of_photographs: f64,
    /// The same over that of two photographs that have nearly the attributes asked for.
    pub of_alike: f64,
}

/// How well faces show one attribute.
#[derive(Clone, Debug, Serialize)]
pub struct AttributeAuc {
    /// Name.
    pub name: String,
    /// Share of the faces that asked for it.
    pub asked: f64,
    /// AUC.
    pub auc: f64,
}

/// What the judge says of the answers to requests of a few words.
#[derive(Clone, Debug, Serialize)]
pub struct Probes {
    /// Each attribute of each request.
    pub short: Vec<Shown>,
    /// One attribute present and absent, with everything else alike.
    pub flips: Vec<Flip>,
    /// The same request with many seeds, where there are photographs to compare with.
    pub varied: Vec<Varied>,
}

impl Probes {
    /// Of the attributes that the judge sees in most photographs that have them (a median above one half), how many it
    /// sees in the faces that were asked for; and how many those are.
    pub fn shown(&self) -> (usize, usize) {
        let seen = |s: &&Shown| s.of_photographs.is_some_and(|p| p > 0.5);
        let can_be_seen = self.short.iter().filter(seen);
        let shown = can_be_seen.clone().filter(|s| s.probability > 0.5);
        (shown.count(), can_be_seen.count())
    }
}

/// One attribute of a short request.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The request.
    pub asked: Vec<String>,
    /// The attribute.
    pub attribute: String,
    /// Its probability.
    pub probability: f64,
    /// Median probability in photographs that have it; `None` of fewer than three.
    pub of_photographs: Option<f64>,
}

/// An attribute that was asked to be present and to be absent, at the same seed.
#[derive(Clone, Debug, Serialize)]
pub struct Flip {
    /// The attribute.
    pub attribute: String,
    /// How far its log-odds moved.
    pub moved: f64,
    /// How far those of all others did, on average.
    pub others: f64,
}

impl Flip {
    /// How many times farther than the others.
    pub fn ratio(&self) -> f64 {
        self.moved / self.others.max(1e-9)
    }
}

/// How different the seeds of a short request are.
#[derive(Clone, Debug, Serialize)]
pub struct Varied {
    /// The request.
    pub asked: Vec<String>,
    /// Mean distance of two seeds in the embedding, over that of two photographs with these attributes.
    pub of_alike: f64,
}
