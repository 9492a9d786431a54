//! Writes log lines to stderr on a thread of their own, so that a reader that has gone, or that has stopped reading,
//! neither ends nor delays the work.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Lines that may wait for a slow reader; later ones are dropped.
const WAITING: usize = 1024;

enum Message {
    Line(Vec<u8>),
    /// Answered when everything before it has been written.
    Flush(SyncSender<()>),
}

/// A handle of the thread that writes.
#[derive(Clone)]
pub(crate) struct LogWriter(SyncSender<Message>);

impl LogWriter {
    /// Starts the thread, which ends with the last handle.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&receiver, out))?;
        Ok(Self(sender))
    }

    /// Waits until the lines so far have been written, but no longer than this.
    pub(crate) fn flush(&self, longest: Duration) {
        let (done, wait) = sync_channel(1);
        // A full queue means that nobody reads, so there is nothing to wait for.
        if self.0.try_send(Message::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(longest);
        }
    }
}

fn write_all(receiver: &Receiver<Message>, mut out: impl Write) {
    for message in receiver {
        match message {
            // A line that cannot be written is lost: there is no other place to say so.
            Message::Line(line) => drop(out.write_all(&line)),
            Message::Flush(done) => drop(done.try_send(())),
        }
    }
}

impl Write for LogWriter {
    /// Takes a whole line and never fails.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.0.try_send(Message::Line(line.to_vec())) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Ok(line.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn lines_arrive_in_order_before_a_flush_returns() {
        let (mut reader, pipe) = io::pipe().unwrap();
        let mut log = LogWriter::start(pipe).unwrap();
        log.write_all(b"one\n").unwrap();
        log.write_all(b"two\n").unwrap();
        log.flush(Duration::from_secs(10));
        drop(log);
        let mut text = String::new();
        io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn a_reader_that_does_not_read_delays_nobody() {
        let (reader, pipe) = io::pipe().unwrap();
        let mut log = LogWriter::start(pipe).unwrap();
        let start = Instant::now();
        // More than the pipe and the queue hold.
        for _ in 0..4 * WAITING {
            log.write_all(&[b'x'; 1024]).unwrap();
        }
        log.flush(Duration::from_millis(50));
        assert!(start.elapsed() < Duration::from_secs(5));
        drop(reader);
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error() {
        let (reader, pipe) = io::pipe().unwrap();
        drop(reader);
        let mut log = LogWriter::start(pipe).unwrap();
        for _ in 0..3 {
            log.write_all(b"lost\n").unwrap();
            log.flush(Duration::from_secs(10));
        }
    }
}
