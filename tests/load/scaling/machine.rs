//! How busy this machine is, and with what.

use std::fs;
use std::time::Instant;

use crate::Outcome;

/// Clock ticks of a second in /proc, which Linux fixes for programs.
const TICKS: f64 = 100.0;

/// A moment, and the core-seconds that this machine had worked until then.
#[derive(Debug)]
pub(super) struct Busy {
    at: Instant,
    seconds: f64,
}

impl Busy {
    pub(super) fn now() -> Outcome<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let all = stat.lines().next().ok_or("/proc/stat is empty")?;
        let times = all.split_whitespace().skip(1).take(8);
        let times: Vec<f64> = times.filter_map(|ticks| ticks.parse().ok()).collect();
        let idle: f64 = times.iter().skip(3).take(2).sum();
        Ok(Self {
            at: Instant::now(),
            seconds: (times.iter().sum::<f64>() - idle) / TICKS,
        })
    }

    /// The cores that others left since then to what used so many core-seconds.
    pub(super) fn left_to(&self, used: f64) -> Outcome<f64> {
        let now = Self::now()?;
        let others = (now.seconds - self.seconds - used) / (now.at - self.at).as_secs_f64();
        Ok((cores() - others.max(0.0)).max(0.01))
    }
}

/// Cores of this machine.
pub(super) fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64)
}
