//! Places for open calls: so many in all, and so many for each caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Caller;

/// Places for open calls.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    most: usize,
    share: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Only callers that have a call open.
    by: HashMap<Caller, usize>,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// For anyone: so many calls are open.
    All(usize),
    /// For this caller: it has so many open.
    Caller(usize),
}

impl Places {
    /// `most` in all, and `share` for a caller that has no number of its own.
    pub(crate) fn new(most: usize, share: usize) -> Self {
        Self {
            most,
            share,
            taken: Arc::default(),
        }
    }

    /// A place for a call. `own` is the caller's own share, where it has one.
    pub(crate) fn take(&self, caller: Caller, own: Option<usize>) -> Result<Place, Full> {
        let share = own.unwrap_or(self.share);
        let mut taken = self.lock();
        if taken.all >= self.most {
            return Err(Full::All(self.most));
        }
        let count = taken.by.get(&caller).copied().unwrap_or(0);
        if count >= share {
            return Err(Full::Caller(share));
        }
        taken.all += 1;
        taken.by.insert(caller.clone(), count + 1);
        Ok(Place {
            places: self.clone(),
            caller,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    caller: Caller,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(count) = taken.by.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                taken.by.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_its_share_and_all_together_their_sum() {
        let places = Places::new(3, 2);
        let [a, b] = ["a", "b"].map(|name| Caller::Token(name.into()));
        let first = places.take(a.clone(), None).unwrap();
        let _second = places.take(a.clone(), None).unwrap();
        assert_eq!(places.take(a.clone(), None).unwrap_err(), Full::Caller(2));
        let _third = places.take(b.clone(), None).unwrap();
        assert_eq!(places.take(b.clone(), None).unwrap_err(), Full::All(3));
        drop(first);
        assert_eq!(
            places.take(b.clone(), Some(1)).unwrap_err(),
            Full::Caller(1)
        );
        let last = places.take(a, None).unwrap();
        drop(last);
        assert_eq!(places.lock().by.len(), 2);
    }
}
