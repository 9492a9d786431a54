//! The calls of one connection: each a stream of HTTP/2, in a task of its own, which is reset when its call is overdue
//! and cannot be told so.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tonic::body::Body;
use tonic::transport::server::TcpConnectInfo;
use tower_service::Service;

use super::registry::{Activity, InCall};
use crate::Caller;
use crate::watch::{Alarm, Watch};

/// How much longer than its limit a call may take to end with a status. After that its stream is reset.
const GRACE: Duration = Duration::from_millis(100);

/// What a server does with a request.
pub(crate) trait App:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> App for S where
    S: Service<
            Request<Body>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// The stream of a call, in the extensions of its request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream(Arc<Mutex<Option<Arc<Watch>>>>);

impl Stream {
    /// Has the stream reset when this call is overdue.
    pub(crate) fn guard(&self, watch: Arc<Watch>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(watch);
    }

    fn alarm(&self) -> Option<Alarm> {
        let watch = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        watch.map(|watch| Alarm::new(watch, GRACE))
    }
}

/// The stream whose task hyper starts next: it asks the service for the answer, then hands the task to the executor.
type Next = Arc<Mutex<Option<Stream>>>;

/// The service, as one connection sees it: it says who calls.
pub(super) struct Calls<A> {
    app: A,
    peer: TcpConnectInfo,
    caller: Caller,
    next: Next,
}

/// Runs the calls of one connection in tasks.
#[derive(Clone)]
pub(super) struct Streams {
    activity: Arc<Activity>,
    next: Next,
}

/// The service of a connection, and the executor that must run its calls.
pub(super) fn of_connection<A>(
    app: A,
    addresses: [SocketAddr; 2],
    caller: Caller,
    activity: Arc<Activity>,
) -> (Calls<A>, Streams) {
    let next = Next::default();
    let [local, remote] = addresses.map(Some);
    let calls = Calls {
        app,
        peer: TcpConnectInfo {
            local_addr: local,
            remote_addr: remote,
        },
        caller,
        next: next.clone(),
    };
    (calls, Streams { activity, next })
}

impl<A: App> hyper::service::Service<Request<Incoming>> for Calls<A> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = A::Future;

    fn call(&self, request: Request<Incoming>) -> A::Future {
        let stream = Stream::default();
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream.clone());
        let mut request = request.map(Body::new);
        let extensions = request.extensions_mut();
        extensions.insert(self.peer.clone());
        extensions.insert(self.caller.clone());
        extensions.insert(stream);
        // Ready at any time: nothing below limits by not being ready.
        self.app.clone().call(request)
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, task: F) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        tokio::spawn(Guarded {
            task: Box::pin(task),
            stream: next.take().unwrap_or_default(),
            alarm: None,
            _call: self.activity.call(),
        });
    }
}

/// The task of a stream. It ends when the call is overdue, which resets the stream and frees all that belongs to it.
struct Guarded<F> {
    task: Pin<Box<F>>,
    stream: Stream,
    alarm: Option<Alarm>,
    _call: InCall,
}

impl<F: Future<Output = ()>> Future for Guarded<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.task.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if self.alarm.is_none() {
            self.alarm = self.stream.alarm();
        }
        let Some(alarm) = &mut self.alarm else {
            return Poll::Pending;
        };
        alarm
            .poll(cx)
            .map(|why| tracing::debug!(?why, "a stream is reset"))
    }
}
