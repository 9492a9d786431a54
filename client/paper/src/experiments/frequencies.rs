//! Figure 7: how many of the training photographs have each attribute; and two claims of section 4 and 5.1.

use std::collections::HashSet;

use deepface_dataset::{Photograph, Split};
use serde::{Deserialize, Serialize};

use crate::bench::Bench;

/// Shares that the paper states (section 5.1), of its own photographs.
const STATED: [(&str, f64); 3] = [("White", 0.76), ("Black", 0.03), ("No Eyewear", 0.90)];
/// Attributes that say how old somebody is; the paper has such a label for 60 % of its people.
const AGES: [&str; 5] = ["Baby", "Child", "Youth", "Middle Aged", "Senior"];
pub(crate) const AGE_STATED: f64 = 0.60;
/// Colours of which the paper says that each photograph has exactly one (section 4).
const COLOURS: [&str; 3] = ["Black Hair", "Blond Hair", "Brown Hair"];

/// How often attributes are in the training photographs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frequencies {
    /// Number of photographs, and of the people in them.
    pub photographs: usize,
    /// Number of people.
    pub people: usize,
    /// Every attribute, the most frequent first.
    pub attributes: Vec<Frequency>,
    /// Share of the photographs with a label of age; `None` if the data set has none.
    pub with_age: Option<f64>,
    /// Share of the photographs with none, exactly one, and several of black, blond and brown hair; `None` if the data set
    /// lacks one of them.
    pub hair: Option<[f64; 3]>,
}

/// How often an attribute is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frequency {
    /// The attribute.
    pub name: String,
    /// Share of the photographs.
    pub photographs: f64,
    /// Share of the people, by their first photograph.
    pub people: f64,
    /// What the paper states.
    pub paper: Option<f64>,
}

/// Counts the labels of the training photographs.
pub(crate) fn make(bench: &Bench<'_>) -> Frequencies {
    let photographs = bench.photographs(Split::Train);
    let people = bench.people(Split::Train);
    let share = |of: &[&Photograph], has: &dyn Fn(&Photograph) -> bool| {
        of.iter().filter(|p| has(p)).count() as f64 / of.len().max(1) as f64
    };
    let attribute = |(j, name): (usize, &str)| Frequency {
        name: name.to_owned(),
        photographs: share(&photographs, &|p| p.labels[j]),
        people: share(&people, &|p| p.labels[j]),
        paper: STATED.iter().find(|s| s.0 == name).map(|s| s.1),
    };
    let mut attributes: Vec<_> = bench.schema().names().enumerate().map(attribute).collect();
    attributes.sort_by(|a, b| b.photographs.total_cmp(&a.photographs));
    let numbers = |names: &[&str]| -> Vec<usize> {
        names
            .iter()
            .filter_map(|name| bench.attribute(name))
            .collect()
    };
    let (ages, colours) = (numbers(&AGES), numbers(&COLOURS));
    let count = |p: &Photograph| colours.iter().filter(|&&j| p.labels[j]).count();
    let hair = [
        share(&photographs, &|p| count(p) == 0),
        share(&photographs, &|p| count(p) == 1),
        share(&photographs, &|p| count(p) > 1),
    ];
    let names: HashSet<&str> = photographs.iter().map(|p| &p.person[..]).collect();
    Frequencies {
        photographs: photographs.len(),
        people: names.len(),
        attributes,
        with_age: (!ages.is_empty())
            .then(|| share(&photographs, &|p| ages.iter().any(|&j| p.labels[j]))),
        hair: (colours.len() == COLOURS.len()).then_some(hair),
    }
}
