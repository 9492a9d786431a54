//! What something takes, as learned at work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Of a new measurement, one part in so many counts.
const SMOOTHING: u64 = 8;

/// The running mean of the time for one unit of some work, in nanoseconds; 0 before the first measurement.
#[derive(Debug, Default)]
pub(crate) struct Mean(AtomicU64);

impl Mean {
    /// The time that `n` units are expected to take; nothing as long as it is not known.
    pub(crate) fn of(&self, n: u64) -> Duration {
        Duration::from_nanos(self.get().saturating_mul(n))
    }

    /// Notes how long `n` units took.
    pub(crate) fn learn(&self, n: u64, took: Duration) {
        let new = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / n.max(1);
        self.set(match self.get() {
            0 => new,
            old => old - old / SMOOTHING + new / SMOOTHING,
        });
    }

    /// Something was given up because of what is expected. It is expected a little sooner from then on, so that a wrong
    /// belief does not last for want of measurements.
    pub(crate) fn doubt(&self) {
        let old = self.get();
        self.set(old - old / SMOOTHING);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, mean: u64) {
        self.0.store(mean, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn it_follows_what_is_measured() {
        let mean = Mean::default();
        assert_eq!(mean.of(100), Duration::ZERO);
        mean.learn(4, 8 * MS);
        assert_eq!(mean.of(3), 6 * MS);
        for _ in 0..100 {
            mean.learn(1, 10 * MS);
        }
        assert!((9 * MS..=10 * MS).contains(&mean.of(1)), "{mean:?}");
        for _ in 0..100 {
            mean.doubt();
        }
        assert!(mean.of(1) < MS);
    }
}
