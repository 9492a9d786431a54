//! From a folder of photographs to a weights file that is measured again.

use std::fs;
use std::path::{Path, PathBuf};

use deepface_attributes::Schema;
use deepface_dataset::{Split, split_of};

use super::*;
use crate::parameters::Parameters;
use crate::tests::people::{self, EACH};
use crate::train::{self, TrainArgs};
use crate::weights::{Weights, WeightsFile};
use crate::{Architecture, random};

const PEOPLE: usize = 90;

#[derive(clap::Parser)]
struct Train {
    #[command(flatten)]
    args: TrainArgs,
}

/// A folder with photographs, and a network that learned from them.
fn trained(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    people::photographs(&data, PEOPLE, |person, a| (person + a).is_multiple_of(3));
    let model = folder.join("a.safetensors");
    let [data, output] = [&data, &model].map(|p| p.to_str().unwrap().to_owned());
    let line = ["train", "--epochs=1", "--batch=16", "--arch=vgg-face-tiny"].map(str::to_owned);
    let more = [format!("--data={data}"), format!("--output={output}")];
    let Train { args } = clap::Parser::parse_from(line.into_iter().chain(more));
    train::run(&args).unwrap();
    model
}

fn args(folder: &Path, output: &str) -> MeasureArgs {
    let again = AgainArgs {
        data: folder.join("data"),
        labels: None,
        crop: None,
        skip_unreadable: false,
        model: folder.join("a.safetensors"),
        output: folder.join(output),
        force: false,
    };
    MeasureArgs {
        again,
        calibrate: false,
    }
}

#[test]
fn what_is_measured_again_is_what_training_measured() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let model = trained(folder.path());
    run(&args(folder.path(), "b.safetensors")).unwrap();
    let first = fs::read(&model).unwrap();
    assert!(first == fs::read(path("b.safetensors")).unwrap());
    let table = fs::read_to_string(path("a.metrics.md")).unwrap();
    assert_eq!(table, fs::read_to_string(path("b.metrics.md")).unwrap());
    let description = WeightsFile::open(&first).unwrap().description;
    let means = description.mean_metrics.unwrap();
    let tested = (0..PEOPLE).filter(|p| split_of(&format!("Person_{p}")) == Split::Test);
    let tested = tested.count();
    let counted = [means.people, means.photographs].map(|n| n as usize);
    assert_eq!(counted, [tested, EACH * tested]);
    for e in [means.accuracy, means.auc] {
        assert!(0.0 < e.low && e.low <= e.value && e.value <= e.high && e.high <= 1.0);
        assert!(table.contains(&format!("{:.4} ({:.4} to {:.4})", e.value, e.low, e.high)));
    }

    // Figures of other labels replace these, and nothing else changes.
    people::photographs(&path("data"), PEOPLE, |person, a| {
        (person * 5 + a).is_multiple_of(2)
    });
    run(&args(folder.path(), "a.safetensors")).unwrap();
    let second = fs::read(&model).unwrap();
    let mut other = WeightsFile::open(&second).unwrap().description;
    assert!(other.metrics != description.metrics && other.mean_metrics != Some(means));
    other.metrics.clone_from(&description.metrics);
    other.thresholds.clone_from(&description.thresholds);
    other.mean_metrics = Some(means);
    assert_eq!(other.entry().unwrap(), description.entry().unwrap());
    let [first, second] = [first, second].map(|file| Weights::read(&file).unwrap());
    assert!(first.parameters == second.parameters && first.fc7_mean == second.fc7_mean);
    let refused = run(&args(folder.path(), "b.safetensors")).unwrap_err();
    assert!(
        format!("{refused:#}").starts_with("--output: "),
        "{refused:#}"
    );
}

/// Labels that are the opposite of what a network learned leave it undecided.
#[test]
fn calibrated_heads_say_how_often_they_are_right() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    people::photographs(&folder.path().join("data"), PEOPLE, |person, a| {
        !(person + a).is_multiple_of(3)
    });
    let go = |calibrate: bool, output: &str| {
        let args = MeasureArgs {
            calibrate,
            ..args(folder.path(), output)
        };
        run(&args).unwrap();
        let file = fs::read(folder.path().join(output)).unwrap();
        let error = Weights::read(&file).unwrap().description.mean_metrics;
        crate::Model::load(&file, crate::DeviceChoice::Cpu, 1).unwrap();
        (file, error.unwrap().calibration_error)
    };
    let [(_, before), (file, after)] = [(false, "b.safetensors"), (true, "c.safetensors")]
        .map(|(calibrate, output)| go(calibrate, output));
    assert!(after < 0.75 * before, "{before} {after}");
    let first = fs::read(&model).unwrap();
    let [first, second] = [first, file].map(|file| Weights::read(&file).unwrap());
    let (heads, below) = second.parameters.split_last().unwrap();
    assert!(first.parameters.starts_with(below) && first.parameters.last() != Some(heads));
    assert!(second.fit_half() && first.fc7_mean == second.fc7_mean);
}

#[test]
fn untrained_heads_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut weights = random::weights(Architecture::tiny());
    if let Some(heads) = weights.parameters.last_mut() {
        *heads = Parameters::untrained_heads(&Architecture::tiny());
    }
    let path = folder.path().join("a.safetensors");
    weights.write(&path, false).unwrap();
    let refused = run(&args(folder.path(), "b.safetensors")).unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains("the attribute heads are untrained"),
        "{refused}"
    );
}

#[test]
fn labels_of_other_attributes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    trained(folder.path());
    let labels = folder.path().join("data/x_attributes.txt");
    let text = fs::read_to_string(&labels).unwrap();
    let mut others = String::from("#\tperson\timagenum\tAstronaut\n");
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').take(3).collect();
        others += &(fields.join("\t") + "\n");
    }
    fs::write(&labels, others).unwrap();
    let refused = run(&args(folder.path(), "b.safetensors")).unwrap_err();
    let first = Schema::default().names().next().unwrap().to_owned();
    let refused = format!("{refused:#}");
    assert!(
        refused.contains(&first) || refused.contains("Astronaut"),
        "{refused}"
    );
}
