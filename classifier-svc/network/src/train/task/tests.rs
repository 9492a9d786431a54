//! Networks that learn people: whole runs on made-up ones.

use std::fs;
use std::path::PathBuf;

use deepface_dataset::{Split, split_of};
use tempfile::TempDir;

use crate::tests::people::{EACH, file, photographs};
use crate::train::{args::tests::args, run};
use crate::{DeviceChoice, Model, weights::Weights};

const PEOPLE: usize = 90;

struct Case {
    folder: TempDir,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let case = Self { folder };
        photographs(&case.path("data"), PEOPLE, |person, a| {
            (person + a).is_multiple_of(3)
        });
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Learns people, and writes a file of this name.
    fn try_run(&self, output: &str, more: &[&str]) -> anyhow::Result<()> {
        let own = ["--identities", "--arch=vgg-face-tiny", "--batch=16"];
        self.train(output, &[&own, more].concat())
    }

    fn train(&self, output: &str, more: &[&str]) -> anyhow::Result<()> {
        let mut args = args(more);
        args.data = self.path("data");
        args.output = self.path(output);
        args.force = true;
        run(&args)
    }

    fn run(&self, output: &str, more: &[&str]) -> Vec<u8> {
        self.try_run(output, more).unwrap();
        self.read(output)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }
}

#[test]
fn labels_of_attributes_change_nothing() {
    let case = Case::new();
    let first = case.run("a.safetensors", &["--epochs=2"]);
    photographs(&case.path("data"), PEOPLE, |person, a| {
        (person * 7 + a).is_multiple_of(2)
    });
    assert!(first == case.run("b.safetensors", &["--epochs=2"]));
    assert!(
        first != case.run("c.safetensors", &["--epochs=2", "--seed=2"]),
        "the file depends on nothing at all"
    );
}

#[test]
fn an_interrupted_run_goes_on_as_if_it_had_not_been() {
    let case = Case::new();
    let run = |epochs: &str| case.run("a.safetensors", &["--schedule=constant", epochs]);
    run("--epochs=1");
    let path = case.path("a.checkpoint");
    let half = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let whole = run("--epochs=2");
    let curve = case.read("a.curve.tsv");
    // As the longer run left it after its first epoch.
    let text = "epochs: 1,".as_bytes();
    let at = half.windows(text.len()).position(|w| w == text).unwrap();
    let half = [&half[..at], b"epochs: 2,", &half[at + text.len()..]].concat();
    fs::write(&path, half).unwrap();
    assert!(whole == run("--epochs=2"));
    assert_eq!(curve, case.read("a.curve.tsv"));
}

#[test]
fn the_people_are_learned() {
    let case = Case::new();
    let more = ["--epochs=12", "--mixup=0", "--dropout=0"];
    case.run("a.safetensors", &more);
    let curve = String::from_utf8(case.read("a.curve.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = curve.lines().map(|l| l.split('\t').collect()).collect();
    assert_eq!(rows[0], ["epoch", "loss", "validation_verification_auc"]);
    let loss = |epoch: usize| rows[epoch][1].parse::<f64>().unwrap();
    // By chance it would be the logarithm of the number of people, 4.2.
    assert!(loss(1) > 4.0 && loss(12) < 3.9, "{curve}");
}

#[test]
fn the_file_is_a_model_to_start_from() {
    let case = Case::new();
    let file = case.run("a.safetensors", &["--epochs=1"]);
    let model = Model::load(&file, DeviceChoice::Cpu, 1).unwrap();
    assert!(model.info().heads_untrained);
    assert_eq!(model.info().metrics, [None; 73]);
    assert!(model.info().compare_mean.iter().any(|&m| m != 0.0));
    let weights = Weights::read(&file).unwrap();
    let origin = weights.description.origin.unwrap();
    let learners = (0..PEOPLE).filter(|p| split_of(&format!("Person_{p}")) == Split::Train);
    let expected = format!("learned to tell {} people apart", learners.count());
    assert!(origin.starts_with(&expected), "{origin}");
    assert!(
        origin.contains("at least 2 training photographs"),
        "{origin}"
    );
    let license = "Research only: trained on Labeled Faces in the Wild to tell people apart";
    assert_eq!(weights.description.license, license);

    let init = case.path("a.safetensors");
    let tune = [
        "--new-heads",
        "--freeze-below=fc6",
        "--batch=16",
        "--epochs=1",
        "--init",
    ];
    let tune = [&tune[..], &[init.to_str().unwrap()]].concat();
    case.train("b.safetensors", &tune).unwrap();
    let tuned = Weights::read(&case.read("b.safetensors")).unwrap();
    let changed = |i: usize| weights.parameters[i] != tuned.parameters[i];
    let fc6 = weights.parameters.len() - 3;
    assert!(!(0..fc6).any(changed) && (fc6..fc6 + 3).all(changed));
    let description = tuned.description;
    assert!(
        description
            .license
            .starts_with(&format!("{license}; fine-tuned: "))
    );
    assert!(description.metrics.iter().all(Option::is_some));
    assert_eq!(description.origin, None);
}

#[test]
fn only_people_with_enough_photographs_are_learned() {
    let case = Case::new();
    let of = |split| (0..PEOPLE).filter(move |p| split_of(&format!("Person_{p}")) == split);
    let learners = of(Split::Train).count();
    let remove = |person, n| fs::remove_file(file(&case.path("data"), person, n)).unwrap();
    let alone = of(Split::Train).nth(4).unwrap();
    (2..=EACH).for_each(|n| remove(alone, n));
    for (least, people) in [("1", learners), ("2", learners - 1)] {
        let more = ["--epochs=1", "--min-photographs", least];
        let file = case.run(&format!("{least}.safetensors"), &more);
        let origin = Weights::read(&file).unwrap().description.origin.unwrap();
        assert!(
            origin.contains(&format!("tell {people} people")),
            "{origin}"
        );
    }
    let refused = |more: &[&str]| case.try_run("b.safetensors", more).unwrap_err().to_string();
    let problem = refused(&["--min-photographs=4"]);
    let expected = "--min-photographs: expected a number that two training people and --batch (16) photographs reach, \
                    got 4, which leaves 0 people and 0 photographs";
    assert_eq!(problem, expected);
    for person in of(Split::Validation) {
        (2..=EACH).for_each(|n| remove(person, n));
    }
    let problem = refused(&[]);
    let expected =
        "expected two people or more in the validation split, and several photographs of one";
    assert!(problem.starts_with(expected), "{problem}");
}
