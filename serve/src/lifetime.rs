//! Limits how many calls are open, and ends each in time: at its deadline, or when the server stops waiting for it.
//!
//! tonic's own timeout covers a call until the response headers and answers CANCELLED. This layer covers the body
//! too, so that a stream ends where its deadline says, and answers DEADLINE_EXCEEDED.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Bytes};
use tonic::transport::server::TcpConnectInfo;
use tonic::{Code, Status};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Caller, Deadline, detailed};

/// Where paths of health checks begin.
const HEALTH: &str = "/grpc.health.";

/// Ends calls that do not end by themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    /// Ends calls that only watch the server, such as health watches: nothing is lost with them.
    pub(crate) watching: CancellationToken,
    /// Ends all calls.
    pub(crate) all: CancellationToken,
}

/// Gives every request its [`Deadline`], ends every call in time, and refuses calls beyond the limit.
#[derive(Clone, Debug)]
pub(crate) struct LifetimeLayer {
    /// Longest time for a call whose client sets no shorter deadline.
    max: Duration,
    /// What ends calls early.
    ends: Ends,
    /// Calls that may be open at once, on all connections together.
    most: usize,
    /// One permit for each call that may still be opened.
    room: Arc<Semaphore>,
}

impl LifetimeLayer {
    /// Calls take at most `max`; at most `most` are open at once.
    pub(crate) fn new(max: Duration, most: usize, ends: Ends) -> Self {
        let room = Arc::new(Semaphore::new(most));
        Self {
            max,
            ends,
            most,
            room,
        }
    }
}

impl<S> Layer<S> for LifetimeLayer {
    type Service = Lifetime<S>;

    fn layer(&self, inner: S) -> Lifetime<S> {
        let layer = self.clone();
        Lifetime { inner, layer }
    }
}

/// See [`LifetimeLayer`].
#[derive(Clone, Debug)]
pub(crate) struct Lifetime<S> {
    inner: S,
    layer: LifetimeLayer,
}

impl<S, B> Service<Request<B>> for Lifetime<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // Health and reflection belong to the server itself; they may be watched for as long as it runs.
        let watching = request.uri().path().starts_with("/grpc.");
        let max = (!watching).then_some(self.layer.max);
        let deadline = Deadline::from_headers(request.headers(), max);
        if let Some(deadline) = deadline {
            request.extensions_mut().insert(deadline);
        }
        let peer = request.extensions().get::<TcpConnectInfo>();
        if let Some(address) = peer.and_then(TcpConnectInfo::remote_addr) {
            request.extensions_mut().insert(Caller::at(address.ip()));
        }
        // Health checks must pass even at capacity.
        let counts = !request.uri().path().starts_with(HEALTH);
        let place = counts.then(|| self.layer.room.clone().try_acquire_owned());
        let Ok(place) = place.transpose() else {
            let refused = full(self.layer.most).into_http();
            return Box::pin(std::future::ready(Ok(refused)));
        };
        let ends = &self.layer.ends;
        let cut = if watching { &ends.watching } else { &ends.all };
        let mut end = End {
            deadline: deadline.map(|d| Box::pin(sleep_until(d.at()))),
            cut: Box::pin(cut.clone().cancelled_owned()),
        };
        let response = self.inner.call(request);
        Box::pin(async move {
            let status = tokio::select! {
                biased;
                response = response => return response.map(|r| r.map(|inner| {
                    Body::new(Bounded { inner: Some(inner), end, _place: place })
                })),
                status = std::future::poll_fn(|cx| end.poll(cx)) => status,
            };
            Ok(status.into_http())
        })
    }
}

/// The moment at which a call is ended from outside.
struct End {
    deadline: Option<Pin<Box<Sleep>>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl End {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(expired());
        }
        self.cut.as_mut().poll(cx).map(|()| shutting_down())
    }
}

/// The status of a call beyond the limit.
fn full(most: usize) -> Status {
    let message = format!("{most} calls are open, which is the limit");
    let retry = Some(Duration::from_secs(1));
    detailed(Code::ResourceExhausted, "TOO_MANY_CALLS", &message, retry)
}

/// The status of a call whose deadline has passed.
fn expired() -> Status {
    let message = "the deadline of the call has passed";
    detailed(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message, None)
}

/// The status of a call that the server could not finish before it stopped.
fn shutting_down() -> Status {
    let message = "the server is shutting down";
    let retry = Some(Duration::from_secs(1));
    detailed(Code::Unavailable, "SHUTTING_DOWN", message, retry)
}

/// A response body that ends, with the status in its trailers, when its time is over.
struct Bounded {
    /// `None` once it was ended from outside: dropping it stops the work behind it.
    inner: Option<Body>,
    end: End,
    /// The call's share of the limit.
    _place: Option<OwnedSemaphorePermit>,
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        // A frame that is ready goes first, so that a reply and the end of the call never compete.
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let status = ready!(this.end.poll(cx));
        this.inner = None;
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(
            status
                .add_header(&mut trailers)
                .map(|()| Frame::trailers(trailers)),
        ))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests;
