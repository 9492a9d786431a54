//! Short requests, as people make them: whether such faces show what was asked, whether one changed attribute changes
//! nothing else, and whether seeds differ. Of the generator's defaults, by the judge.

use std::f64::consts::FRAC_2_PI;

use deepface_attributes::{AttributeId, Schema};
use deepface_client::v1::GenerationSettings;
use deepface_statistics::{log_odds, median};

use crate::generation::Task;
use crate::labels::Labels;
use crate::measures::{mean, mean_pairwise_distance};
use crate::methods::Recipe;
use crate::report::{Calibration, Flip, Probes, Shown, Varied};
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
/// Requested once as present and once as absent, everything else being equal.
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
/// Requested together with an attribute that is flipped, unless it is one of them.
const BESIDE: [&str; 2] = ["Male", "White"];
/// Requested with many seeds.
const VARIED: [&[&str]; 6] = [
    &["Male"],
    &["Smiling"],
    &["Male", "Smiling"],
    &["Blond Hair", "Wearing Lipstick"],
    &["Senior", "Eyeglasses"],
    &["Black"],
];
/// Faces of each short request whose mean probabilities are compared with photographs', for each seed of the varied ones.
const CALIBRATED: u64 = 3;
/// Fewest photographs to compare with.
const ENOUGH: usize = 3;
/// Fewest photographs whose mean probabilities say something.
const MANY: usize = 15;
/// Probabilities nearer to 0 or 1 count as this far from them.
const FLOOR: f64 = 1e-4;

/// The requests whose attributes a generator knows: of another data set than Kumar's, some or none.
struct Requests {
    short: Vec<&'static [&'static str]>,
    /// The flipped attribute, and those beside it.
    flipped: Vec<(&'static str, Vec<&'static str>)>,
    varied: Vec<&'static [&'static str]>,
}

impl Requests {
    fn of(schema: &Schema) -> Self {
        let knows = |name: &&str| schema.find(name).is_some();
        let all = |asked: &&'static [&'static str]| asked.iter().all(knows);
        let flip = |flipped: &'static str| {
            let beside = BESIDE.into_iter().filter(|name| *name != flipped);
            (flipped, beside.filter(knows).collect())
        };
        Self {
            short: SHORT.into_iter().filter(all).collect(),
            flipped: FLIPPED.into_iter().filter(knows).map(flip).collect(),
            varied: VARIED.into_iter().filter(all).collect(),
        }
    }
}

/// The faces to be made with some settings, each variety request with `seeds` seeds.
pub(crate) fn tasks(schema: &Schema, settings: &GenerationSettings, seeds: u64) -> Vec<Task> {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let task = |method: &str, set, seed, present: &[&str], absent: &[&str]| Task {
        key: Key {
            method: method.to_owned(),
            set,
            seed,
        },
        recipe: Recipe::Generate(settings.clone()),
        first_seed: 0,
        present: owned(present),
        absent: owned(absent),
    };
    let requests = Requests::of(schema);
    let short = requests.short.iter().enumerate();
    let mut all: Vec<Task> = short
        .map(|(set, asked)| task("short", set, 0, asked, &[]))
        .collect();
    for (set, (flipped, beside)) in requests.flipped.iter().enumerate() {
        let with = [&[*flipped], &beside[..]].concat();
        all.push(task("flip-present", set, 0, &with, &[]));
        all.push(task("flip-absent", set, 0, beside, &[flipped]));
    }
    for (set, asked) in requests.varied.iter().enumerate() {
        all.extend((0..seeds).map(|seed| task("varied", set, seed, asked, &[])));
    }
    for (set, asked) in requests.short.iter().enumerate() {
        let seeds = 0..CALIBRATED * seeds;
        all.extend(seeds.map(|seed| task("calibrated", set, seed, asked, &[])));
    }
    all
}

