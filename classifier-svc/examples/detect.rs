//! Measures how well faces are found, and how that affects the attributes: `detect LFW`, the public layout.
//!
//! In aligned photographs the framing is known, so the detected one can be compared with it. The built-in model was not
//! trained on these people. In the figures of attributes, each of them counts once. `DEEPFACE_FIGURES=FILE` also writes the
//! figures as JSON.

use std::path::Path;

use anyhow::{Context, Result};
use classifier_svc::service::ModelSource;
use deepface_dataset::{Dataset, Photograph, Split, person_numbers, person_weights};
use deepface_detect::Face;
use deepface_images::{Framing, ImageLimits, decode, face_pixels, turned_pixels};
use deepface_network::{DeviceChoice, Model, Thresholds};
use rayon::prelude::*;
use serde_json::{Value, json};

/// A photograph whose face was found.
struct Found {
    labels: Vec<bool>,
    /// How much it counts.
    weight: f64,
    /// Centre and side of the square over those of the known framing, right, down and larger, of its side; and degrees
    /// clockwise.
    off: [f64; 4],
    /// The network's input by the known framing, and by the square.
    pixels: [Vec<f32>; 2],
}

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).context("usage: detect LFW")?;
    let dataset = Dataset::open(Path::new(&folder))?;
    let photographs: Vec<_> = dataset.photographs.iter().collect();
    let test = photographs.iter().filter(|p| p.split() == Split::Test);
    let test: Vec<_> = test.copied().collect();
    let mut model = ModelSource::Embedded.load(DeviceChoice::Cpu, rayon::current_num_threads())?;
    let size = model.info().input_size;
    let found: Vec<_> = test
        .par_iter()
        .zip(person_weights(&person_numbers(&test)))
        .map(|(p, weight)| find(p, weight, size))
        .collect::<Result<_>>()?;
    let found: Vec<_> = found.into_iter().flatten().collect();
    let share = found.len() as f64 / test.len() as f64;
    println!(
        "found in {:.1} % of {} photographs",
        100.0 * share,
        test.len()
    );
    for (i, what) in ["right", "down", "larger"].into_iter().enumerate() {
        let (mean, deviation) = moments(found.iter().map(|f| 100.0 * f.off[i]));
        println!("{what:>6} by {mean:+.1} % of the side, +- {deviation:.1}");
    }
    let (mean, deviation) = moments(found.iter().map(|f| f.off[3]));
    println!("turned by {mean:+.1} degrees, +- {deviation:.1}");
    let mut figures = compare(&mut model, &found)?;
    figures["photographs"] = test.len().into();
    figures["found"] = share.into();
    if let Some(path) = std::env::var_os("DEEPFACE_FIGURES") {
        std::fs::write(path, format!("{figures:#}\n"))?;
    }
    Ok(())
}

/// The face of the photograph, if it is found near its known place.
fn find(photograph: &Photograph, weight: f64, size: usize) -> Result<Option<Found>> {
    let image = decode(&std::fs::read(&photograph.path)?, ImageLimits::default())?.pixels;
    let (width, height) = image.dimensions();
    let known = 0.64 * f64::from(width);
    let off = |face: &Face| {
        let centre = |start: i32| f64::from(start) + f64::from(face.square.side) / 2.0;
        [
            (centre(face.square.left) - f64::from(width) / 2.0) / known,
            (centre(face.square.top) - f64::from(height) / 2.0) / known,
            f64::from(face.square.side) / known - 1.0,
            f64::from(face.roll),
        ]
    };
    let faces = deepface_detect::faces(&image);
    let mut faces = faces.iter().map(|face| (face, off(face)));
    let same = faces.find(|(_, off)| off[..3].iter().all(|o| o.abs() < 0.4));
    Ok(same.map(|(face, off)| Found {
        labels: photograph.labels.clone(),
        weight,
        off,
        pixels: [
            face_pixels(&image, Framing::Aligned, size),
            turned_pixels(&image, face.square, face.roll, size),
        ],
    }))
}

/// Attributes by the known framing and by the squares.
fn compare(model: &mut Model, found: &[Found]) -> Result<Value> {
    let mut seen = [Vec::new(), Vec::new()];
    for face in found {
        for (seen, pixels) in seen.iter_mut().zip(&face.pixels) {
            let probabilities = model.probabilities(pixels, 1)?;
            seen.push(model.info().heads.attributes(&probabilities));
        }
    }
    let [aligned, detected] = &seen;
    let thresholds = &model.info().thresholds;
    let (mut off, mut alike) = (0.0, 0);
    for (a, d) in aligned.iter().zip(detected) {
        for ((a, d), &Thresholds { accurate, .. }) in a.iter().zip(d).zip(thresholds) {
            off += f64::from((a - d).abs());
            alike += usize::from((*a > accurate) == (*d > accurate));
        }
    }
    let all = (found.len() * thresholds.len()) as f64;
    let (off, same) = (off / all, alike as f64 / all);
    println!("probabilities differ by {off:.4} in the mean");
    println!("{:.1} % of decisions are the same", 100.0 * same);
    let mut figures = json!({"difference": off, "same_decisions": same});
    for (what, seen) in [("aligned", aligned), ("detected", detected)] {
        let aucs = (0..thresholds.len()).filter_map(|i| auc(seen, found, i));
        let auc = moments(aucs).0;
        println!("{what:>8}: mean AUC {auc:.4}");
        figures[what] = json!({"auc": auc});
        for (name, threshold) in [
            ("accurate", (|t| t.accurate) as fn(&Thresholds) -> f32),
            ("balanced", |t| t.balanced),
        ] {
            let of = |i: usize| accuracies(seen, found, i, threshold(&thresholds[i]));
            let all: Vec<_> = (0..thresholds.len()).map(of).collect();
            let accuracy = moments(all.iter().map(|a| a.0)).0;
            let balanced = moments(all.iter().filter_map(|a| a.1)).0;
            println!(
                "          {name} thresholds: accuracy {accuracy:.4}, balanced accuracy {balanced:.4}"
            );
            figures[what][name] = json!({"accuracy": accuracy, "balanced_accuracy": balanced});
        }
    }
    Ok(figures)
}

/// The share of right decisions, and the mean of that among positives and that among negatives, if there are both.
fn accuracies(
    seen: &[Vec<f32>],
    found: &[Found],
    attribute: usize,
    threshold: f32,
) -> (f64, Option<f64>) {
    // Right and all, of negatives and of positives.
    let mut counts = [[0.0_f64; 2]; 2];
    for (p, face) in seen.iter().zip(found) {
        let label = face.labels[attribute];
        let [right, all] = &mut counts[usize::from(label)];
        *right += face.weight * f64::from(u8::from((p[attribute] > threshold) == label));
        *all += face.weight;
    }
    let [[right, all], [also_right, others]] = counts;
    let balanced = (right / all + also_right / others) / 2.0;
    (
        (right + also_right) / (all + others),
        balanced.is_finite().then_some(balanced),
    )
}

/// `None` without a pair of a positive and a negative.
fn auc(seen: &[Vec<f32>], found: &[Found], attribute: usize) -> Option<f64> {
    let scored = seen.iter().zip(found);
    let scored = scored.map(|(p, f)| (p[attribute], f.labels[attribute], f.weight));
    deepface_statistics::weighted_auc(scored.collect())
}

/// Mean and standard deviation.
fn moments(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<_> = values.collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let spread = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    (mean, spread.sqrt())
}
