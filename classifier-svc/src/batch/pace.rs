//! How fast the network is, as learned at work.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::lane::{Kind, Lane};

/// Of a new measurement, one part in so many counts.
const SMOOTHING: u64 = 8;
/// How long after an interactive batch the next one is expected.
const ATTENTIVE: Duration = Duration::from_secs(1);
/// The longest that a batch of steps takes while interactive work is expected.
const SHORT: Duration = Duration::from_millis(10);
/// The longest that it takes otherwise: what the first caller after a pause may have to wait.
const LONG: Duration = Duration::from_millis(20);

/// Running means of the time for one image of each kind, and when interactive work was last seen.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Nanoseconds; 0 before the first measurement.
    image: [AtomicU64; 3],
    interactive: Mutex<Option<Instant>>,
}

impl Pace {
    /// The time that `n` images are expected to take; nothing as long as it is not known.
    pub(super) fn of(&self, kind: Kind, n: usize) -> Duration {
        let image = self.image[kind as usize].load(Ordering::Relaxed);
        Duration::from_nanos(image.saturating_mul(n as u64))
    }

    /// Notes how long a batch took.
    pub(super) fn learn(&self, kind: Kind, n: usize, took: Duration) {
        let new = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / n.max(1) as u64;
        let image = &self.image[kind as usize];
        let old = image.load(Ordering::Relaxed);
        let mean = match old {
            0 => new,
            _ => old - old / SMOOTHING + new / SMOOTHING,
        };
        image.store(mean, Ordering::Relaxed);
        if kind.lane() == Lane::Interactive {
            *self.seen() = Some(Instant::now());
        }
    }

    /// Something was given up because of what is expected. It is expected a little sooner from then on, so that a wrong
    /// belief does not last for want of measurements.
    pub(super) fn doubt(&self, kind: Kind) {
        let image = &self.image[kind as usize];
        let old = image.load(Ordering::Relaxed);
        image.store(old - old / SMOOTHING, Ordering::Relaxed);
    }

    /// Images of which differentiating takes no longer than interactive work should wait; at least one.
    pub(super) fn steps(&self) -> usize {
        let expected = self.seen().is_some_and(|seen| seen.elapsed() < ATTENTIVE);
        let time = if expected { SHORT } else { LONG };
        let image = self.of(Kind::Differentiate, 1).as_nanos().max(1);
        usize::try_from(time.as_nanos() / image)
            .unwrap_or(usize::MAX)
            .max(1)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        // Nothing panics while it holds the lock.
        let seen = self.interactive.lock();
        seen.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_pace_follows_what_is_measured() {
        let pace = Pace::default();
        assert_eq!(pace.of(Kind::Classify, 100), Duration::ZERO);
        pace.learn(Kind::Classify, 4, 8 * MS);
        assert_eq!(pace.of(Kind::Classify, 3), 6 * MS);
        for _ in 0..100 {
            pace.learn(Kind::Classify, 1, 10 * MS);
        }
        let image = pace.of(Kind::Classify, 1);
        assert!((9 * MS..=10 * MS).contains(&image), "{image:?}");
        for _ in 0..100 {
            pace.doubt(Kind::Classify);
        }
        assert!(pace.of(Kind::Classify, 1) < MS);
        assert_eq!(pace.of(Kind::Activations, 1), Duration::ZERO);
    }

    #[test]
    fn steps_are_short_while_somebody_waits_for_answers() {
        let pace = Pace::default();
        pace.learn(Kind::Differentiate, 1, 5 * MS);
        assert_eq!(pace.steps(), 4);
        pace.learn(Kind::Classify, 1, MS);
        assert_eq!(pace.steps(), 2);
        pace.learn(Kind::Differentiate, 1, 1000 * MS);
        assert_eq!(pace.steps(), 1);
    }
}
