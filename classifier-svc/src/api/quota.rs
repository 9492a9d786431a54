//! What is shared out among callers by amount: memory, streams.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deepface_serve::Caller;

/// An amount of something, of which one caller may hold half.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    most: usize,
    held: Arc<Mutex<HashMap<Caller, usize>>>,
}

/// An amount that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    quota: Quota,
    caller: Caller,
    amount: usize,
}

impl Quota {
    /// So much in all.
    pub(super) fn new(most: usize) -> Self {
        let held = Arc::default();
        Self { most, held }
    }

    /// Holds some for a caller, if that is left.
    pub(super) fn hold(&self, caller: &Caller, amount: usize) -> Option<Held> {
        let mut held = Held {
            quota: self.clone(),
            caller: caller.clone(),
            amount: 0,
        };
        held.grow(amount).then_some(held)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Caller, usize>> {
        // Nothing panics while it holds the lock.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Holds more, if that is left.
    pub(super) fn grow(&mut self, amount: usize) -> bool {
        let most = self.quota.most;
        let mut table = self.quota.table();
        let all: usize = table.values().sum();
        let theirs = table.get(&self.caller).copied().unwrap_or(0);
        if all.saturating_add(amount) > most || theirs.saturating_add(amount) > most.div_ceil(2) {
            return false;
        }
        table.insert(self.caller.clone(), theirs + amount);
        self.amount += amount;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut table = self.quota.table();
        let theirs = table.remove(&self.caller).unwrap_or(0);
        let left = theirs.saturating_sub(self.amount);
        if left > 0 {
            table.insert(self.caller.clone(), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_holds_half_at_most_and_all_comes_back() {
        let caller = Caller::of(&tonic::Request::new(()));
        let quota = Quota::new(100);
        let mut first = quota.hold(&caller, 30).unwrap();
        let second = quota.hold(&caller, 20).unwrap();
        assert!(!first.grow(1));
        assert!(quota.hold(&caller, 1).is_none());
        drop(second);
        assert!(first.grow(20));
        drop(first);
        assert!(quota.table().is_empty());
        assert!(Quota::new(1).hold(&caller, 1).is_some());
    }
}
