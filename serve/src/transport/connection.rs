//! One connection from its handshake to its end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deepface_proto::http2;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::registry::Place;
use super::steady::Steady;
use super::streams::{self, App};
use crate::Caller;
use crate::security::{self, Tls};

/// Calls that one connection may have open.
const MAX_STREAMS: u32 = 256;
/// How long the other end may take to speak HTTP/2.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection without calls may take to close after the other end was asked to.
const FAREWELL: Duration = Duration::from_secs(5);
/// A connection's age differs from the limit by at most this share, so that those that came together go apart.
const JITTER: f64 = 0.1;

/// Limits of connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections in all.
    pub(crate) most: usize,
    /// Connections of one caller.
    pub(crate) share: usize,
    /// How long one may be without a call.
    pub(crate) idle: Duration,
    /// How long a write may make no progress.
    pub(crate) unread: Duration,
    /// Age at which the other end is asked to connect anew. `None`: never.
    pub(crate) age: Option<Duration>,
}

/// What all connections share.
#[derive(Clone)]
pub(super) struct Connections<A> {
    pub(super) app: A,
    pub(super) limits: Limits,
    /// `None` for plain text.
    pub(super) tls: Option<Arc<Tls>>,
    /// Cancelled when no new calls are taken.
    pub(super) draining: CancellationToken,
}

impl<A: App> Connections<A> {
    /// Serves a connection until it ends.
    pub(super) async fn serve(self, socket: TcpStream, peer: SocketAddr, place: Place) {
        // Fails only on a socket that is closed, which the first read will tell.
        let _ = socket.set_nodelay(true);
        let Ok(local) = socket.local_addr() else {
            return;
        };
        let served = async {
            let (addresses, caller) = ([local, peer], Caller::at(peer.ip()));
            let Some(tls) = &self.tls else {
                return self.speak(socket, addresses, caller, &place).await;
            };
            let encrypted = tokio::select! {
                encrypted = security::accept(tls, socket, HANDSHAKE) => encrypted,
                () = self.draining.cancelled() => None,
            };
            if let Some(socket) = encrypted {
                let caller = security::certified(&socket).unwrap_or(caller);
                self.speak(socket, addresses, caller, &place).await;
            }
        };
        tokio::select! {
            () = served => {}
            () = place.evicted.cancelled() => {}
        }
    }

    async fn speak(
        &self,
        socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        addresses: [SocketAddr; 2],
        caller: Caller,
        place: &Place,
    ) {
        let activity = &place.activity;
        let socket = Steady::new(socket, self.limits.unread, activity.clone());
        let (calls, streams) =
            streams::of_connection(self.app.clone(), addresses, caller, activity.clone());
        let connection = Builder::new(streams)
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(http2::STREAM_WINDOW)
            .initial_connection_window_size(http2::CONNECTION_WINDOW)
            .max_frame_size(http2::MAX_FRAME)
            .keep_alive_interval(http2::KEEPALIVE_INTERVAL)
            .keep_alive_timeout(http2::KEEPALIVE_TIMEOUT)
            .serve_connection(TokioIo::new(socket), calls);
        let mut connection = pin!(connection);
        let mut look = pin!(sleep(HANDSHAKE));
        let mut aged = pin!(old_age(self.limits.age));
        let mut leaving = false;
        loop {
            tokio::select! {
                ended = &mut connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, peer = %addresses[1], "a connection failed");
                    }
                    return;
                }
                () = self.draining.cancelled(), if !leaving => leaving = true,
                () = &mut aged, if !leaving => leaving = true,
                () = &mut look => {
                    let now = activity.now();
                    let limit = match (leaving, now.spoke) {
                        (true, _) => FAREWELL,
                        (false, true) => self.limits.idle,
                        (false, false) => HANDSHAKE,
                    };
                    let from = if now.calls > 0 { Instant::now() } else { now.idle };
                    look.as_mut().reset(from + limit);
                    if Instant::now() < from + limit {
                        continue;
                    }
                    if leaving || !now.spoke {
                        return;
                    }
                    leaving = true;
                }
            }
            // It was decided right now to leave: nothing else ends a turn of the loop.
            if !activity.now().spoke {
                return;
            }
            connection.as_mut().graceful_shutdown();
            look.as_mut().reset(Instant::now() + FAREWELL);
        }
    }
}

/// Ends at about this age.
async fn old_age(age: Option<Duration>) {
    let Some(age) = age else {
        return std::future::pending().await;
    };
    let share = rand::random_range(1.0 - JITTER..=1.0 + JITTER);
    sleep_until(Instant::now() + age.mul_f64(share)).await;
}
