//! A socket whose writes must make progress, and that notes whether the other end has spoken HTTP/2.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::registry::Activity;

/// The bytes of a client's preface and of the head of the SETTINGS frame that must follow.
const PREFACE: usize = 24 + 9;

/// A socket whose writes must make progress.
pub(super) struct Steady<S> {
    inner: S,
    /// How long a write may make no progress.
    patience: Duration,
    /// Since when a write waits, as an alarm.
    stalled: Option<Pin<Box<Sleep>>>,
    activity: Arc<Activity>,
    /// Bytes read, until the client has spoken.
    read: usize,
}

impl<S> Steady<S> {
    pub(super) fn new(inner: S, patience: Duration, activity: Arc<Activity>) -> Self {
        Self {
            inner,
            patience,
            stalled: None,
            activity,
            read: 0,
        }
    }

    /// Passes on the outcome of a write, or fails if it waits for too long.
    fn timed<T>(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let due = Instant::now() + self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep_until(due)));
        stalled.as_mut().poll(cx).map(|()| {
            self.stalled = None;
            let message = "the other end does not read";
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Steady<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if self.read < PREFACE {
            self.read += buffer.filled().len() - before;
            if self.read >= PREFACE {
                self.activity.spoke();
            }
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Steady<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.timed(cx, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.inner).poll_write_vectored(cx, bytes);
        self.timed(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.timed(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.timed(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_write_that_makes_no_progress_fails() {
        let (near, mut far) = tokio::io::duplex(64);
        let patience = Duration::from_millis(50);
        let mut near = Steady::new(near, patience, Arc::default());
        near.write_all(&[0; 64]).await.unwrap();
        let error = near.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // Any progress starts the time anew.
        let reads = tokio::spawn(async move {
            for _ in 0..4 {
                tokio::time::sleep(patience / 2).await;
                far.read_exact(&mut [0; 32]).await.unwrap();
            }
        });
        near.write_all(&[0; 64]).await.unwrap();
        reads.await.unwrap();
    }
}
