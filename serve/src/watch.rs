//! What one call waits for, and since when: the clock that the layer and the transport share.
//!
//! The layer ends a call with a status, but only while the transport asks it for the reply. The transport looks at the
//! same clock a little later, and resets the stream of a call that the layer could not end.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Arriving as a whole may take this many times as long as one pause.
const WHOLE: u32 = 4;

/// How long a call may wait for its client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the next part of a request that has no answer yet.
    pub(crate) request: Duration,
    /// For anything at all on a stream that has been answered, and whose request goes on.
    pub(crate) silent: Duration,
    /// For the client to make room for the next part of the reply.
    pub(crate) unread: Duration,
}

/// What a call waited for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// Its deadline has passed.
    Deadline,
    /// Its request does not arrive.
    Request,
    /// Its client says nothing.
    Silent,
    /// Its client does not read the reply.
    Unread,
}

/// The clock of one call.
#[derive(Debug)]
pub(crate) struct Watch {
    deadline: Option<Instant>,
    patience: Patience,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    started: Instant,
    /// When something last came or went, or the service began to wait for the client.
    moved: Instant,
    /// The service waits for the next part of the request.
    wanting: bool,
    /// All of the request is there.
    whole: bool,
    /// The head of the reply is on its way.
    answered: bool,
    /// Since when the transport has had a part of the reply without asking for more.
    unread: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(deadline: Option<Instant>, patience: Patience) -> Self {
        let now = Instant::now();
        let state = Mutex::new(State {
            started: now,
            moved: now,
            wanting: false,
            whole: false,
            answered: false,
            unread: None,
        });
        Self {
            deadline,
            patience,
            state,
        }
    }

    /// The service waits for the next part of the request.
    pub(crate) fn wants(&self) {
        self.with(|s| {
            if !s.wanting {
                s.wanting = true;
                s.moved = Instant::now();
            }
        });
    }

    /// A part of the request has come.
    pub(crate) fn came(&self) {
        self.with(|s| {
            s.wanting = false;
            s.moved = Instant::now();
        });
    }

    /// No more of the request will come, or be waited for.
    pub(crate) fn whole(&self) {
        self.with(|s| s.whole = true);
    }

    /// The head or a part of the reply has been given to the transport.
    pub(crate) fn went(&self) {
        self.with(|s| {
            s.answered = true;
            s.moved = Instant::now();
            s.unread = Some(s.moved);
        });
    }

    /// The transport asks for the next part of the reply.
    pub(crate) fn asked(&self) {
        self.with(|s| s.unread = None);
    }

    /// When to look again, at the latest; or what was overdue at this moment.
    fn look(&self, now: Instant) -> Result<Instant, Overdue> {
        let patience = self.patience;
        let due = self.with(|s| {
            let wanting = s.wanting && !s.whole;
            let whole = (!s.answered && !s.whole).then(|| s.started + patience.request * WHOLE);
            let request = (wanting && !s.answered).then(|| s.moved + patience.request);
            let silent = (wanting && s.answered).then(|| s.moved + patience.silent);
            [
                (self.deadline, Overdue::Deadline),
                (whole, Overdue::Request),
                (request, Overdue::Request),
                (silent, Overdue::Silent),
                (
                    s.unread.map(|since| since + patience.unread),
                    Overdue::Unread,
                ),
            ]
        });
        // A wait that starts after this look cannot be over before that.
        let shortest = patience.request.min(patience.silent).min(patience.unread);
        let mut next = now + shortest;
        for (at, why) in due {
            match at {
                Some(at) if at <= now => return Err(why),
                Some(at) => next = next.min(at),
                None => {}
            }
        }
        Ok(next)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Wakes a task when its call is overdue.
#[derive(Debug)]
pub(crate) struct Alarm {
    watch: Arc<Watch>,
    /// How much later than due.
    late: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Alarm {
    pub(crate) fn new(watch: Arc<Watch>, late: Duration) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        Self { watch, late, timer }
    }

    /// Ready with what is overdue.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Overdue> {
        // Nothing is due before the timer ends: it is set again only then, not at every frame.
        while self.timer.as_mut().poll(cx).is_ready() {
            match self.watch.look(Instant::now() - self.late) {
                Err(why) => return Poll::Ready(why),
                Ok(next) => self.timer.as_mut().reset(next + self.late),
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(unit: Duration, deadline: Option<u32>) -> (Watch, Instant) {
        let now = Instant::now();
        let patience = Patience {
            request: 30 * unit,
            silent: 120 * unit,
            unread: 60 * unit,
        };
        (Watch::new(deadline.map(|s| now + s * unit), patience), now)
    }

    #[tokio::test]
    async fn each_wait_has_its_own_limit() {
        let second = Duration::from_secs(1);
        let (watch, start) = watch(second, Some(1000));
        let after = |seconds: u32| watch.look(start + seconds * second).err();
        assert_eq!(after(1001), Some(Overdue::Deadline));
        assert_eq!(after(119), None, "the service works, and does not wait");
        assert_eq!(after(121), Some(Overdue::Request), "it is not there yet");
        watch.wants();
        assert_eq!(after(29), None);
        assert_eq!(after(31), Some(Overdue::Request));
        watch.went();
        watch.asked();
        assert_eq!(after(119), None);
        assert_eq!(after(121), Some(Overdue::Silent));
        watch.whole();
        assert_eq!(after(999), None);
        watch.went();
        assert_eq!(after(59), None);
        assert_eq!(after(61), Some(Overdue::Unread));
    }

    #[tokio::test]
    async fn an_alarm_sees_waits_that_start_later() {
        let unit = Duration::from_millis(1);
        let (watch, start) = watch(unit, None);
        let watch = Arc::new(watch);
        watch.whole();
        let mut alarm = Alarm::new(watch.clone(), 10 * unit);
        let rings = tokio::spawn(async move { std::future::poll_fn(|cx| alarm.poll(cx)).await });
        tokio::time::sleep(45 * unit).await;
        watch.went();
        assert_eq!(rings.await.unwrap(), Overdue::Unread);
        assert!(start.elapsed() >= 115 * unit);
    }
}
