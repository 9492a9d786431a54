//! What an evaluation found, for programs; its fields are those of `report.json`.

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
    /// The controls, then the methods.
    pub rows: Vec<Row>,
}

/// An attribute set, and where it comes from.
#[derive(Clone, Debug, Serialize)]
pub struct Set {
    /// File name of the source photograph.
    pub source: String,
    /// The attributes that were asked for.
    pub attributes: Vec<&'static str>,
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
    pub settings: Option<String>,
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
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AttributeAuc {
    /// Name.
    pub name: &'static str,
    /// Share of the faces that asked for it.
    pub asked: f64,
    /// AUC.
    pub auc: f64,
}
