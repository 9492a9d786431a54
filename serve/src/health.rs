//! Health checks: NOT_SERVING until a service reports that it can work.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Endpoint;
use tonic::{Code, Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::health_check_response::ServingStatus as WireStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_server};
use tonic_health::server::{HealthReporter, HealthService};

use crate::metrics::{self, Gauges};

/// Where the paths of health checks begin.
pub(crate) const PATHS: &str = "/grpc.health.";

static SERVING: LazyLock<Gauges<1>> = LazyLock::new(|| {
    metrics::gauges(
        "deepface_serving",
        "Whether a service reports SERVING, 1 or 0; the server as a whole has no name",
    )
});

/// The health of a server and of its services, as `grpc.health.v1` reports it.
#[derive(Clone, Debug)]
pub struct Health {
    reporter: HealthReporter,
    names: Arc<[&'static str]>,
    /// Names that are reported apart from the services.
    parts: Arc<[&'static str]>,
    /// Set once the server shuts down; nothing makes it healthy again.
    closed: Arc<Mutex<bool>>,
}

impl Health {
    /// The health of a server with these services (full names, `deepface.v1.ClassifierService`). All start as
    /// NOT_SERVING, and so does `""`, the server as a whole, which tonic would start as SERVING.
    pub async fn new(names: &[&'static str]) -> Self {
        Self::with_parts(names, &[]).await
    }

    /// As [`Health::new`], with further names that [`Health::set_part`] reports: what depends on more than this server.
    pub async fn with_parts(names: &[&'static str], parts: &[&'static str]) -> Self {
        let health = Self {
            reporter: HealthReporter::new(),
            names: names.iter().copied().chain([""]).collect(),
            parts: parts.into(),
            closed: Arc::default(),
        };
        health.report_all_down().await;
        health
    }

    /// Full names of the services.
    pub(crate) fn services(&self) -> impl Iterator<Item = &'static str> {
        self.names.iter().copied().filter(|name| !name.is_empty())
    }

    /// Reports whether the services can do their work. Ignored after [`Health::close`].
    pub async fn set(&self, serving: bool) {
        let closed = self.closed.lock().await;
        if !*closed {
            self.report(match serving {
                true => ServingStatus::Serving,
                false => ServingStatus::NotServing,
            })
            .await;
        }
    }

    /// Reports whether one part can do its work. Ignored after [`Health::close`].
    pub async fn set_part(&self, part: &'static str, serving: bool) {
        let closed = self.closed.lock().await;
        if !*closed {
            let status = match serving {
                true => ServingStatus::Serving,
                false => ServingStatus::NotServing,
            };
            self.reporter.set_service_status(part, status).await;
        }
    }

    /// Reports NOT_SERVING for good.
    pub async fn close(&self) {
        let mut closed = self.closed.lock().await;
        *closed = true;
        self.report_all_down().await;
    }

    /// The health service, to be added to the server.
    pub(crate) fn service(&self) -> Known {
        Known(HealthService::from_health_reporter(self.reporter.clone()))
    }

    async fn report_all_down(&self) {
        self.report(ServingStatus::NotServing).await;
        for part in &*self.parts {
            let down = ServingStatus::NotServing;
            self.reporter.set_service_status(part, down).await;
        }
    }

    async fn report(&self, status: ServingStatus) {
        for name in &*self.names {
            let service = [("service", Cow::Borrowed(*name))];
            let serving = i64::from(status == ServingStatus::Serving);
            SERVING.get_or_create(&service).set(serving);
            self.reporter.set_service_status(name, status).await;
        }
    }
}

/// The health service, which answers a watch of an unknown name with SERVICE_UNKNOWN in the stream, as specified.
pub(crate) struct Known(HealthService);

#[tonic::async_trait]
impl health_server::Health for Known {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        self.0.check(request).await
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let known = match self.0.watch(request).await {
            Ok(known) => known,
            Err(status) if status.code() == Code::NotFound => {
                let status = WireStatus::ServiceUnknown.into();
                let first = tokio_stream::once(Ok(HealthCheckResponse { status }));
                // The names never change, so nothing follows.
                let unknown = first.chain(tokio_stream::pending());
                return Ok(Response::new(Box::pin(unknown)));
            }
            Err(status) => return Err(status),
        };
        Ok(known.map(|states| Box::pin(states) as Self::WatchStream))
    }
}

/// A server did not become healthy in time.
#[derive(Debug, thiserror::Error)]
#[error("{service} at {address} is not serving after {waited:?}")]
pub struct NotServing {
    service: String,
    address: SocketAddr,
    waited: Duration,
}

/// Waits until a service on a plaintext address reports SERVING, for a program that has just started it.
///
/// # Errors
/// It does not report SERVING within `wait`.
pub async fn wait_until_serving(
    address: SocketAddr,
    service: &str,
    wait: Duration,
) -> Result<(), NotServing> {
    let serving = async {
        while !becomes_serving(address, service).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(wait, serving)
        .await
        .map_err(|_| NotServing {
            service: service.to_owned(),
            address,
            waited: wait,
        })
}

/// Watches until the service reports SERVING; false where the watch ends before.
async fn becomes_serving(address: SocketAddr, service: &str) -> bool {
    let Ok(endpoint) = Endpoint::from_shared(format!("http://{address}")) else {
        return false;
    };
    let Ok(channel) = endpoint.connect().await else {
        return false;
    };
    let service = service.to_owned();
    let mut health = HealthClient::new(channel);
    let Ok(states) = health.watch(HealthCheckRequest { service }).await else {
        return false;
    };
    let mut states = states.into_inner();
    while let Ok(Some(state)) = states.message().await {
        if state.status() == WireStatus::Serving {
            return true;
        }
    }
    false
}
