//! Requests of a few words, as people make them: whether such faces show what was asked, change alone what one
//! attribute changes, and differ from seed to seed. By the judge, of the generator's defaults.

use deepface_attributes::{ATTRIBUTE_COUNT, AttributeId};
use deepface_client::v1::GenerationSettings;
use deepface_statistics::log_odds;

use crate::assessment::Labels;
use crate::generation::Task;
use crate::measures::{mean, mean_pairwise_distance};
use crate::methods::Recipe;
use crate::report::{Flip, Probes, Shown, Varied};
use crate::store::Key;
use crate::view::View;

/// One to three attributes each.
const SHORT: [&[&str]; 20] = [
    &["Smiling"],
    &["Male", "Eyeglasses"],
    &["Blond Hair"],
    &["Bald", "Male"],
    &["Asian", "Smiling"],
    &["Black"],
    &["Mustache", "Male"],
    &["Senior", "Gray Hair"],
    &["Wearing Hat"],
    &["Heavy Makeup", "Wearing Lipstick"],
    &["Child"],
    &["Frowning", "Male"],
    &["Sunglasses"],
    &["Bangs"],
    &["Chubby", "Double Chin"],
    &["Goatee"],
    &["Wearing Necktie"],
    &["Youth", "Attractive Woman"],
    &["Mouth Wide Open"],
    &["Big Nose", "Bags Under Eyes", "Senior"],
];
/// Asked for once and once against, everything else alike.
const FLIPPED: [&str; 8] = [
    "Smiling",
    "Eyeglasses",
    "Blond Hair",
    "Bald",
    "Male",
    "Mustache",
    "Heavy Makeup",
    "Senior",
];
/// What stands beside an attribute that is flipped, unless it is that one.
const BESIDE: [&str; 2] = ["Male", "White"];
/// Made with many seeds.
const VARIED: [&[&str]; 4] = [
    &["Male", "Smiling"],
    &["Blond Hair", "Wearing Lipstick"],
    &["Senior", "Eyeglasses"],
    &["Black"],
];
/// Photographs that something is said of, at least.
const ENOUGH: usize = 3;
/// Probabilities nearer to 0 or 1 are as good as these.
const FLOOR: f64 = 1e-4;

/// The faces that are needed, each variety request with `seeds` seeds.
pub(crate) fn tasks(seeds: u64) -> Vec<Task> {
    let task = |method: &str, set, seed, present: &[&'static str], absent: &[&'static str]| Task {
        key: Key {
            method: method.to_owned(),
            set,
            seed,
        },
        recipe: Recipe::Generate(GenerationSettings::default()),
        first_seed: 0,
        present: present.to_vec(),
        absent: absent.to_vec(),
    };
    let short = SHORT.iter().enumerate();
    let mut all: Vec<Task> = short
        .map(|(set, asked)| task("short", set, 0, asked, &[]))
        .collect();
    for (set, name) in FLIPPED.into_iter().enumerate() {
        let beside: Vec<_> = beside(name).collect();
        let with = [&[name], &beside[..]].concat();
        all.push(task("flip-present", set, 0, &with, &[]));
        all.push(task("flip-absent", set, 0, &beside, &[name]));
    }
    for (set, asked) in VARIED.into_iter().enumerate() {
        all.extend((0..seeds).map(|seed| task("varied", set, seed, asked, &[])));
    }
    all
}

fn beside(name: &str) -> impl Iterator<Item = &'static str> + use<'_> {
    BESIDE.into_iter().filter(move |other| *other != name)
}

/// Judges the faces of [`tasks`], `faces` in that order, beside photographs and their labels.
pub(crate) fn judge(faces: &[&View], photographs: &[&View], labels: &[Labels]) -> Probes {
    let (short, rest) = faces.split_at(SHORT.len());
    let (flips, varied) = rest.split_at(2 * FLIPPED.len());
    let seeds = varied.len() / VARIED.len();
    let having = |names: &[&str]| -> Vec<&View> {
        let has = |labels: &Labels| names.iter().all(|name| labels[number(name)]);
        let all = photographs.iter().zip(labels);
        all.filter(|(_, labels)| has(labels))
            .map(|(view, _)| *view)
            .collect()
    };
    let shown = SHORT.iter().zip(short).flat_map(|(asked, face)| {
        asked.iter().map(|&name| Shown {
            asked: asked.to_vec(),
            attribute: name,
            probability: probability(face, name),
            of_photographs: median(having(&[name]).iter().map(|v| probability(v, name))),
        })
    });
    Probes {
        short: shown.collect(),
        flips: FLIPPED
            .iter()
            .zip(flips.chunks_exact(2))
            .map(|(name, faces)| flip(name, faces[0], faces[1]))
            .collect(),
        varied: VARIED
            .iter()
            .enumerate()
            .filter_map(|(i, asked)| {
                let faces = &varied[i * seeds..][..seeds];
                let alike = having(asked);
                (alike.len() >= ENOUGH).then_some(())?;
                let distance = mean_pairwise_distance(&embeddings(faces))?;
                Some(Varied {
                    asked: asked.to_vec(),
                    of_alike: distance / mean_pairwise_distance(&embeddings(&alike))?,
                })
            })
            .collect(),
    }
}

