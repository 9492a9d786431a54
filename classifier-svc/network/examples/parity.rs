//! Compares a model with what PyTorch computes from the same weights: the activation of every stage, and the image
//! gradient from every stage.
//!
//! `python classifier-svc/import/tests/fixtures/make.py FOLDER full` makes both: weights of full size, which `import`
//! reads, and `expected.safetensors`. Then
//!
//! ```text
//! cargo run --release -p deepface-network --example parity -- vgg-face.safetensors FOLDER/expected.safetensors
//! ```
//!
//! Errors are shares of the largest value. An activation fails where its largest error is above 1e-3. A gradient jumps
//! where a rectifier or a pooling is at a tie that rounding decides, in the patch of the image that the unit sees
//! (PyTorch in 32 bits differs so from itself in 64): it fails where its median error is above 1e-3, and the largest
//! and the norm of the difference are shown beside.

use anyhow::{Context, ensure};
use deepface_network::{DeviceChoice, Model, Objective, Term};
use safetensors::SafeTensors;

const TOLERANCE: f32 = 1e-3;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, expected] = &arguments[..] else {
        anyhow::bail!("usage: parity MODEL EXPECTED");
    };
    let threads = rayon::current_num_threads();
    let file = std::fs::read(model).with_context(|| model.clone())?;
    let mut model = Model::load(&file, DeviceChoice::Cpu, threads)?;
    drop(file);
    let file = std::fs::read(expected).with_context(|| expected.clone())?;
    let expected = SafeTensors::deserialize(&file)?;
    let bytes = expected.tensor("image")?.data();
    let image: Vec<f32> = bytes.iter().map(|&b| f32::from(b) / 255.0).collect();

    let layers: Vec<String> = model.info().layers.iter().map(|l| l.name.clone()).collect();
    let mut worst: f32 = 0.0;
    println!("stage     activation  gradient: median  largest     norm");
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
        let forward = Errors::of(&activation, &value)?;
        let backward = floats(&expected, &format!("gradient.{name}"))?;
        let backward = Errors::of(&gradient, &backward)?;
        let (largest, norm) = (backward.largest, backward.norm);
        println!(
            "{name:8}  {:10.1e}  {:16.1e}  {largest:7.1e}  {norm:7.1e}",
            forward.largest, backward.median
        );
        worst = worst.max(forward.largest).max(backward.median);
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

/// How far an array is from another.
struct Errors {
    /// Largest difference, as a share of the largest value.
    largest: f32,
    /// Median difference, likewise.
    median: f32,
    /// Norm of the difference, as a share of the norm.
    norm: f64,
}

impl Errors {
    fn of(got: &[f32], expected: &[f32]) -> anyhow::Result<Self> {
        let (count, wanted) = (got.len(), expected.len());
        ensure!(count == wanted, "expected {wanted} values, got {count}");
        let norm = |values: &[f32]| values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
        let mut errors: Vec<f32> = got
            .iter()
            .zip(expected)
            .map(|(g, e)| (g - e).abs())
            .collect();
        let relative = (norm(&errors) / norm(expected)).sqrt();
        errors.sort_by(f32::total_cmp);
        let scale = expected.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        Ok(Self {
            largest: errors.last().copied().unwrap_or(0.0) / scale,
            median: errors.get(count / 2).copied().unwrap_or(0.0) / scale,
            norm: relative,
        })
    }
}
