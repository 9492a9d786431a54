//! A line in which nobody waits long behind somebody else's crowd.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

/// What waits, by whose it is. Whoever has got the least goes next, so that each gets an equal share of the work as long
/// as it has some waiting; of what belongs to one, that which is older.
///
/// This is start-time fair queuing: whoever has got the least stands at `now` on a common scale of costs, and nobody
/// falls behind it by having nothing to do.
#[derive(Debug)]
pub(crate) struct FairLine<K, T> {
    /// What the owner of that which was taken last had got before.
    now: u64,
    /// What each owner has got, if that is more than `now`.
    got: HashMap<K, u64>,
    /// In the order of arrival.
    waiting: Vec<Place<K, T>>,
}

#[derive(Debug)]
struct Place<K, T> {
    owner: K,
    since: Instant,
    cost: u64,
    what: T,
}

impl<K, T> Default for FairLine<K, T> {
    fn default() -> Self {
        Self {
            now: 0,
            got: HashMap::new(),
            waiting: Vec::new(),
        }
    }
}

impl<K: Clone + Eq + Hash, T> FairLine<K, T> {
    /// Puts something into the line that costs this much, in any unit. `since` says how old it is.
    pub(crate) fn push(&mut self, owner: K, since: Instant, cost: u64, what: T) {
        self.waiting.push(Place {
            owner,
            since,
            cost,
            what,
        });
    }

    /// What goes next, of that which `fits`.
    pub(crate) fn first(&self, fits: impl FnMut(&T) -> bool) -> Option<&T> {
        Some(&self.waiting[self.at(fits)?].what)
    }

    fn at(&self, mut fits: impl FnMut(&T) -> bool) -> Option<usize> {
        let fitting = self.waiting.iter().enumerate();
        let fitting = fitting.filter(|(_, place)| fits(&place.what));
        // Of equals the first.
        let first = fitting.min_by_key(|(_, place)| self.rank(&place.owner, place.since));
        first.map(|(at, _)| at)
    }

    /// Where an owner stands with something of this age; the lowest goes next.
    fn rank(&self, owner: &K, since: Instant) -> (u64, Instant) {
        let got = self.got.get(owner).copied().unwrap_or(0);
        (got.max(self.now), since)
    }

    /// Takes what goes next, of that which `fits`.
    pub(crate) fn take(&mut self, fits: impl FnMut(&T) -> bool) -> Option<T> {
        let at = self.at(fits)?;
        let place = self.waiting.remove(at);
        self.charge(place.owner, place.cost);
        Some(place.what)
    }

    /// Whether an owner may go on with something that never waited: nothing that `fits` goes before it. Then it counts
    /// as taken.
    pub(crate) fn pass(
        &mut self,
        owner: &K,
        since: Instant,
        cost: u64,
        fits: impl FnMut(&T) -> bool,
    ) -> bool {
        let before = self.at(fits).map(|at| &self.waiting[at]);
        let before = before.map(|place| self.rank(&place.owner, place.since));
        let passes = before.is_none_or(|before| self.rank(owner, since) < before);
        if passes {
            self.charge(owner.clone(), cost);
        }
        passes
    }

    fn charge(&mut self, owner: K, cost: u64) {
        let got = self.got.entry(owner).or_insert(self.now);
        self.now = self.now.max(*got);
        *got = self.now.saturating_add(cost);
        self.forget();
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
        self.got.retain(|_, got| !idle && *got > now);
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
    use std::time::Duration;

    use super::*;

    fn push(line: &mut FairLine<char, u32>, owner: char, cost: u64, what: u32) {
        line.push(owner, Instant::now(), cost, what);
    }

    fn all(line: &mut FairLine<char, u32>) -> Vec<u32> {
        std::iter::from_fn(|| line.take(|_| true)).collect()
    }

    #[test]
    fn a_crowd_is_overtaken_and_keeps_its_order() {
        let mut line = FairLine::default();
        (0..4).for_each(|i| push(&mut line, 'a', 1, i));
        push(&mut line, 'b', 1, 10);
        push(&mut line, 'b', 1, 11);
        assert_eq!((line.len(), line.count(&'a')), (6, 4));
        assert_eq!(all(&mut line), [0, 10, 1, 11, 2, 3]);
        assert!(line.got.is_empty());
    }

    #[test]
    fn shares_are_equal_by_cost() {
        let mut line = FairLine::default();
        (0..3).for_each(|i| push(&mut line, 'a', 4, i));
        (10..18).for_each(|i| push(&mut line, 'b', 1, i));
        assert_eq!(all(&mut line), [0, 10, 11, 12, 13, 1, 14, 15, 16, 17, 2]);
    }

    #[test]
    fn who_was_away_has_saved_nothing_up() {
        let mut line = FairLine::default();
        (0..100).for_each(|i| push(&mut line, 'a', 1, i));
        for _ in 0..90 {
            line.take(|_| true);
        }
        (200..203).for_each(|i| push(&mut line, 'b', 1, i));
        let next: Vec<u32> = std::iter::from_fn(|| line.take(|_| true)).take(6).collect();
        assert_eq!(next, [200, 90, 201, 91, 202, 92]);
    }

    #[test]
    fn what_does_not_fit_is_passed_by() {
        let mut line = FairLine::default();
        push(&mut line, 'a', 9, 1);
        push(&mut line, 'a', 1, 2);
        assert_eq!(line.take(|&what| what != 1), Some(2));
        assert_eq!(line.take(|&what| what != 1), None);
        assert_eq!(line.remove(|&what| what != 1), [1]);
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn what_is_older_goes_before_what_came_first() {
        let (old, new) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let mut line = FairLine::default();
        line.push('a', new, 1, 1);
        line.push('a', old, 1, 2);
        assert_eq!(all(&mut line), [2, 1]);
    }

    #[test]
    fn who_goes_on_gives_way_to_who_has_less_and_to_what_is_older() {
        let [old, mid, new] = [0, 1, 2].map(|s| Instant::now() + Duration::from_secs(s));
        let mut line = FairLine::default();
        assert!(line.pass(&'a', mid, 5, |_| true), "nobody waits");
        line.push('a', new, 1, 1);
        assert!(
            line.pass(&'a', mid, 5, |_| true),
            "its own later work waits"
        );
        line.push('b', new, 1, 2);
        assert!(!line.pass(&'a', mid, 5, |_| true), "another has got less");
        assert!(
            line.pass(&'a', mid, 5, |&what| what == 1),
            "that one does not fit"
        );
        assert_eq!(all(&mut line), [2, 1]);
        line.push('a', old, 1, 3);
        assert!(
            !line.pass(&'a', mid, 5, |_| true),
            "its own older work waits"
        );
    }
}
