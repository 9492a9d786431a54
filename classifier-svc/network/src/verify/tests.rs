//! Verification from a folder of photographs to a weights file.

use std::fs;
use std::path::{Path, PathBuf};

use deepface_dataset::Split;

use super::*;
use crate::random;
use crate::seal::seal;
use crate::tests::people;
use crate::weights::{Weights, WeightsFile};
use crate::{Architecture, Description, DeviceChoice};

const PEOPLE: usize = 400;

fn photographs(dir: &Path) {
    people::photographs(dir, PEOPLE, |_, _| true);
}

fn args(dir: &Path, model: PathBuf, output: PathBuf) -> VerifyArgs {
    let again = AgainArgs {
        data: dir.into(),
        labels: None,
        crop: None,
        skip_unreadable: false,
        model,
        output,
        force: false,
    };
    VerifyArgs { again }
}

#[test]
fn only_the_verification_of_a_weights_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("photographs");
    photographs(&data);
    let [before, after] =
        ["before", "after"].map(|n| folder.path().join(format!("{n}.safetensors")));
    let mut weights = random::weights(Architecture::tiny());
    seal(&mut weights).unwrap();
    weights.write(&before, false).unwrap();
    let measure = args(&data, before.clone(), after.clone());
    run(&measure).unwrap();

    let [old, new] = [&before, &after].map(|path| fs::read(path).unwrap());
    let [old_file, new_file] = [&old, &new].map(|file| WeightsFile::open(file).unwrap());
    let found = new_file.description.verification.unwrap();
    assert_eq!(old_file.description.verification, None);
    assert!(found.accuracy > 0.6 && found.pairs > 100, "{found:?}");
    let unchanged = Description {
        verification: None,
        ..new_file.description
    };
    assert_eq!(
        unchanged.entry().unwrap(),
        old_file.description.entry().unwrap()
    );
    let [old, new] = [&old, &new].map(|file| Weights::read(file).unwrap().parameters);
    assert_eq!(old, new);
    assert!(Model::load(&fs::read(&after).unwrap(), DeviceChoice::Cpu, 1).is_ok());

    let refused = format!("{:#}", run(&measure).unwrap_err());
    assert!(refused.starts_with("--output: "), "{refused}");
    // In place nothing has to be forced, and the same people give the same figures.
    run(&args(&data, after.clone(), after.clone())).unwrap();
    let again = fs::read(&after).unwrap();
    assert_eq!(
        WeightsFile::open(&again).unwrap().description.verification,
        Some(found)
    );
}

#[test]
fn bad_photographs_and_too_few_people_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("photographs");
    photographs(&data);
    let path = folder.path().join("model.safetensors");
    let mut weights = random::weights(Architecture::tiny());
    seal(&mut weights).unwrap();
    weights.write(&path, false).unwrap();
    let person = |&p: &usize| deepface_dataset::split_of(&format!("Person_{p}")) == Split::Test;
    let tested: Vec<_> = (0..PEOPLE).filter(person).collect();
    let file = |p: usize, n: usize| people::file(&data, p, n);
    fs::write(file(tested[0], 1), b"<html>").unwrap();
    let mut measure = args(&data, path.clone(), path);
    let refused = run(&measure).unwrap_err().to_string();
    assert!(refused.starts_with("1 of "), "{refused}");
    measure.again.skip_unreadable = true;
    run(&measure).unwrap();
    for &person in &tested {
        (2..=3).for_each(|n| fs::remove_file(file(person, n)).unwrap());
    }
    let refused = run(&measure).unwrap_err().to_string();
    assert!(refused.starts_with("expected people"), "{refused}");
}
