//! Whole runs on people that are made up, with the smallest network.

use std::{fs, path::PathBuf};

use deepface_attributes::Schema;
use deepface_dataset::{Dataset, Split};
use deepface_images::{Framing, ImageLimits, decode, face_pixels};
use image::{ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;

use super::{
    args::tests::args,
    data::{Faces, Photographs},
    frozen::Frozen,
    loss::{Labels, Loss},
    optimizer::{MOMENTUM, Rule, Step},
    random::{Purpose, Random, tests::noise},
    run,
    source::{Cached, Views},
    trainee::Trainee,
};
use crate::{
    Architecture, ChannelOrder, DeviceChoice, Model, Preprocessing, Thresholds,
    measure::metrics::Column, parameters::Parameters, random, weights::Weights,
};

const PEOPLE: usize = 60;
/// Of the default schema.
const ATTRIBUTES: usize = 73;
const LOGITS: usize = 115;

/// A folder with photographs, and a model to begin with.
struct Case {
    folder: TempDir,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let schema = Schema::default();
        let names: Vec<&str> = schema.names().collect();
        let mut labels = format!("#\tperson\timagenum\t{}\n", names.join("\t"));
        for person in 0..PEOPLE {
            let name = format!("Person_{person}");
            let dir = folder.path().join("photographs").join(&name);
            fs::create_dir_all(&dir).unwrap();
            let bright = person % 2 == 0;
            let noise = noise(person as u64, 50 * 50 * 3, 30.0);
            let image = RgbImage::from_fn(50, 50, |x, y| {
                let at = (y * 50 + x) as usize * 3;
                Rgb(std::array::from_fn(|c| {
                    (if bright { 170.0 } else { 90.0 } + noise[at + c]) as u8
                }))
            });
            let path = dir.join(format!("{name}_0001.jpg"));
            image.save_with_format(path, ImageFormat::Png).unwrap();
            let label = |a: usize| {
                if bright ^ a.is_multiple_of(3) {
                    "1"
                } else {
                    "-1"
                }
            };
            let scores: Vec<&str> = (0..schema.len()).map(label).collect();
            labels += &format!("{name}\t1\t{}\n", scores.join("\t"));
        }
        let file = folder.path().join("photographs/x_attributes.txt");
        fs::write(file, labels).unwrap();
        model()
            .write(&folder.path().join("model.safetensors"), false)
            .unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Trains from the model to a file of this name.
    fn try_run(&self, output: &str, more: &[&str]) -> anyhow::Result<()> {
        let (data, init) = (self.path("photographs"), self.path("model.safetensors"));
        let init = ["--init", init.to_str().unwrap()];
        let settings = ["--batch", "8", "--optimizer", "sgd"];
        let mut args = args(&[&init[..], &settings, more].concat());
        args.data = data;
        args.output = self.path(output);
        args.force = true;
        run(&args)
    }

    fn run(&self, output: &str, more: &[&str]) -> Weights {
        self.try_run(output, more).unwrap();
        Weights::read(&fs::read(self.path(output)).unwrap()).unwrap()
    }
}

fn model() -> Weights {
    let mut weights = random::weights(Architecture::tiny());
    weights.description.preprocessing = preprocessing();
    weights.description.license = "CC BY-NC 4.0".into();
    weights
}

fn preprocessing() -> Preprocessing {
    Preprocessing {
        order: ChannelOrder::Bgr,
        mean: [129.0, 105.0, 94.0],
        scale: 1.0 / 64.0,
    }
}

const CONV5_1: usize = 14;
const FINE_TUNE: [&str; 8] = [
    "--freeze-below",
    "conv5_1",
    "--epochs",
    "2",
    "--schedule",
    "constant",
    "--learning-rate",
    "0.001",
];

fn same(a: &[Parameters], b: &[Parameters]) -> Vec<bool> {
    a.iter()
        .zip(b)
        .filter(|(a, _)| !a.weight.is_empty())
        .map(|(a, b)| a == b)
        .collect()
}

#[test]
fn frozen_stages_are_written_bit_for_bit_and_the_others_learn() {
    let case = Case::new();
    let tuned = case.run(
        "a.safetensors",
        &[&FINE_TUNE[..], &["--dropout-everywhere"]].concat(),
    );
    let begun = model();
    let expected = [vec![true; 10], vec![false; 6]].concat();
    assert_eq!(same(&begun.parameters, &tuned.parameters), expected);
    assert_eq!(tuned.description.preprocessing, preprocessing());
    assert_eq!(tuned.description.architecture, Architecture::tiny());
    assert!(
        tuned
            .description
            .license
            .starts_with("CC BY-NC 4.0; fine-tuned: Research only")
    );
    // Where 16 bits do not change what does not learn, the file has 16 bits.
    let size = |name: &str| fs::metadata(case.path(name)).unwrap().len();
    let mut half = model();
    for x in half
        .parameters
        .iter_mut()
        .flat_map(|p| p.weight.iter_mut().chain(&mut p.bias))
    {
        *x = half::f16::from_f32(*x).to_f32();
    }
    half.write(&case.path("model.safetensors"), true).unwrap();
    let tuned = case.run("b.safetensors", &FINE_TUNE);
    assert_eq!(same(&half.parameters, &tuned.parameters), expected);
    assert!(size("b.safetensors") * 3 < size("a.safetensors") * 2);
}

#[test]
fn a_damaged_cache_is_noticed_and_made_good() {
    let case = Case::new();
    let (output, cache) = (case.path("a.safetensors"), case.path("a.activations"));
    let tune = || {
        let _ = fs::remove_file(case.path("a.checkpoint"));
        case.run("a.safetensors", &FINE_TUNE);
        (fs::read(&output).unwrap(), fs::read(&cache).unwrap())
    };
    let first = tune();
    assert!(first == tune(), "a run with a whole cache is the same");
    let (begin, middle, end) = (3, first.1.len() / 2, first.1.len() - 1);
    for at in [begin, middle, end] {
        let mut damaged = first.1.clone();
        damaged[at] ^= 64;
        fs::write(&cache, &damaged).unwrap();
        assert!(first == tune(), "byte {at}");
    }
    fs::write(&cache, &first.1[..middle]).unwrap();
    assert!(first == tune(), "a cache that was killed half way");
    // Another model's activations.
    let mut other = model();
    other.parameters[0].weight[0] += 0.5;
    other.write(&case.path("model.safetensors"), false).unwrap();
    assert!(first.1 != tune().1);
}

#[test]
fn what_the_checkpoint_says_is_done_is_not_done_again() {
    let case = Case::new();
    let tune = |output: &str| case.run(output, &FINE_TUNE).parameters;
    let whole = tune("a.safetensors");
    assert!(
        whole == tune("a.safetensors"),
        "nothing is left to learn after the last epoch"
    );
    fs::copy(case.path("a.checkpoint"), case.path("b.checkpoint")).unwrap();
    let problem = case
        .try_run("b.safetensors", &FINE_TUNE)
        .unwrap_err()
        .to_string();
    assert!(problem.contains("another run"), "{problem}");
}

#[test]
fn with_cached_activations_a_network_learns_as_without() {
    let case = Case::new();
    let dataset = Dataset::open(&case.path("photographs")).unwrap();
    let all: Vec<_> = dataset.photographs.iter().collect();
    let photographs = Photographs::load(&all[..8], &dataset.known, 32).unwrap();
    let faces = Faces::load(&all[8..11], &dataset.known, 32).unwrap();
    let (architecture, parameters) = (Architecture::tiny(), model().parameters);
    let preprocessing = preprocessing();
    let views = Views {
        photographs: &photographs,
        faces: &faces,
        preprocessing: &preprocessing,
        count: 3,
        seed: 5,
    };
    let mut lower = Frozen::new(&architecture, &parameters[..CONV5_1]);
    let path = case.path("a.activations");
    let cached = Cached::open(&path, 1 << 30, "test", &mut lower, &views).unwrap();
    let pixels = |view: usize| -> Vec<f32> {
        let mut all = vec![0.0; 8 * 3 * 32 * 32];
        for (i, out) in all.chunks_exact_mut(3 * 32 * 32).enumerate() {
            photographs.fixed_view(i, view, 5, out);
            preprocessing.apply(out);
        }
        all
    };
    assert!(pixels(0) != pixels(1) && pixels(1) != pixels(2));
    let loss = Loss::new(&dataset.schema, &dataset.known);
    let mut targets = vec![0.0; 8 * LOGITS];
    for (t, labels) in targets
        .chunks_exact_mut(LOGITS)
        .zip(&photographs.truth.labels)
    {
        loss.targets(Labels::Hard(labels), 0.05, t);
    }
    let trainee = |first| {
        Trainee::with(&architecture, 8, 0.3, parameters.clone(), first).drop_everywhere(true)
    };
    let (mut with, mut without) = (trainee(CONV5_1), trainee(CONV5_1));
    for index in 0..9 {
        let view = index % 3;
        let inputs = cached.views(&[0, 1, 2, 3, 4, 5, 6, 7], |_| view).unwrap();
        let fresh = lower.activations(&pixels(view));
        let dropout = Some(Random::new(1, Purpose::Dropout, index));
        let mut losses = Vec::new();
        for (trainee, inputs) in [(&mut with, &inputs), (&mut without, &fresh)] {
            trainee.forward(inputs, 8, dropout);
            losses.push(trainee.backward(8, &loss, &targets));
            let (rule, rate, decay) = (Rule::Sgd, 0.01, 0.1);
            trainee.learn(
                Step {
                    rule,
                    momentum: MOMENTUM,
                    rate,
                    decay,
                    index,
                },
                0.8,
            );
        }
        assert!(
            (losses[0] / losses[1] - 1.0).abs() < 1e-4,
            "{index}: {losses:?}"
        );
        if index == 0 {
            // The whole network says the same of the pixels: only the place where dropout begins differs.
            let mut whole = Trainee::with(&architecture, 8, 0.0, parameters.clone(), 0);
            let mut upper = Trainee::with(&architecture, 8, 0.0, parameters.clone(), CONV5_1);
            whole.forward(&pixels(0), 8, None);
            upper.forward(&inputs, 8, None);
            let losses = [whole, upper].map(|mut t| t.backward(8, &loss, &targets));
            assert!((losses[0] / losses[1] - 1.0).abs() < 1e-4, "{losses:?}");
        }
    }
    assert_eq!(cached.faces(0..3).unwrap().len(), 3 * lower.values);
}

#[test]
fn every_way_to_begin_with_a_model_runs() {
    let case = Case::new();
    let begun = model();
    for (name, more, kept) in [
        ("all", &["--epochs", "1"][..], 0),
        (
            "fresh",
            &["--epochs", "1", "--freeze-below", "fc6", "--views", "0"],
            13,
        ),
        (
            "many",
            &["--epochs", "1", "--freeze-below", "pool5", "--views", "4"],
            13,
        ),
        (
            "heads",
            &[
                "--epochs",
                "1",
                "--freeze-below",
                "heads",
                "--new-heads",
                "--arch",
                "vgg-face-tiny",
            ],
            15,
        ),
    ] {
        let rate = ["--learning-rate", "0.001", "--full-precision"];
        let tuned = case.run(&format!("{name}.safetensors"), &[more, &rate].concat());
        let same = same(&begun.parameters, &tuned.parameters);
        assert_eq!(
            same,
            [vec![true; kept], vec![false; 16 - kept]].concat(),
            "{name}"
        );
    }
}

#[test]
fn what_contradicts_the_model_is_said_precisely() {
    let case = Case::new();
    for (more, expected) in [
        (
            &["--freeze-below", "conv6_1"][..],
            "--freeze-below: expected one of conv1_1, conv1_2, pool1",
        ),
        (
            &["--arch", "vgg-face"],
            "--arch: expected vgg-face-tiny, as in --init, or leave it out; got vgg-face",
        ),
        (
            &["--input", "64"],
            "--input: expected 32, as in --init, or leave it out; got 64",
        ),
        (
            &["--freeze-below", "fc6", "--views", "65"],
            "--views: expected 0 to 64, got 65",
        ),
        (
            &["--freeze-below", "fc6", "--cache-limit", "1000"],
            "--cache-limit: the activations of",
        ),
    ] {
        let problem = case.try_run("a.safetensors", more).unwrap_err().to_string();
        assert!(problem.starts_with(expected), "{problem}");
    }
    let problem = case
        .try_run("model.safetensors", &[])
        .unwrap_err()
        .to_string();
    assert!(
        problem.starts_with("--output: expected a file other than --init"),
        "{problem}"
    );
    fs::write(case.path("model.safetensors"), b"no model").unwrap();
    let problem = format!("{:#}", case.try_run("a.safetensors", &[]).unwrap_err());
    assert!(
        problem.starts_with("--init: ") && problem.contains("not a whole safetensors file"),
        "{problem}"
    );
}

/// The photographs of a split as the service frames them, and their labels, without any code of training.
fn split(case: &Case, split: Split) -> (Vec<f32>, Vec<Vec<bool>>) {
    let dataset = Dataset::open(&case.path("photographs")).unwrap();
    let pixels = dataset.split(split).map(|photograph| {
        let file = fs::read(&photograph.path).unwrap();
        let image = decode(&file, ImageLimits::default()).unwrap();
        face_pixels(&image.pixels, Framing::Aligned, 32)
    });
    let labels = dataset
        .split(split)
        .map(|photograph| photograph.labels.clone());
    (pixels.collect::<Vec<_>>().concat(), labels.collect())
}

/// The probabilities of one attribute, and its labels.
fn column(
    model: &mut Model,
    (pixels, labels): &(Vec<f32>, Vec<Vec<bool>>),
    attribute: usize,
) -> (Vec<f32>, Vec<bool>) {
    let probabilities = model.probabilities(pixels, labels.len()).unwrap();
    let images = probabilities.chunks_exact(LOGITS);
    // Every group before this one ends in a "none of these" of its own.
    let schema = Schema::default();
    let own = schema.group(schema.id(attribute).unwrap());
    let group = schema.groups().iter().position(|g| g == own);
    let logit = attribute + group.unwrap();
    (
        images.map(|image| image[logit]).collect(),
        labels.iter().map(|labels| labels[attribute]).collect(),
    )
}

#[test]
fn what_a_file_says_of_its_model_is_what_the_model_computes_when_it_is_served() {
    let case = Case::new();
    case.run("a.safetensors", &["--epochs", "1"]);
    let file = fs::read(case.path("a.safetensors")).unwrap();
    let mut model = Model::load(&file, DeviceChoice::Cpu, 2).unwrap();
    let (validation, test) = (split(&case, Split::Validation), split(&case, Split::Test));
    let (mut measured, mut calibrated) = (0, 0);
    for attribute in 0..ATTRIBUTES {
        let Thresholds { accurate, balanced } = model.info().thresholds[attribute];
        let stored = model.info().metrics[attribute];
        let (p, labels) = column(&mut model, &test, attribute);
        let rate = |right: &dyn Fn(f32, bool) -> bool| {
            let right = p.iter().zip(&labels).filter(|&(&p, &l)| right(p, l));
            right.count() as f32 / labels.len() as f32
        };
        if let Some(stored) = stored {
            assert_eq!(stored.accuracy, rate(&|p, l| (p > accurate) == l));
            assert_eq!(stored.positives, rate(&|_, l| l));
            let scored = p.iter().copied().zip(labels.iter().copied()).collect();
            let auc = deepface_statistics::auc(scored).unwrap();
            assert_eq!(stored.auc, auc as f32);
            measured += 1;
        }
        let (p, labels) = column(&mut model, &validation, attribute);
        let both = labels.contains(&true) && labels.contains(&false);
        // Nobody has two photographs.
        let column = Column {
            weights: vec![1.0; labels.len()],
            probabilities: p,
            labels,
        };
        assert_eq!(accurate, column.best_threshold());
        if both {
            assert_eq!(balanced, column.balanced_threshold(f32::NAN));
            calibrated += 1;
        }
    }
    assert_eq!([measured, calibrated], [ATTRIBUTES; 2]);
    let fc7 = model.info().layer("fc7").unwrap();
    let faces = validation.1.len();
    let activations = model.activations(&validation.0, faces, &[fc7]).unwrap();
    for (feature, &stored) in model.info().compare_mean.iter().enumerate() {
        let values = activations[0].iter().skip(feature).step_by(32);
        let mean = values.fold(0.0, |mean, a| mean + a / faces as f32);
        // The file holds 16 bits.
        assert_eq!(half::f16::from_f32(mean).to_f32(), stored, "{feature}");
    }
    assert!(model.info().compare_mean.iter().any(|&mean| mean > 0.01));
}
