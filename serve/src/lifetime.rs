//! Limits how many calls are open, and ends each in time: at its deadline, when its client keeps it waiting, or when the
//! server stops waiting for it.
//!
//! tonic's own timeout covers a call until the response headers and answers CANCELLED. This layer covers the body
//! too, so that a stream ends where its deadline says, and answers DEADLINE_EXCEEDED.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::{Code, Status};
use tower_layer::Layer;
use tower_service::Service;

use crate::bodies::{Arriving, Bounded};
use crate::end::End;
use crate::observe::Traffic;
use crate::quota::{Full, Quota};
use crate::transport::Stream;
use crate::undecodable::blame_the_client;
use crate::watch::{Patience, Watch};
use crate::{Caller, Deadline, detailed, health};

/// Ends calls that do not end by themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    /// Ends calls that only watch the server, such as health watches: nothing is lost with them.
    pub(crate) watching: CancellationToken,
    /// Ends all calls.
    pub(crate) all: CancellationToken,
}

/// What calls share, on all connections together.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Open calls.
    pub(crate) calls: Quota,
    /// Bytes of requests that are still arriving.
    pub(crate) arriving: Quota,
}

/// Gives every request its [`Deadline`], ends every call in time, and refuses calls beyond the limit.
#[derive(Clone, Debug)]
pub(crate) struct LifetimeLayer {
    /// Longest time for a call whose client sets no shorter deadline.
    max: Duration,
    /// How long a call may wait for its client.
    patience: Patience,
    /// What ends calls early.
    ends: Ends,
    limits: Limits,
}

impl LifetimeLayer {
    /// Calls take at most `max`.
    pub(crate) fn new(max: Duration, patience: Patience, limits: Limits, ends: Ends) -> Self {
        Self {
            max,
            patience,
            ends,
            limits,
        }
    }
}

/// How many calls a caller may have open, where that is its own number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnShare(pub(crate) usize);

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

impl<S> Service<Request<Body>> for Lifetime<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // Health and reflection belong to the server itself; they may be watched for as long as it runs.
        let watching = request.uri().path().starts_with("/grpc.");
        let max = (!watching).then_some(self.layer.max);
        let deadline = match Deadline::from_headers(request.headers(), max) {
            Ok(deadline) => deadline,
            Err(malformed) => return answer(&malformed.status()),
        };
        // Health checks must pass even at capacity.
        let counts = !request.uri().path().starts_with(health::PATHS);
        let extensions = request.extensions();
        let caller = extensions.get().cloned().unwrap_or_else(Caller::nobody);
        let Limits { calls, arriving } = &self.layer.limits;
        let place = counts.then(|| {
            let own = extensions.get().map(|&OwnShare(own)| own);
            calls.with_share(own).hold(&caller, 1)
        });
        let place = match place.transpose() {
            Ok(place) => place,
            Err(why) => return answer(&full(why)),
        };
        let memory = arriving.none(&caller);
        let traffic: Arc<Traffic> = extensions.get().cloned().unwrap_or_default();
        let watch = Watch::new(deadline.map(Deadline::at), self.layer.patience);
        let watch = Arc::new(watch);
        if let Some(deadline) = deadline {
            request.extensions_mut().insert(deadline);
        }
        if let Some(stream) = request.extensions_mut().remove::<Stream>() {
            stream.guard(watch.clone());
        }
        let ends = &self.layer.ends;
        let cut = if watching { &ends.watching } else { &ends.all };
        let mut end = End::new(watch.clone(), cut);
        let request = request.map(|body| Body::new(Arriving::new(body, watch, memory, traffic)));
        let response = self.inner.call(request);
        Box::pin(async move {
            let status = tokio::select! {
                biased;
                response = response => return response.map(|response| {
                    let (mut head, body) = response.into_parts();
                    head.headers = blame_the_client(head.headers);
                    Response::from_parts(head, Body::new(Bounded::new(body, end, place)))
                }),
                status = std::future::poll_fn(|cx| end.poll(cx)) => status,
            };
            Ok(status.into_http())
        })
    }
}

/// An answer that needs no work.
fn answer(status: &Status) -> BoxFuture<Response<Body>, Infallible> {
    let response = status.clone().into_http();
    Box::pin(std::future::ready(Ok(response)))
}

/// The status of a call beyond the limit.
fn full(why: Full) -> Status {
    let retry = Some(Duration::from_secs(1));
    let (reason, message) = match why {
        Full::All(most) => (
            "TOO_MANY_CALLS",
            format!("{most} calls are open, which is the limit"),
        ),
        Full::Caller(share) => (
            "TOO_MANY_CALLS_OF_CALLER",
            format!("the caller has {share} calls open, which is the limit for one caller"),
        ),
    };
    detailed(Code::ResourceExhausted, reason, &message, retry)
}

#[cfg(test)]
mod tests;
