//! A line in which nobody waits long behind somebody else's crowd.

use std::collections::HashMap;
use std::hash::Hash;

/// What waits, by whose it is. Whoever has got the least goes next, so that each gets an equal share of the work as long
/// as it has some waiting; what belongs to one goes in the order in which it came.
///
/// This is start-time fair queuing: everything has a place on a common scale of costs, behind what its owner sent before,
/// and never before what is being worked on.
#[derive(Debug)]
pub(crate) struct FairLine<K, T> {
    /// Where work is: the place of what was taken last.
    now: u64,
    /// Where the next of each owner goes, if that is ahead of `now`.
    next: HashMap<K, u64>,
    /// In the order of arrival.
    waiting: Vec<Place<K, T>>,
}

#[derive(Debug)]
struct Place<K, T> {
    start: u64,
    owner: K,
    what: T,
}

impl<K, T> Default for FairLine<K, T> {
    fn default() -> Self {
        Self {
            now: 0,
            next: HashMap::new(),
            waiting: Vec::new(),
        }
    }
}

impl<K: Clone + Eq + Hash, T> FairLine<K, T> {
    /// Puts something into the line that costs this much, in any unit.
    pub(crate) fn push(&mut self, owner: K, cost: u64, what: T) {
        let next = self.next.entry(owner.clone()).or_insert(self.now);
        let start = (*next).max(self.now);
        *next = start.saturating_add(cost);
        self.waiting.push(Place { start, owner, what });
    }

    /// What goes next, of that which `fits`.
    pub(crate) fn first(&self, fits: impl FnMut(&T) -> bool) -> Option<&T> {
        Some(&self.waiting[self.at(fits)?].what)
    }

    fn at(&self, mut fits: impl FnMut(&T) -> bool) -> Option<usize> {
        let fitting = self.waiting.iter().enumerate();
        let fitting = fitting.filter(|(_, place)| fits(&place.what));
        // Of equals the first.
        let first = fitting.min_by_key(|(_, place)| place.start);
        first.map(|(at, _)| at)
    }

    /// Takes what goes next, of that which `fits`.
    pub(crate) fn take(&mut self, fits: impl FnMut(&T) -> bool) -> Option<T> {
        let at = self.at(fits)?;
        let Place { start, what, .. } = self.waiting.remove(at);
        self.now = self.now.max(start);
        self.forget();
        Some(what)
    }

    /// Removes what does not `stay`, and gives it.
    pub(crate) fn remove(&mut self, mut stays: impl FnMut(&T) -> bool) -> Vec<T> {
        let (stay, go): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|place| stays(&place.what));
        self.waiting = stay;
        self.forget();
        go.into_iter().map(|place| place.what).collect()
    }

    /// Forgets owners who are not ahead of the others, so that their number stays bounded.
    fn forget(&mut self) {
        let (now, idle) = (self.now, self.waiting.is_empty());
        self.next.retain(|_, next| !idle && *next > now);
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many of them are this owner's.
    pub(crate) fn count(&self, owner: &K) -> usize {
        let theirs = self.waiting.iter().filter(|place| place.owner == *owner);
        theirs.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &mut FairLine<char, u32>) -> Vec<u32> {
        std::iter::from_fn(|| line.take(|_| true)).collect()
    }

    #[test]
    fn a_crowd_is_overtaken_and_keeps_its_order() {
        let mut line = FairLine::default();
        (0..4).for_each(|i| line.push('a', 1, i));
        line.push('b', 1, 10);
        line.push('b', 1, 11);
        assert_eq!((line.len(), line.count(&'a')), (6, 4));
        assert_eq!(all(&mut line), [0, 10, 1, 11, 2, 3]);
        assert!(line.next.is_empty());
    }

    #[test]
    fn shares_are_equal_by_cost() {
        let mut line = FairLine::default();
        (0..3).for_each(|i| line.push('a', 4, i));
        (10..18).for_each(|i| line.push('b', 1, i));
        assert_eq!(all(&mut line), [0, 10, 11, 12, 13, 1, 14, 15, 16, 17, 2]);
    }

    #[test]
    fn who_was_away_has_saved_nothing_up() {
        let mut line = FairLine::default();
        (0..100).for_each(|i| line.push('a', 1, i));
        for _ in 0..90 {
            line.take(|_| true);
        }
        (200..203).for_each(|i| line.push('b', 1, i));
        let next: Vec<u32> = std::iter::from_fn(|| line.take(|_| true)).take(6).collect();
        assert_eq!(next, [200, 90, 201, 91, 202, 92]);
    }

    #[test]
    fn what_does_not_fit_is_passed_by() {
        let mut line = FairLine::default();
        line.push('a', 9, 1);
        line.push('a', 1, 2);
        assert_eq!(line.take(|&what| what != 1), Some(2));
        assert_eq!(line.take(|&what| what != 1), None);
        assert_eq!(line.remove(|&what| what != 1), [1]);
        assert_eq!(line.len(), 0);
    }
}
