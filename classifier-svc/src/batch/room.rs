//! Room in the queue, and who holds how much of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deepface_serve::Caller;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::state::EngineError;

/// Room for images of one lane.
#[derive(Debug)]
pub(super) struct Room {
    /// Images in all.
    most: usize,
    /// Images of one caller.
    share: usize,
    permits: Arc<Semaphore>,
    held: Mutex<HashMap<Caller, Load>>,
}

/// What one caller has in the queue or is expected to bring there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Load {
    images: usize,
    time: Time,
}

/// What images are expected to take until they are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Time {
    /// What everything behind them waits for.
    pub(super) work: Duration,
    /// Decoding of large images, which only other large images wait for.
    pub(super) large: Duration,
}

/// Images that are expected, from the arrival of their call until they have room in the queue: those that come after it
/// know that they are behind it. It takes nothing from other callers.
#[derive(Debug)]
pub struct Claim {
    room: Arc<Room>,
    caller: Caller,
    images: usize,
    time: Time,
}

/// Room in the queue for some images, held from when they are ready until they are computed.
#[derive(Debug)]
pub struct Admission {
    permit: OwnedSemaphorePermit,
    claim: Claim,
}

impl Room {
    pub(super) fn new(most: usize, share: usize) -> Self {
        Self {
            most,
            share,
            permits: Arc::new(Semaphore::new(most)),
            held: Mutex::default(),
        }
    }

    /// Images that wait or are computed.
    pub(super) fn taken(&self) -> usize {
        self.most - self.permits.available_permits()
    }

    /// Expects `n` images of a caller that take `time`, or refuses them at once. `in_time` says whether that can be
    /// done after what is ahead of them.
    ///
    /// # Errors
    /// [`EngineError::Full`], [`EngineError::Share`], and those of `in_time`.
    pub(super) fn claim(
        self: &Arc<Self>,
        caller: &Caller,
        n: usize,
        time: Time,
        in_time: impl FnOnce(Duration) -> Result<(), EngineError>,
    ) -> Result<Claim, EngineError> {
        if n > self.permits.available_permits() {
            return Err(self.full());
        }
        let mut table = self.table();
        let theirs = table.get(caller).copied().unwrap_or_default();
        if theirs.images + n > self.share {
            return Err(EngineError::Share { share: self.share });
        }
        in_time(ahead(&table, caller, time))?;
        Ok(self.expect(&mut table, caller, n, time))
    }

    /// Waits for room for `n` images that take `time`, whatever the caller holds already.
    ///
    /// # Errors
    /// [`EngineError::Full`] where `n` exceeds the whole queue.
    pub(super) async fn wait(
        self: &Arc<Self>,
        caller: &Caller,
        n: usize,
        time: Duration,
    ) -> Result<Admission, EngineError> {
        let time = Time {
            work: time,
            large: Duration::ZERO,
        };
        let claim = self.expect(&mut self.table(), caller, n, time);
        let permits = self.permits.clone().acquire_many_owned(self.count(n)?);
        let permit = permits.await.map_err(|_| EngineError::Stopped)?;
        Ok(Admission { permit, claim })
    }

    fn expect(
        self: &Arc<Self>,
        table: &mut HashMap<Caller, Load>,
        caller: &Caller,
        images: usize,
        time: Time,
    ) -> Claim {
        let load = table.entry(caller.clone()).or_default();
        load.images += images;
        load.time.work += time.work;
        load.time.large += time.large;
        Claim {
            room: self.clone(),
            caller: caller.clone(),
            images,
            time,
        }
    }

    fn count(&self, n: usize) -> Result<u32, EngineError> {
        let count = u32::try_from(n).ok().filter(|_| n <= self.most);
        count.ok_or_else(|| self.full())
    }

