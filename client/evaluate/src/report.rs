//! What an evaluation found, for programs; its fields are those of `report.json`.

use std::collections::BTreeMap;

use deepface_client::SettingsInForce;
use serde::Serialize;

use crate::figure::Figure;
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
    /// Number of photographs that realism is measured from, each of another person.
    pub references: usize,
    /// Number of photographs that the control and the mean face are fitted to.
    pub fitted: usize,
    /// What a user should know about the data set, a sentence each.
    pub remarks: Vec<String>,
    /// The controls, then the methods.
    pub rows: Vec<Row>,
    /// How well each network tells people apart.
    pub verification: Vec<Verification>,
    /// The generator's defaults on requests of a few words, where they were tried.
    pub probes: Option<Probes>,
    /// Changed photographs, where they were tried.
    pub edits: Option<Edits>,
}

/// Photographs of held-out people, changed by attributes.
#[derive(Clone, Debug, Serialize)]
pub struct Edits {
    /// Number of people.
    pub people: usize,
    /// The controls and the ways to change a photograph; differences are from the row `edit`.
    pub rows: Vec<Row>,
    /// Each kind of change.
    pub wishes: Vec<Wished>,
}

/// One kind of change.
#[derive(Clone, Debug, Serialize)]
pub struct Wished {
    /// The attribute, after "not" where it should go.
    pub name: String,
    /// The rows that have it.
    pub rows: Vec<WishRow>,
}

/// One kind of change by one row, in the eyes of the judge and of the identity network.
#[derive(Clone, Debug, Serialize)]
pub struct WishRow {
    /// Name of the row.
    pub name: String,
    /// Number of photographs.
    pub faces: usize,
    /// Mean probability that it is as asked.
    pub asked: f64,
    /// Share in which it is, of the photographs in which it was not.
    pub changed: Option<f64>,
    /// Mean number of other attributes that are decided otherwise.
    pub flipped: f64,
    /// Share that is near enough to the photograph to be of one person.
    pub same: f64,
}

/// How well the similarity of embeddings tells two photographs of a person from those of two people.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// The network.
    pub network: &'static str,
    /// People with two photographs.
    pub pairs: usize,
    /// Area under the ROC curve against other people; 0.5 is chance.
    pub auc: Option<f64>,
    /// Area under the ROC curve against the other person whose labels are nearest.
    pub auc_like_labels: Option<f64>,
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
    /// By the second judge, which nobody tunes to.
    pub second_judge: Verdict,
    /// By a network that knows people and no attributes.
    pub identity: Verdict,
    /// By the classifier, which the methods invert: it judges itself.
    pub classifier: Verdict,
    /// Without a network.
    pub pixels: Figures,
    /// How different the seeds of one request are, in pixels: root mean square difference of two faces, 0 to 1.
    pub pixel_variety: Option<Variety>,
    /// Time that one face takes, beside another, in seconds.
    pub seconds: Option<f64>,
    /// The settings in force.
    pub settings: Option<SettingsInForce>,
    /// Mean loss before each step. Not comparable between methods.
    pub losses: Vec<f64>,
}

/// Figures of a row; those that could not be measured are missing.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Figures(pub BTreeMap<Figure, Estimate>);

/// A figure, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Where the middle 95 % of bootstrap draws over people begin.
    pub low: f64,
    /// Where they end.
    pub high: f64,
    /// By how much it is above that of the method `default`, where that is there and not this one.
    pub difference: Option<Difference>,
}

/// A difference between two rows, and how sure it is: both rows have the same bootstrap draws.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The difference.
    pub value: f64,
    /// Where the middle 95 % of bootstrap draws over people begin.
    pub low: f64,
    /// Where they end.
    pub high: f64,
}

/// What one network says of all faces of a row.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// What has an interval.
    #[serde(flatten)]
    pub figures: Figures,
    /// How different the seeds of one request are, in the embedding.
    pub variety: Option<Variety>,
    /// AUC of each attribute.
    pub attributes: Vec<AttributeAuc>,
}

impl Figures {
    /// The value of a figure.
    pub fn value(&self, figure: Figure) -> Option<f64> {
        self.0.get(&figure).map(|estimate| estimate.value)
    }
}

impl Difference {
    /// Whether its interval leaves out 0.
    pub fn is_sure(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
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
    /// The same, attribute by attribute.
    pub calibration: Vec<Calibration>,
}

/// Whether the faces of a short request have attributes as probable as photographs that have what was asked.
#[derive(Clone, Debug, Serialize)]
pub struct Calibration {
    /// The request.
    pub asked: Vec<String>,
    /// Photographs that have it, each of another person.
    pub photographs: usize,
    /// Mean probability of the requested attributes in the faces.
    pub requested: f64,
    /// The same in the photographs.
    pub requested_of_photographs: f64,
    /// Mean absolute difference of the probabilities of all other attributes.
    pub other_deviation: f64,
    /// What that would be on average if faces and photographs were alike, as there are only so many of them.
    pub chance: f64,
    /// The other attribute that differs most.
    pub worst: String,
    /// Its mean probability in the faces.
    pub worst_probability: f64,
    /// The same in the photographs.
    pub worst_of_photographs: f64,
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
    /// How far its log-odds moved towards what was asked.
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
