//! Compares a model with what PyTorch computes from the same weights: the activation of every stage, and the image
//! gradient from every stage.
//!
//! `python classifier-svc/import/tests/fixtures/make.py FOLDER full` makes both: weights of full size, which `import`
//! reads, and `expected.safetensors`. Then
//!
//! ```text
//! cargo run --release -p classifier-svc --example parity -- vgg-face.safetensors FOLDER/expected.safetensors
//! ```
//!
//! Errors are the largest difference as a share of the largest value; above 1e-3 the program fails.

use anyhow::{Context, ensure};
use classifier_svc::model::{DeviceChoice, Model, Objective, Term};
use safetensors::SafeTensors;

const TOLERANCE: f32 = 1e-3;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, expected] = &arguments[..] else {
        anyhow::bail!("usage: parity MODEL EXPECTED");
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let file = std::fs::read(model).with_context(|| model.clone())?;
    let mut model = Model::load(&file, DeviceChoice::Cpu, threads)?;
    drop(file);
    let file = std::fs::read(expected).with_context(|| expected.clone())?;
    let expected = SafeTensors::deserialize(&file)?;
    let bytes = expected.tensor("image")?.data();
    let image: Vec<f32> = bytes.iter().map(|&b| f32::from(b) / 255.0).collect();

    let layers: Vec<String> = model.info().layers.iter().map(|l| l.name.clone()).collect();
    let mut worst: f32 = 0.0;
    println!("stage     activation  gradient");
    for (index, name) in layers.iter().enumerate() {
        let Ok(value) = floats(&expected, name) else {
            continue;
        };
        let activation = model.activations(&image, 1, &[index])?.remove(0);
        let ones = Objective {
            weight: 1.0,
            term: Term::VectorJacobianProduct {
                layer: index,
                cotangent: vec![1.0; activation.len()].into(),
            },
        };
        let gradient = model.differentiate(&image, 1, &[ones], &[])?.gradient;
        let forward = error(&activation, &value)?;
        let backward = error(&gradient, &floats(&expected, &format!("gradient.{name}"))?)?;
        println!("{name:8}  {forward:10.1e}  {backward:8.1e}");
        worst = worst.max(forward).max(backward);
    }
    ensure!(
        worst < TOLERANCE,
        "the largest error is {worst:.1e}, above {TOLERANCE:.0e}"
    );
    Ok(())
}

fn floats(file: &SafeTensors<'_>, name: &str) -> anyhow::Result<Vec<f32>> {
    let bytes = file.tensor(name)?.data();
    let values = bytes.as_chunks().0.iter().copied();
    Ok(values.map(f32::from_le_bytes).collect())
}

/// The largest difference as a share of the largest expected value.
fn error(got: &[f32], expected: &[f32]) -> anyhow::Result<f32> {
    ensure!(
        got.len() == expected.len(),
        "expected {} values, got {}",
        expected.len(),
        got.len()
    );
    let largest = expected.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    let pairs = got.iter().zip(expected);
    Ok(pairs.fold(0.0_f32, |m, (g, e)| m.max((g - e).abs())) / largest)
}
