//! What callers share by amount: open calls, memory, streams.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Caller;

/// An amount of something: so much in all, and so much for each caller.
#[derive(Clone, Debug)]
pub struct Quota {
    most: usize,
    share: usize,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    all: usize,
    /// Only callers that hold something.
    by: HashMap<Caller, usize>,
}

/// There is not enough left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// For anyone: this is the whole amount.
    All(usize),
    /// For this caller: this is its share.
    Caller(usize),
}

/// What a caller holds, given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    quota: Quota,
    caller: Caller,
    amount: usize,
}

impl Quota {
    /// `most` in all, of which one caller may hold `share`.
    pub fn new(most: usize, share: usize) -> Self {
        let table = Arc::default();
        Self { most, share, table }
    }

    /// So much in all, of which one caller may hold half.
    pub fn halved(most: usize) -> Self {
        Self::new(most, most.div_ceil(2))
    }

    /// The same amount as a caller sees it that has a share of its own.
    pub(crate) fn with_share(&self, own: Option<usize>) -> Self {
        let share = own.unwrap_or(self.share);
        Self {
            share,
            ..self.clone()
        }
    }

    /// Holds some for a caller.
    ///
    /// # Errors
    /// That is not left.
    pub fn hold(&self, caller: &Caller, amount: usize) -> Result<Held, Full> {
        let mut held = self.none(caller);
        held.set(amount)?;
        Ok(held)
    }

    /// Holds nothing yet for a caller.
    pub(crate) fn none(&self, caller: &Caller) -> Held {
        Held {
            quota: self.clone(),
            caller: caller.clone(),
            amount: 0,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while it holds the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Holds so much instead. Less is always possible.
    ///
    /// # Errors
    /// That is not left; then nothing changes.
    pub fn set(&mut self, amount: usize) -> Result<(), Full> {
        let Quota { most, share, .. } = self.quota;
        let mut table = self.quota.table();
        let theirs = table.by.get(&self.caller).copied().unwrap_or(0);
        let all = (table.all - self.amount).saturating_add(amount);
        let theirs = (theirs - self.amount).saturating_add(amount);
        if amount > self.amount && all > most {
            return Err(Full::All(most));
        }
        if amount > self.amount && theirs > share {
            return Err(Full::Caller(share));
        }
        table.all = all;
        match theirs {
            0 => table.by.remove(&self.caller),
            _ => table.by.insert(self.caller.clone(), theirs),
        };
        self.amount = amount;
        Ok(())
    }

    /// Holds so much more.
    ///
    /// # Errors
    /// That is not left; then nothing changes.
    pub fn grow(&mut self, by: usize) -> Result<(), Full> {
        self.set(self.amount.saturating_add(by))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Less is always possible.
        self.set(0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers() -> [Caller; 2] {
        ["a", "b"].map(|name| Caller::Token(name.into()))
    }

    #[test]
    fn a_caller_has_its_share_and_all_together_their_sum() {
        let quota = Quota::new(3, 2);
        let [a, b] = callers();
        let first = quota.hold(&a, 1).unwrap();
        let _second = quota.hold(&a, 1).unwrap();
        assert_eq!(quota.hold(&a, 1).unwrap_err(), Full::Caller(2));
        let _third = quota.hold(&b, 1).unwrap();
        assert_eq!(quota.hold(&b, 1).unwrap_err(), Full::All(3));
        drop(first);
        let own = quota.with_share(Some(1));
        assert_eq!(own.hold(&b, 1).unwrap_err(), Full::Caller(1));
        let last = quota.hold(&a, 1).unwrap();
        drop(last);
        assert_eq!(quota.table().by.len(), 2);
    }

    #[test]
    fn what_is_held_grows_and_shrinks_and_comes_back() {
        let [a, _] = callers();
        let quota = Quota::halved(100);
        let mut first = quota.hold(&a, 30).unwrap();
        let second = quota.hold(&a, 20).unwrap();
        assert_eq!(first.grow(1), Err(Full::Caller(50)));
        assert!(quota.hold(&a, usize::MAX).is_err());
        drop(second);
        first.grow(20).unwrap();
        first.set(10).unwrap();
        assert_eq!(quota.table().all, 10);
        drop(first);
        assert_eq!(quota.table().all, 0);
        assert!(quota.table().by.is_empty());
        assert!(Quota::halved(1).hold(&a, 1).is_ok());
    }
}