/// How far the log-odds of an attribute moved, and those of all others.
fn flip(name: &'static str, present: &View, absent: &View) -> Flip {
    let moved = |a: usize| {
        let of = |view: &View| log_odds(view.probabilities[a].into(), FLOOR);
        (of(present) - of(absent)).abs()
    };
    let own = number(name);
    let others = (0..ATTRIBUTE_COUNT).filter(|&a| a != own).map(moved);
    Flip {
        attribute: name,
        moved: moved(own),
        others: mean(others).unwrap_or_default(),
    }
}

fn embeddings<'a>(views: &[&'a View]) -> Vec<&'a [f32]> {
    views.iter().map(|view| &view.embedding[..]).collect()
}

fn probability(view: &View, name: &str) -> f64 {
    f64::from(view.probabilities[number(name)])
}

/// Place of an attribute in the probabilities. All names here are in the schema; a test says so.
fn number(name: &str) -> usize {
    AttributeId::from_name(name)
        .map(AttributeId::index)
        .unwrap_or_default()
}

/// Median; `None` of a few.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    (all.len() >= ENOUGH).then(|| all[all.len() / 2])
}

#[cfg(test)]
mod tests {
    use deepface_attributes::AttributeId;

    use super::*;

    fn view(probabilities: &[(&str, f32)], embedding: f32) -> View {
        let mut all = vec![0.5; ATTRIBUTE_COUNT];
        for &(name, p) in probabilities {
            all[number(name)] = p;
        }
        View {
            embedding: vec![embedding],
            probabilities: all,
        }
    }

    #[test]
    fn all_names_are_attributes() {
        let names = SHORT.iter().chain(&VARIED).copied().flatten();
        for name in names.chain(&FLIPPED).chain(&BESIDE) {
            assert!(AttributeId::names().any(|a| a == *name), "{name}");
        }
    }

    #[test]
    fn a_flip_alone_moves_its_own_attribute() {
        let e = std::f32::consts::E;
        let present = view(&[("Bald", e / (1.0 + e)), ("Male", e / (1.0 + e))], 0.0);
        let flip = flip("Bald", &present, &view(&[], 0.0));
        assert!((flip.moved - 1.0).abs() < 1e-6, "{flip:?}");
        assert!((flip.others - 1.0 / 72.0).abs() < 1e-6, "{flip:?}");
    }

    #[test]
    fn every_face_is_judged_by_what_it_was_asked_for() {
        let tasks = tasks(2);
        let faces: Vec<View> = tasks
            .iter()
            .map(|task| {
                let shown: Vec<_> = task.present.iter().map(|name| (*name, 0.9)).collect();
                view(&shown, task.key.seed as f32)
            })
            .collect();
        let photograph = |x| view(&[("Male", 0.7), ("Smiling", 0.4)], x);
        let photographs = [0.0, 4.0, 8.0].map(photograph);
        let labels = [["Male", "Smiling"]; 3]
            .map(|names| std::array::from_fn(|a| names.iter().any(|name| number(name) == a)));
        let faces: Vec<&View> = faces.iter().collect();
        let photographs: Vec<&View> = photographs.iter().collect();
        let probes = judge(&faces, &photographs, &labels);
        assert!(probes.short.iter().all(|s| s.probability > 0.8));
        let male = probes.short.iter().find(|s| s.attribute == "Male").unwrap();
        assert!((male.of_photographs.unwrap() - 0.7).abs() < 1e-6);
        assert_eq!(probes.shown(), (4, 4), "Male, four times");
        assert!(probes.flips.iter().all(|f| f.ratio() > 10.0));
        // Only of the first request there are photographs: two seeds 1 apart, photographs 16 / 3 on average.
        let [varied] = &probes.varied[..] else {
            panic!("{:?}", probes.varied)
        };
        assert!((varied.of_alike - 3.0 / 16.0).abs() < 1e-6);
    }
}
