//! Takes connections from the listener, and waits for their end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::connection::{Connections, Limits};
use super::registry::Registry;
use super::streams::App;
use crate::Caller;
use crate::security::Tls;

/// Pause after the system refused a connection, and nothing could be closed for it.
const PAUSE: Duration = Duration::from_millis(200);
/// Pause after a connection was closed for it.
const SHORT_PAUSE: Duration = Duration::from_millis(5);
/// Least time between two log lines about one trouble.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// A listener and its connections. Dropping it ends them all.
pub(crate) struct Transport<A> {
    listener: TcpListener,
    connections: Connections<A>,
    registry: Registry,
    running: JoinSet<()>,
    refused: Trouble,
    failed: Trouble,
}

impl<A: App> Transport<A> {
    /// Serves `app` in plain text, or where `tls` is given, by that.
    pub(crate) fn new(
        listener: TcpListener,
        app: A,
        limits: Limits,
        tls: Option<Arc<Tls>>,
    ) -> Self {
        Self {
            listener,
            connections: Connections {
                app,
                limits,
                tls,
                draining: CancellationToken::new(),
            },
            registry: Registry::new(limits.most, limits.share),
            running: JoinSet::new(),
            refused: Trouble::default(),
            failed: Trouble::default(),
        }
    }

    /// Accepts connections for as long as it is polled.
    pub(crate) async fn accept(&mut self) -> Infallible {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, peer)) => self.start(socket, peer),
                    Err(error) => self.recover(&error).await,
                },
                // Frees what belongs to the tasks that have ended.
                Some(_) = self.running.join_next() => {}
            }
        }
    }

    /// Closes the listener, and asks the other ends to go.
    pub(crate) fn close(self) -> Leaving {
        self.connections.draining.cancel();
        Leaving(self.running)
    }

    fn start(&mut self, socket: TcpStream, peer: SocketAddr) {
        match self.registry.enter(Caller::at(peer.ip())) {
            Some(place) => {
                let connection = self.connections.clone().serve(socket, peer, place);
                self.running.spawn(connection);
            }
            None => self.refused.report(|times| {
                tracing::warn!(%peer, times, "too many connections, all with open calls: refused one");
            }),
        }
    }

    /// Waits before the next connection, where the system has no room for one.
    async fn recover(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
        // The other end has gone already.
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionReset | Interrupted
        ) {
            return;
        }
        self.failed.report(|times| {
            tracing::error!(%error, times, "cannot accept connections; idle ones are closed for new ones");
        });
        let closed = self.registry.evict();
        sleep(if closed { SHORT_PAUSE } else { PAUSE }).await;
    }
}

/// Connections that may finish their calls. Dropping it ends them all.
#[derive(Debug)]
pub(crate) struct Leaving(JoinSet<()>);

impl Leaving {
    /// Waits until all have ended.
    pub(crate) async fn ended(&mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

/// Something that can happen more often than anyone wants to read.
#[derive(Debug, Default)]
struct Trouble {
    reported: Option<Instant>,
    times: u64,
}

impl Trouble {
    /// Counts one time, and says how many there were since the last report, unless that was just now.
    fn report(&mut self, say: impl FnOnce(u64)) {
        self.times += 1;
        if self
            .reported
            .is_none_or(|then| then.elapsed() >= LOG_INTERVAL)
        {
            say(std::mem::take(&mut self.times));
            self.reported = Some(Instant::now());
        }
    }
}
