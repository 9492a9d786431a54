//! The line before the decoders of images, in which a crowd of large pictures holds up nobody else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deepface_serve::Caller;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::status::Refusal;
use crate::batch::{Call, EngineError};
use crate::fair::FairLine;
use crate::mean::Mean;

/// Pixels of a file above which an image is large: decoding takes 15 ms and more.
const LARGE: u64 = 1 << 20;
/// What an image costs besides its pixels, in pixels.
const BASE: u64 = 1 << 16;
/// Pixels whose time is learned together: that of a single one is shorter than what a clock counts.
const UNIT: u64 = 1 << 10;
/// Images that may wait, each of another call; one caller may have half of them.
const WAITING: usize = 256;

/// A number of decoders, and who goes next. Each caller gets an equal share of them, counted in pixels, and uses it for
/// its oldest call. Large images take half of them at most, so that a small one waits only for small ones.
#[derive(Clone, Debug)]
pub(super) struct Decoders {
    state: Arc<Mutex<State>>,
    /// The time that a unit of the cost takes, of small images and of large ones: what is around the pixels, a search for
    /// faces above all, makes one of a small image cost hundreds of times more.
    pace: Arc<[Mean; 2]>,
}

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
    call: Call,
    large: bool,
    turn: oneshot::Sender<Turn>,
}

/// A decoder, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    decoders: Decoders,
    call: Call,
    large: bool,
}

