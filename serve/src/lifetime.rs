//! Takes on a bounded number of calls and ends each in time: at its deadline, or when the server stops waiting for it.
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
use tonic::{Code, Status};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Deadline, detailed};

/// Where paths of health checks begin.
const HEALTH: &str = "/grpc.health.";

/// When calls end that do not end by themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    /// Ends calls that only watch the server, such as health watches: nothing is lost with them.
    pub(crate) watching: CancellationToken,
    /// Ends all calls.
    pub(crate) all: CancellationToken,
}

/// Gives every request its [`Deadline`], ends every call in time, and refuses those that are too many.
#[derive(Clone, Debug)]
pub(crate) struct LifetimeLayer {
    /// The longest that a call may take where its client does not say less.
    max: Duration,
    /// When calls end.
    ends: Ends,
    /// Calls that may be open at once, on all connections together.
    most: usize,
    /// Room for those that are not open yet.
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
        // Whoever watches over the server must be heard when it is full, above all.
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

/// The status of a call for which there is no room.
fn full(most: usize) -> Status {
    let message = format!("{most} calls are open, and no more are taken");
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
    /// The call's place among those that may be open.
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
        // What is there is sent first, so that a reply and the end of the call never compete.
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
mod tests {
    use super::*;

    /// A body that never has anything to say, and notes when it is dropped.
    struct Silent(
        #[expect(dead_code, reason = "held for its drop")] tokio::sync::oneshot::Sender<()>,
    );

    impl HttpBody for Silent {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    #[derive(Clone)]
    struct Handler {
        answers: bool,
    }

    impl Service<Request<()>> for Handler {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<Response<Body>, Infallible>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<()>) -> Self::Future {
            assert!(request.extensions().get::<Deadline>().is_some());
            let answers = self.answers;
            Box::pin(async move {
                if !answers {
                    std::future::pending::<()>().await;
                }
                let (gone, gone_rx) = tokio::sync::oneshot::channel();
                let mut response = Response::new(Body::new(Silent(gone)));
                response.extensions_mut().insert(Arc::new(gone_rx));
                Ok(response)
            })
        }
    }

    fn layer(most: usize, ends: &Ends) -> LifetimeLayer {
        LifetimeLayer::new(Duration::from_secs(3600), most, ends.clone())
    }

    fn request(path: &str, timeout: &str) -> Request<()> {
        let request = Request::builder().uri(path);
        request.header("grpc-timeout", timeout).body(()).unwrap()
    }

    fn call(answers: bool, ends: &Ends) -> BoxFuture<Response<Body>, Infallible> {
        layer(1, ends)
            .layer(Handler { answers })
            .call(request("/a.Service/Call", "50m"))
    }

    async fn next_status(body: &mut Body) -> Code {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        let trailers = frame.unwrap().unwrap().into_trailers().unwrap();
        Status::from_header_map(&trailers).unwrap().code()
    }

    #[tokio::test]
    async fn a_deadline_ends_a_call_without_response() {
        let response = call(false, &Ends::default()).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }

    #[tokio::test]
    async fn a_deadline_ends_a_silent_stream_and_the_work_behind_it() {
        let started = tokio::time::Instant::now();
        let mut response = call(true, &Ends::default()).await.unwrap();
        let gone: Arc<tokio::sync::oneshot::Receiver<()>> =
            response.extensions_mut().remove().unwrap();
        let mut gone = Arc::into_inner(gone).unwrap();
        let body = response.body_mut();
        assert_eq!(next_status(body).await, Code::DeadlineExceeded);
        assert!(started.elapsed() >= Duration::from_millis(50));
        assert!(matches!(
            gone.try_recv(),
            Err(tokio::sync::oneshot::error::TryRecvError::Closed)
        ));
        let end = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        assert!(end.is_none());
    }

    #[tokio::test]
    async fn a_cut_ends_streams_with_unavailable() {
        let ends = Ends::default();
        let mut response = call(true, &ends).await.unwrap();
        ends.all.cancel();
        assert_eq!(next_status(response.body_mut()).await, Code::Unavailable);
    }

    #[tokio::test]
    async fn a_call_too_many_is_refused_until_one_ends_and_health_is_always_heard() {
        let mut service = layer(1, &Ends::default()).layer(Handler { answers: true });
        let mut open = async |path| {
            let response = service.call(request(path, "1M")).await.unwrap();
            // A call that was taken says how it ended in its trailers.
            let code = Status::from_header_map(response.headers()).map(|s| s.code());
            (response, code)
        };
        let (first, none) = open("/a.Service/Call").await;
        assert_eq!(none, None);
        let (refused, code) = open("/b.Service/Call").await;
        assert_eq!(code, Some(Code::ResourceExhausted));
        let status = Status::from_header_map(refused.headers()).unwrap();
        assert!(status.message().contains("1 calls are open"), "{status}");
        assert!(tonic_types::StatusExt::get_details_retry_info(&status).is_some());
        let (_health, none) = open("/grpc.health.v1.Health/Check").await;
        assert_eq!(none, None);
        drop(first);
        assert_eq!(open("/a.Service/Call").await.1, None);
    }

    #[tokio::test]
    async fn a_call_that_never_answered_gives_its_place_back() {
        let mut service = layer(1, &Ends::default()).layer(Handler { answers: false });
        for _ in 0..2 {
            let response = service
                .call(request("/a.Service/Call", "10m"))
                .await
                .unwrap();
            let status = Status::from_header_map(response.headers()).unwrap();
            assert_eq!(status.code(), Code::DeadlineExceeded);
        }
    }
}