    fn full(&self) -> EngineError {
        EngineError::Full {
            capacity: self.most,
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Caller, Load>> {
        // Nothing panics while it holds the lock.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time until images of a caller that take `time` are worked on: callers take turns, so of each of the others as much
/// goes before them as the caller itself has.
fn ahead(table: &HashMap<Caller, Load>, caller: &Caller, time: Time) -> Duration {
    let waits_for = |load: &Load| match time.large.is_zero() {
        true => load.time.work,
        false => load.time.sum(),
    };
    let own = table.get(caller).map_or(Duration::ZERO, waits_for);
    let others = table.iter().filter(|(other, _)| *other != caller);
    let most = own + time.sum();
    let others: Duration = others.map(|(_, load)| waits_for(load).min(most)).sum();
    own + others
}

impl Time {
    pub(super) fn sum(self) -> Duration {
        self.work + self.large
    }
}

impl Claim {
    /// Splits off the part of `n` images.
    fn split(&mut self, n: usize) -> Self {
        let part = |time: &mut Duration| {
            let part = *time * n as u32 / self.images.max(1) as u32;
            *time -= part;
            part
        };
        let time = Time {
            work: part(&mut self.time.work),
            large: part(&mut self.time.large),
        };
        self.images -= n;
        Self {
            room: self.room.clone(),
            caller: self.caller.clone(),
            images: n,
            time,
        }
    }
}

impl Admission {
    /// Splits off the room of `n` images, where there is as much.
    pub(super) fn split(&mut self, n: usize) -> Option<Self> {
        let permit = self.permit.split(n)?;
        let claim = self.claim.split(n);
        Some(Self { permit, claim })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut table = self.room.table();
        let Some(load) = table.get_mut(&self.caller) else {
            return;
        };
        load.images = load.images.saturating_sub(self.images);
        let back = |time: &mut Duration, part| *time = time.saturating_sub(part);
        back(&mut load.time.work, self.time.work);
        back(&mut load.time.large, self.time.large);
        if *load == Load::default() {
            table.remove(&self.caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn work(work: Duration) -> Time {
        Time {
            work,
            large: Duration::ZERO,
        }
    }

    fn callers() -> [Caller; 2] {
        let here = Caller::of(&tonic::Request::new(()));
        let mut request = tonic::Request::new(());
        let remote = tonic::transport::server::TcpConnectInfo {
            local_addr: None,
            remote_addr: Some(([10, 0, 0, 1], 1).into()),
        };
        request.extensions_mut().insert(remote);
        [here, Caller::of(&request)]
    }

    #[tokio::test]
    async fn one_caller_has_a_share_and_all_comes_back() {
        let [a, b] = callers();
        let room = Arc::new(Room::new(8, 5));
        let claim = |caller, n| room.claim(caller, n, work(MS), |_| Ok(()));
        let claimed = claim(&a, 3).unwrap();
        let over = claim(&a, 3);
        assert!(matches!(over, Err(EngineError::Share { share: 5 })));
        assert_eq!(room.taken(), 0, "a claim takes nothing from others");
        drop(claimed);
        let mut first = room.wait(&a, 4, MS).await.unwrap();
        let other = room.wait(&b, 3, MS).await.unwrap();
        let full = claim(&b, 2);
        assert!(matches!(full, Err(EngineError::Full { capacity: 8 })));
        let part = first.split(3).unwrap();
        drop(first);
        assert_eq!(room.taken(), 6);
        drop(part);
        assert_eq!(room.taken(), 3);
        assert_eq!(room.table().len(), 1);
        drop(other);
        assert!(room.table().is_empty());
    }

    #[tokio::test]
    async fn a_crowd_is_not_ahead_of_who_has_nothing_there() {
        let [a, b] = callers();
        let room = Arc::new(Room::new(100, 100));
        let ahead = |caller| ahead(&room.table(), caller, work(MS));
        assert_eq!(ahead(&a), Duration::ZERO);
        let _crowd = room.wait(&a, 50, 50 * MS).await.unwrap();
        assert_eq!(ahead(&a), 50 * MS);
        assert_eq!(ahead(&b), MS);
        let _some = room.claim(&b, 4, work(4 * MS), |_| Ok(())).unwrap();
        assert_eq!(ahead(&b), 9 * MS);
    }

    #[test]
    fn what_is_claimed_is_ahead_of_what_comes_later() {
        let [a, _] = callers();
        let room = Arc::new(Room::new(100, 100));
        let most = |most: Duration| {
            move |ahead: Duration| match ahead <= most {
                true => Ok(()),
                false => Err(EngineError::Late { wait: ahead }),
            }
        };
        let first = room.claim(&a, 4, work(40 * MS), most(10 * MS)).unwrap();
        let late = room.claim(&a, 1, work(MS), most(10 * MS));
        assert!(matches!(late, Err(EngineError::Late { wait }) if wait == 40 * MS));
        drop(first);
        room.claim(&a, 1, work(MS), most(10 * MS)).unwrap();
    }

    #[test]
    fn only_large_images_wait_for_large_ones() {
        let [a, b] = callers();
        let room = Arc::new(Room::new(100, 100));
        let large = Time {
            work: 2 * MS,
            large: 1000 * MS,
        };
        let _bombs = room.claim(&a, 2, large, |_| Ok(())).unwrap();
        let ahead = |caller, time| ahead(&room.table(), caller, time);
        // Of the same caller too: behind a proxy without tokens all are one.
        assert_eq!(ahead(&a, work(MS)), 2 * MS);
        assert_eq!(ahead(&a, large), 1002 * MS);
        assert_eq!(ahead(&b, work(MS)), MS);
        assert_eq!(ahead(&b, large), 1002 * MS);
    }
}
