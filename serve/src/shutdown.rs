//! Signals that ask a process to stop, on a thread of their own: neither a blocked worker nor a log line that cannot be
//! written delays them.

use tokio_util::sync::CancellationToken;

use crate::{ServeError, flush_telemetry};

/// A signal that asks a process to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT: ctrl-c.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal has gone.
    HangUp,
}

impl Stop {
    /// The exit code of a program that such a signal ends, as shells report it: 128 and the number of the signal.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::HangUp => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// A token that is cancelled by SIGTERM, ctrl-c, or the end of the terminal (SIGHUP, unless it is ignored, as under
/// `nohup`). The handlers are in place when this returns, so call it before anything slow. A second signal ends the
/// process at once.
///
/// # Errors
/// The handlers cannot be installed.
pub fn shutdown_signal() -> Result<CancellationToken, ServeError> {
    let token = CancellationToken::new();
    let cancel = token.clone();
    let mut asked_before = false;
    on_stop_signals(move |stop| {
        if asked_before {
            tracing::warn!("asked twice, stopping at once");
            flush_telemetry();
            std::process::exit(stop.exit_code().into());
        }
        asked_before = true;
        // First of all: nothing that happens to the log may keep the service alive.
        cancel.cancel();
        tracing::info!("asked to stop");
    })?;
    Ok(token)
}

/// Calls `act` for every signal that asks the process to stop, on a thread of its own. The handlers are in place when
/// this returns.
///
/// # Errors
/// The handlers or the thread cannot be installed.
pub fn on_stop_signals(mut act: impl FnMut(Stop) + Send + 'static) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(ServeError::Signal)?;
    let mut signals = {
        let _within = runtime.enter();
        Signals::install().map_err(ServeError::Signal)?
    };
    let listen = move || {
        runtime.block_on(async {
            loop {
                act(signals.next().await);
            }
        });
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listen)
        .map_err(ServeError::Signal)?;
    Ok(())
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// `None` where the process was told to ignore it.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn install() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let ignored = hang_up_is_ignored();
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: (!ignored)
                .then(|| signal(SignalKind::hangup()))
                .transpose()?,
        })
    }

    async fn next(&mut self) -> Stop {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Stop::Terminate,
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = hang_up => Stop::HangUp,
        }
    }
}

/// Whether `nohup`, or whoever started the process, made it ignore SIGHUP. Where that cannot be read, as outside of
/// Linux, yes: a handler would undo `nohup`, while the default action ends the process anyway.
#[cfg(unix)]
pub fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores_hang_up(&status).unwrap_or(true)
}

/// Reads the mask of ignored signals, in which SIGHUP (1) is the lowest bit.
#[cfg(unix)]
fn ignores_hang_up(status: &str) -> Option<bool> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    Some(mask & 1 == 1)
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?))
    }

    async fn next(&mut self) -> Stop {
        self.0.recv().await;
        Stop::Interrupt
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = |mask| format!("Name:\tsvc\nSigIgn:\t{mask}\nSigCgt:\t0000000000000001\n");
        assert_eq!(ignores_hang_up(&status("0000000000001001")), Some(true));
        assert_eq!(ignores_hang_up(&status("0000000000001000")), Some(false));
        assert_eq!(ignores_hang_up("Name:\tsvc\n"), None);
    }
}
