//! Ctrl-C and the other signals that ask the program to stop.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use deepface_serve::{Stop, on_stop_signals};
use tokio::sync::oneshot;

/// How long the program may take to stop by itself after a signal.
const GRACE: Duration = Duration::from_secs(2);
/// How long the terminal may take to clear the line.
const CLEARING: Duration = Duration::from_millis(100);

/// Completes with the first signal that asks the program to stop. Whatever still runs, the program ends [`GRACE`] later,
/// or at once with a second signal.
///
/// # Errors
/// The handlers cannot be installed.
pub(crate) fn watch() -> anyhow::Result<impl Future<Output = Stop>> {
    let (sender, first) = oneshot::channel();
    let mut sender = Some(sender);
    on_stop_signals(move |stop| match sender.take() {
        Some(sender) => {
            let _ = sender.send(stop);
            std::thread::spawn(move || {
                std::thread::sleep(GRACE);
                leave(stop)
            });
        }
        None => leave(stop),
    })?;
    Ok(async {
        match first.await {
            Ok(stop) => stop,
            // The sender stays with the handler, which lives as long as the process.
            Err(_) => std::future::pending().await,
        }
    })
}

/// Removes what a progress bar or the terminal's `^C` left on the line.
pub(crate) fn clear_line() {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let _ = stderr.write_all(b"\r\x1b[2K\x1b[?25h");
    }
}

fn leave(stop: Stop) -> ! {
    // On another thread: a stopped terminal takes no characters.
    std::thread::spawn(clear_line);
    std::thread::sleep(CLEARING);
    std::process::exit(stop.exit_code().into())
}
