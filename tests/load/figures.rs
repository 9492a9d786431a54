//! Quantiles of measured times, and where figures are kept.

use std::time::Duration;
use std::{env, fs};

use serde_json::Value;

use crate::Outcome;

/// Writes figures where `DEEPFACE_FIGURES` says, if it does.
pub(crate) fn keep(figures: &Value) -> Outcome<()> {
    match env::var_os("DEEPFACE_FIGURES") {
        Some(path) => Ok(fs::write(path, format!("{figures:#}\n"))?),
        None => Ok(()),
    }
}

/// Times that were measured.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Adds one.
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Adds those of another measurement.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The mean in milliseconds; 0 where there is none.
    pub(crate) fn mean(&self) -> f64 {
        let sum: Duration = self.0.iter().sum();
        1e3 * sum.as_secs_f64() / self.count().max(1) as f64
    }

    /// The time that a share `q` of all does not exceed, in milliseconds; 0 where there is none.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        let at = (q * last as f64).round() as usize;
        sorted.get(at).map_or(0.0, |time| 1e3 * time.as_secs_f64())
    }
}
