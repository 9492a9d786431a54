//! Training that can be resumed: everything learned so far, written whole or not at all.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context, ensure};
use deepface_dataset::Photograph;
use deepface_files::{Destination, Existing, FloatArray, sha256_of, write_tensors};
use safetensors::SafeTensors;

use super::{TrainArgs, optimizer::Parameter, trainee::Trainee};

/// The identity of a run: its arguments and its photographs, known by their people, files and labels.
pub(super) fn identity(args: &TrainArgs, splits: [&[&Photograph]; 3]) -> String {
    let counts = splits.map(<[_]>::len);
    // Whether an earlier result is replaced does not make another run.
    let args = TrainArgs {
        force: false,
        ..args.clone()
    };
    let all = splits.into_iter().flatten().map(|p| p.identity());
    let all = sha256_of(all);
    format!("{args:?} on {counts:?} photographs {all}")
}

/// Writes what has been learned after some epochs. `identity` says to which run it belongs.
pub(super) fn save(
    path: &Path,
    trainee: &mut Trainee,
    epochs: usize,
    identity: &str,
) -> anyhow::Result<()> {
    let parameters: Vec<_> = trainee.parameters_mut().map(|p| &*p).collect();
    save_parameters(path, &parameters, epochs, identity, "")
}

/// [`save`] for any parameters, always in the same order, with a text about the epochs so far.
pub(crate) fn save_parameters(
    path: &Path,
    parameters: &[&Parameter],
    epochs: usize,
    identity: &str,
    about: &str,
) -> anyhow::Result<()> {
    let arrays = parameters.iter().enumerate().flat_map(|(i, p)| {
        let all = [
            ("value", &p.value),
            ("first", &p.first),
            ("second", &p.second),
            ("average", &p.average),
        ];
        all.map(|(name, values)| {
            let array = FloatArray {
                values,
                shape: vec![values.len()],
                half: false,
            };
            (format!("{i}.{name}"), array)
        })
    });
    let arrays = arrays.collect();
    let header = HashMap::from([
        ("epochs".to_owned(), epochs.to_string()),
        ("run".to_owned(), identity.to_owned()),
        ("about".to_owned(), about.to_owned()),
    ]);
    let destination = Destination::check(path, &[], Existing::Replace)?;
    write_tensors(&destination, arrays, header)?;
    Ok(())
}

/// Resumes from a checkpoint of the same run; returns the number of finished epochs, 0 without a checkpoint.
pub(super) fn resume(path: &Path, trainee: &mut Trainee, identity: &str) -> anyhow::Result<usize> {
    let resumed = resume_parameters(path, trainee.parameters_mut().collect(), identity)?;
    Ok(resumed.map_or(0, |(epochs, _)| epochs))
}

/// [`resume`] for the parameters of [`save_parameters`]; returns the number of epochs and the text, `None` without a
/// checkpoint.
pub(crate) fn resume_parameters(
    path: &Path,
    parameters: Vec<&mut Parameter>,
    identity: &str,
) -> anyhow::Result<Option<(usize, String)>> {
    if !path.exists() {
        return Ok(None);
    }
    let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let damaged = || format!("{} is damaged; delete it to start over", path.display());
    let (_, header) = SafeTensors::read_metadata(&file).with_context(damaged)?;
    let entry = |key: &str| header.metadata().as_ref().and_then(|m| m.get(key).cloned());
    let epochs = entry("epochs")
        .and_then(|e| e.parse().ok())
        .with_context(damaged)?;
    let run = entry("run").with_context(damaged)?;
    ensure!(
        run == identity,
        "{} belongs to another run ({run}), this one is {identity}; delete it to start over",
        path.display()
    );
    let tensors = SafeTensors::deserialize(&file).with_context(damaged)?;
    for (i, p) in parameters.into_iter().enumerate() {
        let len = p.value.len();
        let arrays = [
            ("value", &mut p.value),
            ("first", &mut p.first),
            ("second", &mut p.second),
            ("average", &mut p.average),
        ];
        for (name, data) in arrays {
            let view = tensors
                .tensor(&format!("{i}.{name}"))
                .with_context(damaged)?;
            // Moments exist from the first step that needs them.
            let moment = name == "first" || name == "second";
            if moment && view.shape() == [len] {
                data.resize(len, 0.0);
            }
            ensure!(view.shape() == [data.len()], damaged());
            let values = view.data().as_chunks::<4>().0;
            data.iter_mut()
                .zip(values)
                .for_each(|(x, b)| *x = f32::from_le_bytes(*b));
        }
    }
    Ok(Some((epochs, entry("about").unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;
    use crate::train::{
        args::tests::args,
        optimizer::{MOMENTUM, Rule, Step},
    };

    fn photograph(person: &str, number: usize, smiles: bool) -> Photograph {
        let mut labels = vec![false; 73];
        labels[3] = smiles;
        let path = format!("data/{person}/{person}_{number:04}.jpg");
        Photograph::new(path.into(), person, labels)
    }

    #[test]
    fn other_data_is_another_run() {
        let (a, b) = (photograph("Ada", 1, true), photograph("Ben", 1, true));
        let other = [photograph("Ada", 2, true), photograph("Ada", 1, false)];
        let args = args(&[]);
        let of = |train: &[&Photograph]| identity(&args, [train, &[&b], &[&b]]);
        assert_eq!(of(&[&a]), of(&[&a]));
        for changed in [&[&other[0]][..], &[&other[1]], &[&a, &b], &[&b], &[]] {
            assert_ne!(of(&[&a]), of(changed));
        }
        assert_ne!(of(&[&a]), identity(&args, [&[&a], &[&b, &b], &[]]));
    }

    #[test]
    fn moments_come_back_with_the_rule_that_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.checkpoint");
        for (rule, seconds) in [(Rule::Sgd, false), (Rule::Adamw, true)] {
            let mut first = Trainee::new(&Architecture::tiny(), 2, 0.0, true, 1);
            let step = Step {
                rule,
                momentum: MOMENTUM,
                rate: 0.1,
                decay: 0.1,
                index: 0,
            };
            first.learn(step, 1.0);
            save(&path, &mut first, 1, "run").unwrap();
            let mut second = Trainee::new(&Architecture::tiny(), 2, 0.0, true, 2);
            assert_eq!(resume(&path, &mut second, "run").unwrap(), 1);
            for (a, b) in first.parameters_mut().zip(second.parameters_mut()) {
                assert!(a.value == b.value && a.average == b.average);
                assert!(a.first == b.first && a.second == b.second);
                assert_eq!(b.second.len(), if seconds { b.value.len() } else { 0 });
            }
        }
    }

    #[test]
    fn only_the_same_run_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.checkpoint");
        let trainee = |seed| Trainee::new(&Architecture::tiny(), 2, 0.0, true, seed);
        let mut first = trainee(1);
        save(&path, &mut first, 3, "run a").unwrap();
        let problem = resume(&path, &mut trainee(2), "run b").unwrap_err();
        assert!(problem.to_string().contains("another run"), "{problem}");
        let mut second = trainee(2);
        assert_eq!(resume(&path, &mut second, "run a").unwrap(), 3);
        let both = first.parameters_mut().zip(second.parameters_mut());
        assert!(both.into_iter().all(|(a, b)| a.value == b.value));
    }
}
