//! Room in the queue, and who holds how much of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deepface_serve::Caller;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

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

/// What one caller has in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Load {
    images: usize,
    /// What it is expected to take.
    time: Duration,
}

/// Room in the queue for some images, held from when they are ready until they are computed.
#[derive(Debug)]
pub struct Admission {
    permit: OwnedSemaphorePermit,
    room: Arc<Room>,
    caller: Caller,
    /// What each image is expected to take.
    each: Duration,
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

    /// Whether there is room for `n` images of a caller now.
    ///
    /// # Errors
    /// [`EngineError::Full`], [`EngineError::Share`].
    pub(super) fn check(&self, caller: &Caller, n: usize) -> Result<(), EngineError> {
        if n > self.permits.available_permits() {
            return Err(self.full());
        }
        let theirs = self.table().get(caller).map_or(0, |load| load.images);
        match theirs + n <= self.share {
            true => Ok(()),
            false => Err(EngineError::Share { share: self.share }),
        }
    }

    /// Takes room for `n` images, or refuses at once.
    ///
    /// # Errors
    /// See [`Room::check`].
    pub(super) fn take(
        self: &Arc<Self>,
        caller: &Caller,
        n: usize,
        each: Duration,
    ) -> Result<Admission, EngineError> {
        self.check(caller, n)?;
        let permits = self.permits.clone().try_acquire_many_owned(self.count(n)?);
        let permit = permits.map_err(|error| match error {
            TryAcquireError::NoPermits => self.full(),
            TryAcquireError::Closed => EngineError::Stopped,
        })?;
        Ok(self.admission(permit, caller, each))
    }

    /// Waits for room for `n` images, whatever the caller holds already.
    ///
    /// # Errors
    /// [`EngineError::Full`] where `n` exceeds the whole queue.
    pub(super) async fn wait(
        self: &Arc<Self>,
        caller: &Caller,
        n: usize,
        each: Duration,
    ) -> Result<Admission, EngineError> {
        let permits = self.permits.clone().acquire_many_owned(self.count(n)?);
        let permit = permits.await.map_err(|_| EngineError::Stopped)?;
        Ok(self.admission(permit, caller, each))
    }

    /// The time until work of a caller that takes `time` is done: callers take turns, so of each of the others as much
    /// goes before it as the caller itself has.
    pub(super) fn ahead(&self, caller: &Caller, time: Duration) -> Duration {
        let table = self.table();
        let own = table.get(caller).map_or(Duration::ZERO, |load| load.time);
        let others = table.iter().filter(|(other, _)| *other != caller);
        let others: Duration = others.map(|(_, load)| load.time.min(own + time)).sum();
        own + others
    }

    fn admission(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
        caller: &Caller,
        each: Duration,
    ) -> Admission {
        let n = permit.num_permits();
        let mut table = self.table();
        let load = table.entry(caller.clone()).or_default();
        load.images += n;
        load.time += each * n as u32;
        Admission {
            permit,
            room: self.clone(),
            caller: caller.clone(),
            each,
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

impl Admission {
    /// Whose it is.
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Splits off the room of `n` images, where there is as much.
    pub(super) fn split(&mut self, n: usize) -> Option<Self> {
        let permit = self.permit.split(n)?;
        Some(Self {
            permit,
            room: self.room.clone(),
            caller: self.caller.clone(),
            each: self.each,
        })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let n = self.permit.num_permits();
        let mut table = self.room.table();
        let Some(load) = table.get_mut(&self.caller) else {
            return;
        };
        load.images = load.images.saturating_sub(n);
        load.time = load.time.saturating_sub(self.each * n as u32);
        if load.images == 0 {
            table.remove(&self.caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

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

    #[test]
    fn one_caller_has_a_share_and_all_comes_back() {
        let [a, b] = callers();
        let room = Arc::new(Room::new(8, 5));
        let mut first = room.take(&a, 4, MS).unwrap();
        let over = room.take(&a, 2, MS);
        assert!(matches!(over, Err(EngineError::Share { share: 5 })));
        let _other = room.take(&b, 3, MS).unwrap();
        let full = room.take(&b, 2, MS);
        assert!(matches!(full, Err(EngineError::Full { capacity: 8 })));
        let part = first.split(3).unwrap();
        drop(first);
        assert_eq!(room.taken(), 6);
        drop(part);
        assert_eq!(room.taken(), 3);
        assert_eq!(room.table().len(), 1);
    }

    #[test]
    fn a_crowd_is_not_ahead_of_who_has_nothing_there() {
        let [a, b] = callers();
        let room = Arc::new(Room::new(100, 100));
        assert_eq!(room.ahead(&a, MS), Duration::ZERO);
        let _crowd = room.take(&a, 50, MS).unwrap();
        assert_eq!(room.ahead(&a, MS), 50 * MS);
        assert_eq!(room.ahead(&b, MS), MS);
        let _some = room.take(&b, 4, MS).unwrap();
        assert_eq!(room.ahead(&b, MS), 9 * MS);
    }
}
