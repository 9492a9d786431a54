//! How many pixels a second the holder of a token may have looked at.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tonic::{Code, Status};

use crate::detailed;

/// Pixels a second of one token, or as many as it likes; clones share them.
///
/// A second's worth is saved up at most. One request may take more than that, so that none is impossible; those after it
/// are refused until it is made up for.
#[derive(Clone, Debug, Default)]
pub struct Allowance(Option<Arc<Limit>>);

#[derive(Debug)]
struct Limit {
    rate: u32,
    account: Mutex<Account>,
}

#[derive(Debug)]
struct Account {
    /// Pixels that are left; below 0, those that were taken in advance.
    left: f64,
    /// When that was so.
    at: Instant,
}

/// The allowance is used up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overdrawn {
    /// Pixels a second.
    rate: u32,
    /// The time until some are left.
    wait: Duration,
}

impl Allowance {
    /// So many pixels a second.
    pub(crate) fn new(rate: u32) -> Self {
        let account = Account {
            left: rate.into(),
            at: Instant::now(),
        };
        let account = Mutex::new(account);
        Self(Some(Arc::new(Limit { rate, account })))
    }

    /// That of a request's token.
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        request.extensions().get().cloned().unwrap_or_default()
    }

    /// Takes the pixels of a request.
    ///
    /// # Errors
    /// None are left.
    pub fn take(&self, pixels: u64) -> Result<(), Overdrawn> {
        self.take_at(pixels, Instant::now())
    }

    fn take_at(&self, pixels: u64, now: Instant) -> Result<(), Overdrawn> {
        let Some(limit) = &self.0 else {
            return Ok(());
        };
        let rate = f64::from(limit.rate);
        // Nothing panics while it holds the lock.
        let account = limit.account.lock();
        let mut account = account.unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(account.at).as_secs_f64();
        account.left = (account.left + passed * rate).min(rate);
        account.at = now;
        if account.left <= 0.0 {
            let wait = Duration::from_secs_f64(-account.left / rate);
            let wait = wait.max(Duration::from_millis(1));
            let rate = limit.rate;
            return Err(Overdrawn { rate, wait });
        }
        account.left -= pixels as f64;
        Ok(())
    }
}

impl From<Overdrawn> for Status {
    fn from(Overdrawn { rate, wait }: Overdrawn) -> Self {
        let message = format!("the {rate} pixels a second of the token are used up");
        detailed(Code::ResourceExhausted, "PIXELS_USED", &message, Some(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_in_advance_is_made_up_for() {
        let allowance = Allowance::new(100);
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        allowance.take_at(60, start).unwrap();
        allowance.take_at(340, start).unwrap();
        let refused = allowance.clone().take_at(1, after(1)).unwrap_err();
        assert_eq!(refused.rate, 100);
        assert!((1.9..2.1).contains(&refused.wait.as_secs_f64()));
        assert!(allowance.take_at(1, after(2)).is_err());
        allowance.take_at(1, after(4)).unwrap();
        // A long rest saves up no more than a second.
        allowance.take_at(150, after(1000)).unwrap();
        assert!(allowance.take_at(1, after(1000)).is_err());
        assert_eq!(Allowance::default().take_at(u64::MAX, start), Ok(()));
    }
}
