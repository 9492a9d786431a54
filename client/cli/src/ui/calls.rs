//! Calls of the page: gRPC-Web in, gRPC out.

use std::net::SocketAddr;
use std::task::Context;

use deepface_client::v1::{classifier_service_server, generator_service_server};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower_layer::Layer;
use tower_service::Service;

use super::plain;

/// What is said of other calls.
const NOT_FOUND: &str = "the page has calls of both services alone\n";

/// Both services.
pub(super) struct Calls {
    classifier: GrpcWebService<Channel>,
    generator: GrpcWebService<Channel>,
}

impl Calls {
    /// Services at these addresses, the classifier's first. They are connected to at the first call.
    ///
    /// # Errors
    /// An address does not make a URL.
    pub(super) fn to(services: [SocketAddr; 2]) -> anyhow::Result<Self> {
        let connect = |address: SocketAddr| {
            let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
            anyhow::Ok(GrpcWebLayer::new().layer(endpoint.connect_lazy()))
        };
        let [classifier, generator] = services.map(connect);
        Ok(Self {
            classifier: classifier?,
            generator: generator?,
        })
    }

    /// Passes a call on. When the browser goes, the response is dropped, which cancels the call.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let service = request
            .uri()
            .path()
            .trim_start_matches('/')
            .split('/')
            .next();
        let service = match service {
            Some(classifier_service_server::SERVICE_NAME) => &self.classifier,
            Some(generator_service_server::SERVICE_NAME) => &self.generator,
            _ => return plain(StatusCode::NOT_FOUND, NOT_FOUND),
        };
        let mut service = service.clone();
        let called = async {
            let ready = |context: &mut Context<'_>| {
                Service::<Request<Incoming>>::poll_ready(&mut service, context)
            };
            std::future::poll_fn(ready).await?;
            service.call(request).await
        };
        match called.await {
            Ok(response) => response,
            Err(error) => {
                tracing::warn!(%error, "a call of the page failed");
                Status::unavailable("the service cannot be reached").into_http()
            }
        }
    }
}
