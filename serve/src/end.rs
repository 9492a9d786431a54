//! The end of a call that does not end by itself, and the status that says why.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Code, Status};

use crate::detailed;
use crate::watch::{Alarm, Overdue, Watch};

/// The moment at which a call is ended from outside.
pub(crate) struct End {
    alarm: Alarm,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    watch: Arc<Watch>,
}

impl End {
    /// When the call's clock or `cut` says so.
    pub(crate) fn new(watch: Arc<Watch>, cut: &CancellationToken) -> Self {
        Self {
            alarm: Alarm::new(watch.clone(), Duration::ZERO),
            cut: Box::pin(cut.clone().cancelled_owned()),
            watch,
        }
    }

    /// Ready with the status, when it is time.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        if let Poll::Ready(why) = self.alarm.poll(cx) {
            return Poll::Ready(overdue(why));
        }
        self.cut.as_mut().poll(cx).map(|()| shutting_down())
    }

    /// The clock of the call.
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }
}

/// The status of a call that has waited too long.
fn overdue(why: Overdue) -> Status {
    let (reason, message) = match why {
        Overdue::Deadline => ("DEADLINE_EXCEEDED", "the deadline of the call has passed"),
        Overdue::Request => ("REQUEST_STALLED", "the request did not arrive in time"),
        Overdue::Silent => (
            "STREAM_SILENT",
            "the client sent nothing on the stream for too long",
        ),
        Overdue::Unread => ("REPLY_UNREAD", "the client did not read the reply in time"),
    };
    detailed(Code::DeadlineExceeded, reason, message, None)
}

/// The status of a call that the server could not finish before it stopped.
fn shutting_down() -> Status {
    let message = "the server is shutting down";
    let retry = Some(Duration::from_secs(1));
    detailed(Code::Unavailable, "SHUTTING_DOWN", message, retry)
}
