//! The places of sessions, and the waiting room before them: bounded, in order of arrival, for a limited time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Limits;
use super::status::Refusal;

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

    /// Takes a place, or a seat in the waiting room.
    ///
    /// # Errors
    /// Both are full.
    pub(super) fn enter(&self) -> Result<Entry, Refusal> {
        // Whoever waits is served first: a place that becomes free goes to the queue.
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(Entry::Place(place));
        }
        let seat = self.room.clone().try_acquire_owned();
        let seat = seat.map_err(|_| self.full(None))?;
        Ok(Entry::Seat {
            seat,
            sessions: self.clone(),
        })
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
    Place(OwnedSemaphorePermit),
    Seat {
        seat: OwnedSemaphorePermit,
        sessions: Sessions,
    },
}

impl Entry {
    /// Waits for the place, if need be.
    ///
    /// # Errors
    /// No place became free in time.
    pub(super) async fn place(self) -> Result<OwnedSemaphorePermit, Refusal> {
        let (_seat, sessions) = match self {
            Self::Place(place) => return Ok(place),
            Self::Seat { seat, sessions } => (seat, sessions),
        };
        let limit = sessions.limits.wait;
        match timeout(limit, sessions.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
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
        let first = sessions.enter().unwrap().place().await.unwrap();
        let (seats, mut served) = tokio::sync::mpsc::unbounded_channel();
        for number in [2, 3] {
            let (entry, seats) = (sessions.enter().unwrap(), seats.clone());
            tokio::spawn(async move {
                let place = entry.place().await.unwrap();
                seats.send(number).unwrap();
                drop(place);
            });
            tokio::task::yield_now().await;
        }
        assert!(matches!(sessions.enter(), Err(Refusal::Sessions { .. })));
        drop(first);
        // Both wait already, so one that comes now does not overtake them.
        assert!(matches!(sessions.enter(), Err(Refusal::Sessions { .. })));
        assert_eq!(
            (served.recv().await, served.recv().await),
            (Some(2), Some(3))
        );
    }

    #[tokio::test]
    async fn the_wait_is_limited_and_gives_its_seat_back() {
        let sessions = sessions(Duration::from_millis(20));
        let _place = sessions.enter().unwrap();
        for _ in 0..5 {
            let refused = sessions.enter().unwrap().place().await;
            assert!(matches!(
                refused,
                Err(Refusal::Sessions {
                    waited: Some(_),
                    ..
                })
            ));
        }
    }
}
