//! Short requests, as people make them: whether such faces show what was asked, whether one changed attribute changes
//! nothing else, and whether seeds differ. Of the generator's defaults, by the judge.

use deepface_attributes::AttributeId;
use deepface_client::v1::GenerationSettings;
use deepface_statistics::{log_odds, median};

use crate::generation::Task;
use crate::labels::Labels;
use crate::measures::{mean, mean_pairwise_distance};
use crate::methods::Recipe;
use crate::report::{Flip, Probes, Shown, Varied};
use crate::store::Key;
use crate::view::View;

/// The attribute of this name. A constant with a wrong name does not compile.
const fn id(name: &str) -> AttributeId {
    match AttributeId::from_name(name) {
        Some(attribute) => attribute,
        None => panic!("not the name of an attribute"),
    }
}

/// One to three attributes each.
const SHORT: [&[AttributeId]; 20] = [
    &[id("Smiling")],
    &[id("Male"), id("Eyeglasses")],
    &[id("Blond Hair")],
    &[id("Bald"), id("Male")],
    &[id("Asian"), id("Smiling")],
    &[id("Black")],
    &[id("Mustache"), id("Male")],
    &[id("Senior"), id("Gray Hair")],
    &[id("Wearing Hat")],
    &[id("Heavy Makeup"), id("Wearing Lipstick")],
    &[id("Child")],
    &[id("Frowning"), id("Male")],
    &[id("Sunglasses")],
    &[id("Bangs")],
    &[id("Chubby"), id("Double Chin")],
    &[id("Goatee")],
    &[id("Wearing Necktie")],
    &[id("Youth"), id("Attractive Woman")],
    &[id("Mouth Wide Open")],
    &[id("Big Nose"), id("Bags Under Eyes"), id("Senior")],
];
/// Requested once as present and once as absent, everything else being equal.
const FLIPPED: [AttributeId; 8] = [
    id("Smiling"),
    id("Eyeglasses"),
    id("Blond Hair"),
    id("Bald"),
    id("Male"),
    id("Mustache"),
    id("Heavy Makeup"),
    id("Senior"),
];
/// Requested together with an attribute that is flipped, unless it is one of them.
const BESIDE: [AttributeId; 2] = [id("Male"), id("White")];
/// Requested with many seeds.
const VARIED: [&[AttributeId]; 4] = [
    &[id("Male"), id("Smiling")],
    &[id("Blond Hair"), id("Wearing Lipstick")],
    &[id("Senior"), id("Eyeglasses")],
    &[id("Black")],
];
/// Fewest photographs to compare with.
const ENOUGH: usize = 3;
/// Probabilities nearer to 0 or 1 count as this far from them.
const FLOOR: f64 = 1e-4;

/// The faces to be made, each variety request with `seeds` seeds.
pub(crate) fn tasks(seeds: u64) -> Vec<Task> {
    let task = |method: &str, set, seed, present: &[AttributeId], absent: &[AttributeId]| Task {
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
    for (set, flipped) in FLIPPED.into_iter().enumerate() {
        let beside: Vec<_> = BESIDE.into_iter().filter(|a| *a != flipped).collect();
        let with = [&[flipped], &beside[..]].concat();
        all.push(task("flip-present", set, 0, &with, &[]));
        all.push(task("flip-absent", set, 0, &beside, &[flipped]));
    }
    for (set, asked) in VARIED.into_iter().enumerate() {
        all.extend((0..seeds).map(|seed| task("varied", set, seed, asked, &[])));
    }
    all
}

/// Judges the faces of [`tasks`], `faces` in that order, beside photographs and their labels.
pub(crate) fn judge(faces: &[&View], photographs: &[&View], labels: &[Labels]) -> Probes {
    let (short, rest) = faces.split_at(SHORT.len());
    let (flips, varied) = rest.split_at(2 * FLIPPED.len());
    let seeds = varied.len() / VARIED.len();
    let having = |attributes: &[AttributeId]| -> Vec<&View> {
        let has = |labels: &Labels| attributes.iter().all(|&a| labels.has(a));
        let all = photographs.iter().zip(labels);
        all.filter(|(_, labels)| has(labels))
            .map(|(view, _)| *view)
            .collect()
    };
    let shown = SHORT.iter().zip(short).flat_map(|(asked, face)| {
        asked.iter().map(|&attribute| Shown {
            asked: names(asked),
            attribute: attribute.name(),
            probability: f64::from(face.probability(attribute)),
            of_photographs: typical(&having(&[attribute]), attribute),
        })
    });
    Probes {
        short: shown.collect(),
        flips: FLIPPED
            .iter()
            .zip(flips.chunks_exact(2))
            .map(|(&flipped, faces)| flip(flipped, faces[0], faces[1]))
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
                    asked: names(asked),
                    of_alike: distance / mean_pairwise_distance(&embeddings(&alike))?,
                })
            })
            .collect(),
    }
}

