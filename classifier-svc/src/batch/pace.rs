//! How fast the network is, as learned at work.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::lane::{Kind, Lane};
use crate::mean::Mean;

/// How long after an interactive batch the next one is expected.
const ATTENTIVE: Duration = Duration::from_secs(1);
/// The longest that a batch of steps takes while interactive work is expected.
const SHORT: Duration = Duration::from_millis(2);
/// The longest that it takes otherwise: what the first caller after a pause may have to wait.
const LONG: Duration = Duration::from_millis(20);

/// The time for one image of each kind, and when interactive work was last seen.
#[derive(Debug, Default)]
pub(super) struct Pace {
    image: [Mean; 3],
    interactive: Mutex<Option<Instant>>,
}

impl Pace {
    /// The time that `n` images are expected to take; nothing as long as it is not known.
    pub(super) fn of(&self, kind: Kind, n: usize) -> Duration {
        self.image[kind as usize].of(n as u64)
    }

    /// Notes how long a batch took.
    pub(super) fn learn(&self, kind: Kind, n: usize, took: Duration) {
        self.image[kind as usize].learn(n as u64, took);
        if kind.lane() == Lane::Interactive {
            *self.seen() = Some(Instant::now());
        }
    }

    /// Something was given up because of what is expected.
    pub(super) fn doubt(&self, kind: Kind) {
        self.image[kind as usize].doubt();
    }

    /// Images of which differentiating takes no longer than interactive work should wait; at least one.
    pub(super) fn steps(&self) -> usize {
        let expected = self.seen().is_some_and(|seen| seen.elapsed() < ATTENTIVE);
        self.steps_in(if expected { SHORT } else { LONG })
    }

    /// The same as if interactive work were expected.
    pub(super) fn short_steps(&self) -> usize {
        self.steps_in(SHORT)
    }

    fn steps_in(&self, time: Duration) -> usize {
        let image = self.of(Kind::Differentiate, 1).as_nanos().max(1);
        let steps = usize::try_from(time.as_nanos() / image);
        steps.unwrap_or(usize::MAX).max(1)
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
    fn steps_are_short_while_somebody_waits_for_answers() {
        let pace = Pace::default();
        pace.learn(Kind::Differentiate, 1, MS);
        assert_eq!(pace.steps(), 20);
        assert_eq!(pace.short_steps(), 2);
        pace.learn(Kind::Classify, 1, MS);
        assert_eq!(pace.steps(), 2);
        assert_eq!(pace.short_steps(), 2);
        pace.learn(Kind::Differentiate, 1, 1000 * MS);
        assert_eq!(pace.steps(), 1);
    }
}
