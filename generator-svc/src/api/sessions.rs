//! The places of sessions, and the waiting room before them: bounded, in order of arrival, for a limited time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::Limits;
use super::status::Refusal;

/// Time between two looks at who waits.
const LOOK: Duration = Duration::from_millis(500);

/// Hands out places. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    places: Arc<Semaphore>,
    room: Arc<Semaphore>,
    limits: Limits,
}

impl Sessions {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.sessions)),
            room: Arc::new(Semaphore::new(limits.waiting)),
            limits,
        }
    }

    /// Takes so many places, at most [`Limits::sessions`], or a seat in the waiting room.
    ///
    /// # Errors
    /// Both are full.
    pub(super) fn enter(&self, places: u32) -> Result<Entry, Refusal> {
        // Whoever waits is served first: a place that becomes free goes to the queue.
        if let Ok(places) = self.places.clone().try_acquire_many_owned(places) {
            return Ok(Entry::Places(places));
        }
        let seat = self.room.clone().try_acquire_owned();
        let seat = seat.map_err(|_| self.full(None))?;
        Ok(Entry::Seat {
            seat,
            places,
            sessions: self.clone(),
        })
    }

    /// Waits until somebody waits for a place.
    pub(super) async fn crowd(&self) {
        while self.room.available_permits() == self.limits.waiting {
            sleep(LOOK).await;
        }
    }

    fn full(&self, waited: Option<Duration>) -> Refusal {
        Refusal::Sessions {
            limit: self.limits.sessions,
            waiting: self.limits.waiting,
            waited,
        }
    }
}

/// What a request got on its arrival.
#[derive(Debug)]
pub(super) enum Entry {
    Places(OwnedSemaphorePermit),
    Seat {
        seat: OwnedSemaphorePermit,
        /// Places that are waited for.
        places: u32,
        sessions: Sessions,
    },
}

impl Entry {
    /// Waits for the places, if need be.
    ///
    /// # Errors
    /// Too few became free in time.
    pub(super) async fn places(self) -> Result<OwnedSemaphorePermit, Refusal> {
        let (_seat, places, sessions) = match self {
            Self::Places(places) => return Ok(places),
            Self::Seat {
                seat,
                places,
                sessions,
            } => (seat, places, sessions),
        };
        let limit = sessions.limits.wait;
        let all = sessions.places.clone().acquire_many_owned(places);
        match timeout(limit, all).await {
            Ok(Ok(places)) => Ok(places),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(sessions.full(Some(limit))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(wait: Duration) -> Sessions {
        Sessions::new(Limits {
            sessions: 1,
            waiting: 2,
            wait,
            ..Limits::default()
        })
    }

    #[tokio::test]
    async fn those_who_wait_are_served_in_order() {
        let sessions = sessions(Duration::from_secs(60));
        let first = sessions.enter(1).unwrap().places().await.unwrap();
        let (seats, mut served) = tokio::sync::mpsc::unbounded_channel();
        for number in [2, 3] {
            let (entry, seats) = (sessions.enter(1).unwrap(), seats.clone());
            tokio::spawn(async move {
                let place = entry.places().await.unwrap();
                seats.send(number).unwrap();
                drop(place);
            });
            tokio::task::yield_now().await;
        }
        assert!(matches!(sessions.enter(1), Err(Refusal::Sessions { .. })));
        drop(first);
        // Both wait already, so one that comes now does not overtake them.
        assert!(matches!(sessions.enter(1), Err(Refusal::Sessions { .. })));
        assert_eq!(
            (served.recv().await, served.recv().await),
            (Some(2), Some(3))
        );
    }

    #[tokio::test]
    async fn the_wait_is_limited_and_gives_its_seat_back() {
        let sessions = sessions(Duration::from_millis(20));
        let _place = sessions.enter(1).unwrap();
        for _ in 0..5 {
            let refused = sessions.enter(1).unwrap().places().await;
            assert!(matches!(
                refused,
                Err(Refusal::Sessions {
                    waited: Some(_),
                    ..
                })
            ));
        }
    }

    #[tokio::test]
    async fn many_places_are_not_overtaken_by_single_ones() {
        let sessions = Sessions::new(Limits {
            sessions: 3,
            waiting: 2,
            ..Limits::default()
        });
        let first = sessions.enter(2).unwrap().places().await.unwrap();
        let many = sessions.enter(3).unwrap();
        let waiting = tokio::spawn(async move { many.places().await.unwrap().num_permits() });
        tokio::task::yield_now().await;
        // One place is free, but it is kept for who waits.
        let single = sessions.enter(1).unwrap();
        assert!(matches!(single, Entry::Seat { .. }));
        drop(first);
        assert_eq!(waiting.await.unwrap(), 3);
        drop(single.places().await.unwrap());
    }
}
