//! The outermost layer of a server: it names every call, follows it to its end, and logs it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use deepface_proto::Origin;
use http::{Request, Response};
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::transport::server::TcpConnectInfo;
use tower_layer::Layer;
use tower_service::Service;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::call::Call;
use super::counted::Outgoing;
use super::methods::Methods;
use crate::{health, traces};

/// Gives every request an [`Origin`], which its reply carries too, and logs every call when it ends.
#[derive(Clone, Debug)]
pub(crate) struct ObserveLayer {
    methods: Arc<Methods>,
}

impl ObserveLayer {
    /// Names only these methods.
    pub(crate) fn new(methods: Methods) -> Self {
        let methods = Arc::new(methods);
        Self { methods }
    }

    fn open<B>(&self, request: &Request<B>) -> Call {
        let path = request.uri().path();
        let origin = Origin::received(request.headers()).or(random);
        let method = self.methods.known(path);
        let quiet = path.starts_with(health::PATHS);
        let id = origin.id().unwrap_or_default();
        let span = match quiet {
            true => Span::none(),
            false => tracing::info_span!(
                "call",
                id,
                otel.name = method,
                otel.kind = "server",
                otel.status_code = Empty,
                rpc.grpc.status_code = Empty,
            ),
        };
        traces::continue_trace(&span, request.headers());
        Call {
            method,
            quiet,
            peer: peer(request),
            origin,
            traffic: Arc::default(),
            span,
            began: Instant::now(),
            end: None,
        }
        .opened()
    }
}

/// An origin with an id of its own.
fn random() -> Option<Origin> {
    Origin::of(&format!("{:016x}", rand::random::<u64>()))
}

fn peer<B>(request: &Request<B>) -> Option<SocketAddr> {
    let connection = request.extensions().get::<TcpConnectInfo>();
    connection.and_then(TcpConnectInfo::remote_addr)
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        let layer = self.clone();
        Observe { inner, layer }
    }
}

/// See [`ObserveLayer`].
#[derive(Clone, Debug)]
pub(crate) struct Observe<S> {
    inner: S,
    layer: ObserveLayer,
}

impl<S> Service<Request<Body>> for Observe<S>
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
        let mut call = self.layer.open(&request);
        request.extensions_mut().insert(call.origin.clone());
        // Counted where the request is read.
        request.extensions_mut().insert(call.traffic.clone());
        let span = call.span.clone();
        // The service may start its work before its future is polled.
        let response = span.in_scope(|| self.inner.call(request)).instrument(span);
        Box::pin(async move {
            let mut response = response.await?;
            call.ended_with(response.headers());
            call.origin.write_id(response.headers_mut());
            Ok(response.map(|body| Body::new(Outgoing::new(body, call))))
        })
    }
}