impl Decoders {
    /// So many, and at least two: one for small images.
    pub(super) fn new(n: usize) -> Self {
        let free = n.max(2);
        let state = State {
            free,
            free_for_large: free / 2,
            line: FairLine::default(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            pace: Arc::default(),
        }
    }

    /// The time that decoding an image of so many pixels is expected to take.
    pub(super) fn expected(&self, pixels: u64) -> Duration {
        self.pace(pixels).of(units(pixels))
    }

    /// Notes how long that took.
    pub(super) fn learn(&self, pixels: u64, took: Duration) {
        self.pace(pixels).learn(units(pixels), took);
    }

    fn pace(&self, pixels: u64) -> &Mean {
        &self.pace[usize::from(is_large(pixels))]
    }

    /// Waits for a decoder for an image of so many pixels, as long as the call can be answered in time: `left` is what
    /// it will take from here.
    ///
    /// # Errors
    /// Too many wait already; it is too late.
    pub(super) async fn turn(
        &self,
        call: &Call,
        pixels: u64,
        left: Duration,
    ) -> Result<Turn, Refusal> {
        let (turn, ready) = oneshot::channel();
        let waiting = Waiting {
            call: call.clone(),
            large: is_large(pixels),
            turn,
        };
        self.state().push(pixels, waiting)?;
        self.start();
        let due = call.deadline.at();
        let ready = timeout_at(due.checked_sub(left).unwrap_or(due), ready).await;
        let ready = ready.map_err(|_| match call.deadline.passed() {
            true => EngineError::Expired,
            false => {
                self.pace(pixels).doubt();
                EngineError::Late { wait: left }
            }
        })?;
        ready.map_err(|_| Refusal::Internal("the decoders are closed"))
    }

    /// Gives the free decoders to those that go next.
    fn start(&self) {
        loop {
            let Some(Waiting { call, large, turn }) = self.state().next() else {
                return;
            };
            let decoders = self.clone();
            let given = Turn {
                decoders,
                call,
                large,
            };
            // Whoever no longer waits drops it, which gives it back.
            turn.send(given).ok();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, pixels: u64, waiting: Waiting) -> Result<(), Refusal> {
        self.line.remove(|waiting| !waiting.turn.is_closed());
        let Call {
            caller, arrived, ..
        } = waiting.call.clone();
        if self.line.len() >= WAITING || self.line.count(&caller) >= WAITING / 2 {
            return Err(Refusal::Decoders);
        }
        self.line.push(caller, arrived, units(pixels), waiting);
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

/// Whether an image of so many pixels is large: those behind it in the line may pass it.
pub(super) fn is_large(pixels: u64) -> bool {
    pixels > LARGE
}

/// The cost of an image of so many pixels.
fn units(pixels: u64) -> u64 {
    pixels.saturating_add(BASE) / UNIT
}

impl Turn {
    /// Whether it is for large images, which should give way to all other work.
    pub(super) fn large(&self) -> bool {
        self.large
    }

    /// Whether it is good for another image of the same call, because nobody goes before that.
    pub(super) fn goes_on(&self, pixels: u64) -> bool {
        if is_large(pixels) != self.large {
            return false;
        }
        let mut state = self.decoders.state();
        let large = self.large || state.free_for_large > 0;
        let Call {
            caller, arrived, ..
        } = &self.call;
        let fits = |waiting: &Waiting| large || !waiting.large;
        state.line.pass(caller, *arrived, units(pixels), fits)
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
    use std::time::Instant;

    use deepface_serve::{Allowance, Deadline};

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
            arrived: Instant::now(),
            deadline: Deadline::after(time),
            allowance: Allowance::default(),
        }
    }

    /// Waits in a task of its own.
    fn wait(decoders: &Decoders, from: u8, pixels: u64) -> tokio::task::JoinHandle<Turn> {
        let decoders = decoders.clone();
        tokio::spawn(async move {
            decoders
                .turn(&call(from), pixels, Duration::ZERO)
                .await
                .unwrap()
        })
    }

    async fn settle() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    #[tokio::test]
    async fn small_images_pass_large_ones_of_whomever() {
        let decoders = Decoders::new(2);
        let bomb = decoders
            .turn(&call(1), 1 << 25, Duration::ZERO)
            .await
            .unwrap();
        let second = wait(&decoders, 2, 1 << 25);
        settle().await;
        assert!(!second.is_finished(), "large images took both decoders");
        for from in [1, 2, 3] {
            decoders.turn(&call(from), 1, Duration::ZERO).await.unwrap();
        }
        drop(bomb);
        second.await.unwrap();
    }

    #[tokio::test]
    async fn a_caller_passes_the_crowd_of_another() {
        let decoders = Decoders::new(2);
        let held = [
            decoders.turn(&call(1), 1, Duration::ZERO).await.unwrap(),
            decoders.turn(&call(1), 1, Duration::ZERO).await.unwrap(),
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
            decoders.turn(&call(1), 1, Duration::ZERO).await.unwrap(),
            decoders.turn(&call(1), 1, Duration::ZERO).await.unwrap(),
        ];
        let crowd: Vec<_> = (0..WAITING / 2).map(|_| wait(&decoders, 1, 1)).collect();
        settle().await;
        let refused = decoders.turn(&call(1), 1, Duration::ZERO).await;
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
            decoders.turn(&call(1), 1, Duration::ZERO).await.unwrap(),
            decoders.turn(&call(1), 1, Duration::ZERO).await.unwrap(),
        ];
        let late = within(1, Duration::from_millis(20));
        let refused = decoders.turn(&late, 1, Duration::ZERO).await;
        assert!(
            matches!(refused, Err(Refusal::Engine(EngineError::Expired))),
            "{refused:?}"
        );
        drop(held);
        for _ in 0..5 {
            decoders.turn(&call(1), 1, Duration::ZERO).await.unwrap();
        }
        assert_eq!(decoders.state().free, 2);
    }

    #[tokio::test]
    async fn a_call_goes_on_until_somebody_with_less_waits() {
        let decoders = Decoders::new(2);
        let _held = decoders.turn(&call(3), 1, Duration::ZERO).await.unwrap();
        let older = call(1);
        let turn = decoders.turn(&older, 1, Duration::ZERO).await.unwrap();
        assert!(turn.goes_on(1));
        assert!(!turn.goes_on(1 << 25), "a large image takes another turn");
        let newer = wait(&decoders, 1, 1);
        settle().await;
        assert!(turn.goes_on(1), "the caller's newer call goes first");
        let other = wait(&decoders, 2, 1);
        settle().await;
        assert!(!turn.goes_on(1), "the other caller waits");
        drop(turn);
        other.await.unwrap();
        newer.await.unwrap();
    }

    #[tokio::test]
    async fn who_could_not_be_answered_in_time_is_refused_before() {
        let decoders = Decoders::new(2);
        let _held = [
            decoders.turn(&call(1), 1, Duration::ZERO).await.unwrap(),
            decoders.turn(&call(1), 1, Duration::ZERO).await.unwrap(),
        ];
        let hour = Duration::from_secs(3600);
        let refused = decoders.turn(&within(1, hour), 1, hour).await;
        assert!(
            matches!(refused, Err(Refusal::Engine(EngineError::Late { .. }))),
            "{refused:?}"
        );
    }
}