/// Judges the faces of [`tasks`], `faces` in that order, beside photographs and their labels. What the judge does not know
/// is left out.
pub(crate) fn judge(
    schema: &Schema,
    faces: &[&View],
    photographs: &[&View],
    labels: &[Labels],
) -> Probes {
    let requests = Requests::of(schema);
    let (short, rest) = faces.split_at(requests.short.len());
    let (flips, rest) = rest.split_at(2 * requests.flipped.len());
    let calibrated = CALIBRATED as usize * requests.short.len();
    let seeds = rest.len() / (requests.varied.len() + calibrated).max(1);
    let (varied, calibrated) = rest.split_at(seeds * requests.varied.len());
    let having = |asked: &[&str]| -> Vec<&View> {
        let asked: Vec<_> = asked.iter().filter_map(|name| schema.find(name)).collect();
        let has = |labels: &Labels| asked.iter().all(|&a| labels.has(a));
        let all = photographs.iter().zip(labels);
        all.filter(|(_, labels)| has(labels))
            .map(|(view, _)| *view)
            .collect()
    };
    let shown = requests.short.iter().zip(short).flat_map(|(asked, face)| {
        asked.iter().filter_map(|&name| {
            let attribute = schema.find(name)?;
            Some(Shown {
                asked: names(asked),
                attribute: name.to_owned(),
                probability: face.probability(attribute)?.into(),
                of_photographs: typical(&having(&[name]), attribute),
            })
        })
    });
    let flips = requests.flipped.iter().zip(flips.chunks_exact(2));
    let flips = flips.filter_map(|((name, _), faces)| flip(schema, name, faces[0], faces[1]));
    let varied = requests.varied.iter().enumerate().filter_map(|(i, asked)| {
        let faces = &varied[i * seeds..][..seeds];
        let alike = having(asked);
        (alike.len() >= ENOUGH).then_some(())?;
        let distance = mean_pairwise_distance(&embeddings(faces))?;
        Some(Varied {
            asked: names(asked),
            of_alike: distance / mean_pairwise_distance(&embeddings(&alike))?,
        })
    });
    let seeds = CALIBRATED as usize * seeds;
    let all = requests.short.iter().enumerate();
    let calibration = all.filter_map(|(i, asked)| {
        let faces = &calibrated[i * seeds..][..seeds];
        calibrate(schema, asked, faces, &having(asked))
    });
    Probes {
        short: shown.collect(),
        flips: flips.collect(),
        varied: varied.collect(),
        calibration: calibration.collect(),
    }
}

/// Compares faces of a request with photographs that have what was asked; `None` of too few photographs, or without faces.
fn calibrate(
    schema: &Schema,
    asked: &[&str],
    faces: &[&View],
    photographs: &[&View],
) -> Option<Calibration> {
    (photographs.len() >= MANY).then_some(())?;
    let known = schema.all().filter_map(|attribute| {
        let (ours, theirs) = (share(faces, attribute)?, share(photographs, attribute)?);
        Some((schema.name(attribute), ours, theirs))
    });
    let (requested, others): (Vec<_>, Vec<_>) = known.partition(|(name, ..)| asked.contains(name));
    let off = |(_, ours, theirs): &(&str, Share, Share)| (ours.mean - theirs.mean).abs();
    // The mean absolute value of a normal difference with this variance.
    let chance = |(_, ours, theirs): &(&str, Share, Share)| {
        (FRAC_2_PI * (ours.variance + theirs.variance)).sqrt()
    };
    let worst = others.iter().max_by(|a, b| off(a).total_cmp(&off(b)))?;
    Some(Calibration {
        asked: names(asked),
        photographs: photographs.len(),
        requested: mean(requested.iter().map(|(_, ours, _)| ours.mean))?,
        requested_of_photographs: mean(requested.iter().map(|(_, _, theirs)| theirs.mean))?,
        other_deviation: mean(others.iter().map(off))?,
        chance: mean(others.iter().map(chance))?,
        worst: worst.0.to_owned(),
        worst_probability: worst.1.mean,
        worst_of_photographs: worst.2.mean,
    })
}

/// The mean probability of an attribute, and the variance of that mean.
struct Share {
    mean: f64,
    variance: f64,
}

/// `None` where the judge does not know the attribute, or without faces.
fn share(views: &[&View], attribute: AttributeId) -> Option<Share> {
    let all = views.iter();
    let all = all.map(|view| Some(f64::from(view.probability(attribute)?)));
    let all: Vec<f64> = all.collect::<Option<_>>()?;
    let (n, centre) = (all.len() as f64, mean(all.iter().copied())?);
    let squares: f64 = all.iter().map(|p| (p - centre).powi(2)).sum();
    Some(Share {
        mean: centre,
        variance: squares / ((n - 1.0).max(1.0) * n),
    })
}

/// How far the log-odds of an attribute moved, and those of all others; `None` if the judge does not know it.
fn flip(schema: &Schema, name: &str, present: &View, absent: &View) -> Option<Flip> {
    let flipped = schema.find(name)?;
    let moved = |attribute: AttributeId| {
        let of = |view: &View| Some(log_odds(view.probability(attribute)?.into(), FLOOR));
        Some(of(present)? - of(absent)?)
    };
    let others = schema
        .all()
        .filter(|&a| a != flipped)
        .filter_map(moved)
        .map(f64::abs);
    Some(Flip {
        attribute: name.to_owned(),
        moved: moved(flipped)?,
        others: mean(others).unwrap_or_default(),
    })
}

fn embeddings<'a>(views: &[&'a View]) -> Vec<&'a [f32]> {
    views.iter().map(|view| &view.embedding[..]).collect()
}

fn names(attributes: &[&str]) -> Vec<String> {
    attributes.iter().map(|&name| name.to_owned()).collect()
}

