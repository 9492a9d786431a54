//! The port where the metrics are read, by plain HTTP.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::text;
use crate::{ServeError, ServeSettings};

/// What the text is, for Prometheus.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Readers at once; further ones wait to be accepted.
const MOST: usize = 8;
/// How long one reader may take, from its connection to the end of the reply.
const LONGEST: Duration = Duration::from_secs(10);
/// Pause after a connection that could not be accepted, as without free descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the metrics where the settings want it, until the result is dropped.
///
/// # Errors
/// The address cannot be bound, or other machines can reach it and the network is not said to be trusted.
pub(crate) async fn start(settings: &ServeSettings) -> Result<DropGuard, ServeError> {
    let stop = CancellationToken::new();
    if let Some(address) = settings.observe.metrics {
        if !settings.insecure && !address.ip().to_canonical().is_loopback() {
            return Err(ServeError::PlainMetrics(address));
        }
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|source| ServeError::Bind { address, source })?;
        tracing::info!("metrics on http://{address}/metrics");
        let serve = serve(listener);
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve));
    }
    Ok(stop.drop_guard())
}

/// Answers `GET /metrics` until it is dropped.
async fn serve(listener: TcpListener) -> Infallible {
    let room = Arc::new(Semaphore::new(MOST));
    loop {
        let place = room.clone().acquire_owned().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(async move {
                    let _place = place;
                    // A reader that is slow or gone loses its reply.
                    let _ = tokio::time::timeout(LONGEST, answer(stream)).await;
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn answer(stream: TcpStream) {
    let served = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service_fn(reply))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "the metrics were not read");
    }
}

async fn reply<B>(request: Request<B>) -> Result<Response<String>, Infallible> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, OPEN_METRICS, text()),
        (_, "/metrics") => (
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain",
            "expected GET\n".to_owned(),
        ),
        _ => (
            StatusCode::NOT_FOUND,
            "text/plain",
            "the metrics are at /metrics\n".to_owned(),
        ),
    };
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let kind = header::HeaderValue::from_static(kind);
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(reply)
}
