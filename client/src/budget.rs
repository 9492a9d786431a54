//! The retries that the clones of a client share: an outage must not multiply the load that follows it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// Retries that may be saved up.
const MOST: f64 = 100.0;
/// Retries that every second allows in any case.
const PER_SECOND: f64 = 10.0;
/// Retries that every success allows.
const PER_SUCCESS: f64 = 0.1;

/// A bucket of retries. It starts full.
#[derive(Debug)]
pub(crate) struct RetryBudget(Mutex<Bucket>);

#[derive(Debug)]
struct Bucket {
    left: f64,
    filled: Instant,
}

impl RetryBudget {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Bucket {
            left: MOST,
            filled: Instant::now(),
        }))
    }

    /// Counts a success.
    pub(crate) fn succeeded(&self) {
        let mut bucket = self.bucket();
        bucket.left = (bucket.left + PER_SUCCESS).min(MOST);
    }

    /// Takes a retry; false if none is left for the moment.
    pub(crate) fn take(&self) -> bool {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> bool {
        let mut bucket = self.bucket();
        let since = now.saturating_duration_since(bucket.filled);
        let left = (bucket.left + PER_SECOND * since.as_secs_f64()).min(MOST);
        let taken = left >= 1.0;
        *bucket = Bucket {
            left: if taken { left - 1.0 } else { left },
            filled: now,
        };
        taken
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_outage_leaves_ten_retries_a_second() {
        let budget = RetryBudget::new();
        let now = Instant::now();
        let taken = |now| (0..1000).filter(|_| budget.take_at(now)).count();
        assert_eq!(taken(now), 100);
        let later = now + Duration::from_secs(1);
        assert_eq!(taken(later), 10);
        (0..25).for_each(|_| budget.succeeded());
        assert_eq!(taken(later), 2);
    }
}
