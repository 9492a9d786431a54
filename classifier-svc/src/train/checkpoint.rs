//! Training that goes on after a kill: everything that was learned, written whole or not at all.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context, ensure};
use deepface_serve::write_atomically;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::network::Trainee;

/// Writes what has been learned after some epochs. `identity` says what run it is of.
pub(super) fn save(
    path: &Path,
    trainee: &mut Trainee,
    epochs: usize,
    identity: &str,
) -> anyhow::Result<()> {
    let mut arrays: Vec<(String, Vec<u8>)> = Vec::new();
    for (i, p) in trainee.parameters_mut().enumerate() {
        for (name, data) in [
            ("value", &p.value),
            ("first", &p.first),
            ("second", &p.second),
            ("average", &p.average),
        ] {
            arrays.push((
                format!("{i}.{name}"),
                data.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ));
        }
    }
    let views = arrays
        .iter()
        .map(|(name, bytes)| {
            Ok((
                name,
                TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes)?,
            ))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let header = HashMap::from([
        ("epochs".to_owned(), epochs.to_string()),
        ("run".to_owned(), identity.to_owned()),
    ]);
    let file = safetensors::serialize(views, Some(header))?;
    write_atomically(path, &file).with_context(|| format!("cannot write {}", path.display()))
}

/// Goes on from a checkpoint of the same run; gives the epochs done, 0 where there is none.
pub(super) fn resume(path: &Path, trainee: &mut Trainee, identity: &str) -> anyhow::Result<usize> {
    if !path.exists() {
        return Ok(0);
    }
    let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let damaged = || format!("{} is damaged; delete it to start anew", path.display());
    let (_, header) = SafeTensors::read_metadata(&file).with_context(damaged)?;
    let entry = |key: &str| header.metadata().as_ref().and_then(|m| m.get(key).cloned());
    let epochs = entry("epochs")
        .and_then(|e| e.parse().ok())
        .with_context(damaged)?;
    let run = entry("run").with_context(damaged)?;
    ensure!(
        run == identity,
        "{} is of another run ({run}), this one is {identity}; delete it to start anew",
        path.display()
    );
    let tensors = SafeTensors::deserialize(&file).with_context(damaged)?;
    for (i, p) in trainee.parameters_mut().enumerate() {
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
            ensure!(view.shape() == [data.len()], damaged());
            let values = view.data().as_chunks::<4>().0;
            data.iter_mut()
                .zip(values)
                .for_each(|(x, b)| *x = f32::from_le_bytes(*b));
        }
    }
    Ok(epochs)
}
