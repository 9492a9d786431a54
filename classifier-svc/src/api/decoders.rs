//! The line before the decoders of images, in which a crowd of large pictures holds up nobody else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deepface_serve::Caller;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::status::Refusal;
use crate::batch::{Call, EngineError};
use crate::fair::FairLine;

/// Pixels of a file above which an image is large: decoding takes 15 ms and more.
const LARGE: u64 = 1 << 20;
/// What an image costs besides its pixels, in pixels.
const BASE: u64 = 1 << 16;
/// Images that may wait, each of another call; one caller may have half of them.
const WAITING: usize = 256;

/// A number of decoders, and who goes next. Each caller gets an equal share of them, counted in pixels. Large images
/// take half of them at most, so that a small one waits only for small ones.
#[derive(Clone, Debug)]
pub(super) struct Decoders(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Decoders that are free.
    free: usize,
    /// How many of those may take a large image.
    free_for_large: usize,
    line: FairLine<Caller, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    large: bool,
    turn: oneshot::Sender<Turn>,
}

/// A decoder, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    decoders: Decoders,
    large: bool,
}

impl Decoders {
    /// So many, and at least two: one for small images.
    pub(super) fn new(n: usize) -> Self {
        let free = n.max(2);
        Self(Arc::new(Mutex::new(State {
            free,
            free_for_large: free / 2,
            line: FairLine::default(),
        })))
    }

    /// Waits for a decoder for an image of so many pixels.
    ///
    /// # Errors
    /// Too many wait already; the deadline has passed.
    pub(super) async fn turn(&self, call: &Call, pixels: u64) -> Result<Turn, Refusal> {
        let (turn, ready) = oneshot::channel();
        let large = pixels > LARGE;
        let waiting = Waiting { large, turn };
        self.state().push(&call.caller, pixels, waiting)?;
        self.start();
        let ready = timeout_at(call.deadline.at(), ready).await;
        let ready = ready.map_err(|_| EngineError::Expired)?;
        ready.map_err(|_| Refusal::Internal("the decoders are closed"))
    }

    /// Gives the free decoders to those that go next.
    fn start(&self) {
        loop {
            let Some(Waiting { large, turn }) = self.state().next() else {
                return;
            };
            let decoders = self.clone();
            // Whoever no longer waits drops it, which gives it back.
            turn.send(Turn { decoders, large }).ok();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, caller: &Caller, pixels: u64, waiting: Waiting) -> Result<(), Refusal> {
        self.line.remove(|waiting| !waiting.turn.is_closed());
        if self.line.len() >= WAITING || self.line.count(caller) >= WAITING / 2 {
            return Err(Refusal::Decoders);
        }
        let cost = pixels.saturating_add(BASE);
        self.line.push(caller.clone(), cost, waiting);
        Ok(())
    }

    fn next(&mut self) -> Option<Waiting> {
        if self.free == 0 {
            return None;
        }
        let large = self.free_for_large > 0;
        let next = self.line.take(|waiting| large || !waiting.large)?;
        self.free -= 1;
        self.free_for_large -= usize::from(next.large);
        Some(next)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.decoders.state();
        state.free += 1;
        state.free_for_large += usize::from(self.large);
        drop(state);
        self.decoders.start();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use deepface_serve::Deadline;

    use super::*;

    fn call(last: u8) -> Call {
        within(last, Duration::from_secs(20))
    }

    fn within(last: u8, time: Duration) -> Call {
        let mut request = tonic::Request::new(());
        let address = ([10, 0, 0, last], 1).into();
        request
            .extensions_mut()
            .insert(tonic::transport::server::TcpConnectInfo {
                local_addr: None,
                remote_addr: Some(address),
            });
        Call {
            caller: Caller::of(&request),
            deadline: Deadline::after(time),
        }
    }

    /// Waits in a task of its own.
    fn wait(decoders: &Decoders, from: u8, pixels: u64) -> tokio::task::JoinHandle<Turn> {
        let decoders = decoders.clone();
        tokio::spawn(async move { decoders.turn(&call(from), pixels).await.unwrap() })
    }

    async fn settle() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    #[tokio::test]
    async fn small_images_pass_large_ones_of_whomever() {
        let decoders = Decoders::new(2);
        let bomb = decoders.turn(&call(1), 1 << 25).await.unwrap();
        let second = wait(&decoders, 2, 1 << 25);
        settle().await;
        assert!(!second.is_finished(), "large images took both decoders");
        for from in [1, 2, 3] {
            decoders.turn(&call(from), 1).await.unwrap();
        }
        drop(bomb);
        second.await.unwrap();
    }

    #[tokio::test]
    async fn a_caller_passes_the_crowd_of_another() {
        let decoders = Decoders::new(2);
        let held = [
            decoders.turn(&call(1), 1).await.unwrap(),
            decoders.turn(&call(1), 1).await.unwrap(),
        ];
        let crowd: Vec<_> = (0..10).map(|_| wait(&decoders, 1, 1)).collect();
        settle().await;
        let other = wait(&decoders, 2, 1);
        settle().await;
        drop(held);
        let turn = tokio::time::timeout(Duration::from_secs(5), other).await;
        let _turn = turn.expect("it waited behind the crowd").unwrap();
        let passed = crowd.iter().filter(|waiting| waiting.is_finished());
        assert!(passed.count() <= 1);
        crowd.iter().for_each(|waiting| waiting.abort());
    }

    #[tokio::test]
    async fn the_line_is_bounded_in_all_and_for_each() {
        let decoders = Decoders::new(2);
        let _held = [
            decoders.turn(&call(1), 1).await.unwrap(),
            decoders.turn(&call(1), 1).await.unwrap(),
        ];
        let crowd: Vec<_> = (0..WAITING / 2).map(|_| wait(&decoders, 1, 1)).collect();
        settle().await;
        let refused = decoders.turn(&call(1), 1).await;
        assert!(matches!(refused, Err(Refusal::Decoders)), "{refused:?}");
        let other = wait(&decoders, 2, 1);
        settle().await;
        // Those that went away are not counted.
        crowd.iter().for_each(|waiting| waiting.abort());
        settle().await;
        let again = wait(&decoders, 1, 1);
        settle().await;
        assert!(!again.is_finished() && !other.is_finished());
        assert_eq!(decoders.state().line.len(), 2);
    }

    #[tokio::test]
    async fn a_turn_is_waited_for_until_the_deadline_and_comes_back() {
        let decoders = Decoders::new(2);
        let held = [
            decoders.turn(&call(1), 1).await.unwrap(),
            decoders.turn(&call(1), 1).await.unwrap(),
        ];
        let late = within(1, Duration::from_millis(20));
        let refused = decoders.turn(&late, 1).await;
        assert!(
            matches!(refused, Err(Refusal::Engine(EngineError::Expired))),
            "{refused:?}"
        );
        drop(held);
        for _ in 0..5 {
            decoders.turn(&call(1), 1).await.unwrap();
        }
        assert_eq!(decoders.state().free, 2);
    }
}
