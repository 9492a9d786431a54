//! What the network costs on one thread, in CPU time: neighbours on the machine hardly change it.

use std::fs;

use deepface_network::{AttributeTarget, DeviceChoice, Model, Objective, Part, Term};
use serde_json::{Value, json};

use crate::Outcome;

const WEIGHTS: &[u8] = include_bytes!("../../../models/vgg-face-mini.safetensors");
/// The layer of a default face's target.
const LAYER: &str = "conv4_3";
/// Images of the largest call.
const LARGEST: usize = 8;
/// Rounds in which every size has its turn.
const ROUNDS: usize = 40;

/// Core-seconds of a call of the network for a step of so many images: `batch + image * n`.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) batch: f64,
    pub(super) image: f64,
    /// The median of each size, from 1.
    medians: Vec<f64>,
}

impl Network {
    /// Measures a step of a default face with one thread.
    pub(super) fn measure() -> Outcome<Self> {
        let mut model = Model::load(WEIGHTS, DeviceChoice::Cpu, 1)?;
        let objectives = objectives(&model)?;
        let pixels = model.info().pixels();
        let grey = (0..LARGEST * pixels).map(|i| 0.5 + 0.4 * (i as f32 * 0.01).sin());
        let grey: Vec<f32> = grey.collect();
        let mut times = vec![Vec::new(); LARGEST];
        for _ in 0..ROUNDS {
            for (n, times) in (1..).zip(&mut times) {
                let part = Part {
                    n: 1,
                    objectives: &objectives,
                    return_layers: &[],
                };
                let before = own_cpu_seconds()?;
                model.differentiate_parts(&grey[..n * pixels], &vec![part; n])?;
                times.push(own_cpu_seconds()? - before);
            }
        }
        let medians: Vec<_> = times.into_iter().map(median).collect();
        let (batch, image) = line(&medians);
        Ok(Self {
            batch: batch.max(0.0),
            image,
            medians,
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let call = |(n, seconds): (usize, &f64)| json!({"images": n, "us": 1e6 * seconds});
        (1..).zip(&self.medians).map(call).collect()
    }
}

/// The terms of a default face: a target, and the likelihood of its attributes.
fn objectives(model: &Model) -> Outcome<Vec<Objective>> {
    let layer = model
        .info()
        .layer(LAYER)
        .ok_or("the model has no conv4_3")?;
    let size = model.info().layers[layer].shape.iter().product();
    let distance = Term::SquaredDistance {
        layer,
        target: vec![0.5; size].into(),
        normalized: true,
    };
    let attribute = AttributeTarget {
        attribute: 0,
        absent: false,
        weight: 1.0,
        enough: 1.0,
    };
    let likelihood = Term::AttributeLikelihood([attribute].into());
    let objective = |term| Objective { weight: 1.0, term };
    Ok([distance, likelihood].map(objective).into())
}

/// Seconds that all threads of this process have run, to the nanosecond.
fn own_cpu_seconds() -> Outcome<f64> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let ran = fs::read_to_string(thread?.path().join("schedstat"))?;
        let ran = ran.split(' ').next().unwrap_or_default();
        nanoseconds += ran.parse::<u64>()?;
    }
    Ok(nanoseconds as f64 / 1e9)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The line of least squares through the values at 1, 2, ...: its value at 0 and its slope.
fn line(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let x = (n + 1.0) / 2.0;
    let y = values.iter().sum::<f64>() / n;
    let at = |i: usize| (i + 1) as f64 - x;
    let covariance: f64 = values
        .iter()
        .enumerate()
        .map(|(i, v)| at(i) * (v - y))
        .sum();
    let variance: f64 = (0..values.len()).map(|i| at(i) * at(i)).sum();
    let slope = covariance / variance;
    (y - slope * x, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_goes_through_what_is_on_one() {
        let (start, slope) = line(&[5.0, 7.0, 9.0, 11.0]);
        assert!((start - 3.0).abs() < 1e-12 && (slope - 2.0).abs() < 1e-12);
    }
}