/// How far the log-odds of an attribute moved, and those of all others.
fn flip(flipped: AttributeId, present: &View, absent: &View) -> Flip {
    let moved = |attribute: AttributeId| {
        let of = |view: &View| log_odds(view.probability(attribute).into(), FLOOR);
        (of(present) - of(absent)).abs()
    };
    let others = AttributeId::all().filter(|&a| a != flipped).map(moved);
    Flip {
        attribute: flipped.name(),
        moved: moved(flipped),
        others: mean(others).unwrap_or_default(),
    }
}

fn embeddings<'a>(views: &[&'a View]) -> Vec<&'a [f32]> {
    views.iter().map(|view| &view.embedding[..]).collect()
}

fn names(attributes: &[AttributeId]) -> Vec<&'static str> {
    attributes
        .iter()
        .map(|attribute| attribute.name())
        .collect()
}

/// Median probability of an attribute in photographs; `None` if there are only a few.
fn typical(photographs: &[&View], attribute: AttributeId) -> Option<f64> {
    let seen = photographs.iter().map(|v| v.probability(attribute).into());
    (photographs.len() >= ENOUGH).then(|| median(seen.collect()))?
}

#[cfg(test)]
mod tests {
    use deepface_attributes::ATTRIBUTE_COUNT;

    use super::*;
    use crate::labels::tests::labels;

    fn view(probabilities: &[(AttributeId, f32)], embedding: f32) -> View {
        let mut all = [0.5; ATTRIBUTE_COUNT];
        for &(attribute, p) in probabilities {
            all[attribute.index()] = p;
        }
        View {
            embedding: vec![embedding],
            probabilities: all,
        }
    }

    #[test]
    fn a_flip_is_compared_with_all_other_attributes() {
        let e = std::f32::consts::E;
        let probability = e / (1.0 + e);
        let present = view(&[(id("Bald"), probability), (id("Male"), probability)], 0.0);
        let flip = flip(id("Bald"), &present, &view(&[], 0.0));
        assert!((flip.moved - 1.0).abs() < 1e-6, "{flip:?}");
        assert!((flip.others - 1.0 / 72.0).abs() < 1e-6, "{flip:?}");
    }

    #[test]
    fn every_face_is_judged_by_what_it_was_asked_for() {
        let tasks = tasks(2);
        let faces: Vec<View> = tasks
            .iter()
            .map(|task| {
                let shown: Vec<_> = task.present.iter().map(|&a| (a, 0.9)).collect();
                view(&shown, task.key.seed as f32)
            })
            .collect();
        let photograph = |x| view(&[(id("Male"), 0.7), (id("Smiling"), 0.4)], x);
        let photographs = [0.0, 4.0, 8.0].map(photograph);
        let labels = [labels(&["Male", "Smiling"]); 3];
        let faces: Vec<&View> = faces.iter().collect();
        let photographs: Vec<&View> = photographs.iter().collect();
        let probes = judge(&faces, &photographs, &labels);
        assert!(probes.short.iter().all(|s| s.probability > 0.8));
        let male = probes.short.iter().find(|s| s.attribute == "Male").unwrap();
        assert!((male.of_photographs.unwrap() - 0.7).abs() < 1e-6);
        assert_eq!(probes.shown(), (4, 4), "Male, four times");
        assert!(probes.flips.iter().all(|f| f.ratio() > 10.0));
        // Only the first request has photographs: two seeds 1 apart, photographs 16 / 3 on average.
        let [varied] = &probes.varied[..] else {
            panic!("{:?}", probes.varied)
        };
        assert!((varied.of_alike - 3.0 / 16.0).abs() < 1e-6);
    }
}