/// Median probability of an attribute in photographs; `None` if there are only a few, or the judge does not know it.
fn typical(photographs: &[&View], attribute: AttributeId) -> Option<f64> {
    let seen = photographs.iter();
    let seen = seen.map(|v| v.probability(attribute).map(f64::from));
    let seen: Vec<f64> = seen.collect::<Option<_>>()?;
    (seen.len() >= ENOUGH).then(|| median(seen))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::tests::labels;

    fn schema() -> Schema {
        Schema::default()
    }

    fn view(probabilities: &[(&str, f32)], embedding: f32) -> View {
        let mut all = vec![Some(0.5); schema().len()];
        for &(name, p) in probabilities {
            all[schema().find(name).unwrap().index()] = Some(p);
        }
        View {
            embedding: vec![embedding],
            probabilities: all,
        }
    }

    #[test]
    fn every_request_names_attributes_of_the_default_schema() {
        let requests = Requests::of(&schema());
        assert_eq!(requests.short.len(), SHORT.len());
        assert_eq!(requests.flipped.len(), FLIPPED.len());
        assert_eq!(requests.varied.len(), VARIED.len());
        // Of other attributes, those that are known are asked for.
        let few = Schema::ungrouped(["Smiling", "Young", "Blond_Hair"]).unwrap();
        let tasks = tasks(&few, &GenerationSettings::default(), 2);
        assert!(tasks.iter().all(|t| t.present.len() <= 1));
        assert_eq!(tasks.len(), 2 + 2 * 2 + 2 + 2 * 6);
    }

    #[test]
    fn a_flip_is_compared_with_all_other_attributes() {
        let e = std::f32::consts::E;
        let probability = e / (1.0 + e);
        let present = view(&[("Bald", probability), ("Male", probability)], 0.0);
        let flip = flip(&schema(), "Bald", &present, &view(&[], 0.0)).unwrap();
        assert!((flip.moved - 1.0).abs() < 1e-6, "{flip:?}");
        assert!((flip.others - 1.0 / 72.0).abs() < 1e-6, "{flip:?}");
    }

    #[test]
    fn calibration_is_against_photographs_that_have_what_was_asked() {
        let faces = [0.8, 1.0].map(|p| view(&[("Male", p), ("Mustache", 0.7)], 0.0));
        let photograph = view(&[("Male", 0.6), ("Mustache", 0.1)], 0.0);
        let photographs = [&photograph; MANY];
        let faces: Vec<&View> = faces.iter().collect();
        let compare = |photographs| calibrate(&schema(), &["Male"], &faces, photographs);
        let found = compare(&photographs).unwrap();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{found:?}");
        near(found.requested, 0.9);
        near(found.requested_of_photographs, 0.6);
        near(found.other_deviation, 0.6 / 72.0);
        // All faces and all photographs are alike in the others.
        near(found.chance, 0.0);
        let apart = [0.2, 0.8].map(|p| view(&[("Mustache", p)], 0.0));
        let apart = share(
            &apart.iter().collect::<Vec<_>>(),
            schema().find("Mustache").unwrap(),
        );
        near(apart.unwrap().variance, 0.09);
        assert_eq!(found.worst, "Mustache");
        near(found.worst_probability, 0.7);
        near(found.worst_of_photographs, 0.1);
        assert!(compare(&photographs[1..]).is_none());
    }

    #[test]
    fn every_face_is_judged_by_what_it_was_asked_for() {
        let tasks = tasks(&schema(), &GenerationSettings::default(), 2);
        let faces: Vec<View> = tasks
            .iter()
            .map(|task| {
                let shown: Vec<_> = task.present.iter().map(|a| (a.as_str(), 0.9)).collect();
                view(&shown, task.key.seed as f32)
            })
            .collect();
        let photograph = |x| view(&[("Male", 0.7), ("Smiling", 0.4)], x);
        let photographs = [0.0, 4.0, 8.0].map(photograph);
        let labels = [(); 3].map(|()| labels(&["Male", "Smiling"]));
        let faces: Vec<&View> = faces.iter().collect();
        let photographs: Vec<&View> = photographs.iter().collect();
        let probes = judge(&schema(), &faces, &photographs, &labels);
        assert!(probes.short.iter().all(|s| s.probability > 0.8));
        let male = probes.short.iter().find(|s| s.attribute == "Male").unwrap();
        assert!((male.of_photographs.unwrap() - 0.7).abs() < 1e-6);
        assert_eq!(probes.shown(), (4, 4), "Male, four times");
        assert!(probes.flips.iter().all(|f| f.ratio() > 10.0));
        // Only the first three requests have photographs: two seeds 1 apart, photographs 16 / 3 on average.
        assert_eq!(probes.varied.len(), 3, "{:?}", probes.varied);
        for varied in &probes.varied {
            assert!((varied.of_alike - 3.0 / 16.0).abs() < 1e-6);
        }
        assert!(probes.calibration.is_empty(), "of too few photographs");
    }
}
