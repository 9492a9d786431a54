//! Signals that ask a process to stop.

use tokio_util::sync::CancellationToken;

use crate::ServeError;

/// A token that is cancelled by SIGTERM or ctrl-c. The handlers are in place when this returns, so call it before
/// anything slow. A second signal ends the process at once.
///
/// # Errors
/// The handlers cannot be installed.
pub fn shutdown_signal() -> Result<CancellationToken, ServeError> {
    let token = CancellationToken::new();
    let cancel = token.clone();
    let mut signals = Signals::install().map_err(ServeError::Signal)?;
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("asked to stop");
        cancel.cancel();
        signals.next().await;
        tracing::warn!("asked twice, stopping at once");
        std::process::exit(1);
    });
    Ok(token)
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn install() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?))
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
