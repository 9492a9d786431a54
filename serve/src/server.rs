//! A gRPC server on a listener that is already bound: limits, reflection, health, graceful shutdown.

use std::future::Future;
use std::time::Duration;

use deepface_proto::http2;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::HealthServer;

use crate::lifetime::{Ends, LifetimeLayer};
use crate::{Health, ServeError, ServeSettings};

/// Calls that one connection may have open.
const MAX_STREAMS: u32 = 256;
/// Time for calls that were cut off to tell their clients.
const FAREWELL: Duration = Duration::from_secs(1);

/// What every server serves besides its own services.
const INFRASTRUCTURE: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// Serves routes, reflection and health on a listener until `shutdown` completes.
///
/// Then health turns NOT_SERVING, new connections are refused, and open calls may finish within
/// [`ServeSettings::drain`]; the others end with UNAVAILABLE. Dropping the future ends all calls at once.
///
/// # Errors
/// Reflection cannot be built or the transport fails.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    health: &Health,
    settings: &ServeSettings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let ends = Ends::default();
    let _cut_if_dropped = ends.all.clone().drop_guard();
    let draining = tokio_util::sync::CancellationToken::new();
    let most = settings.max_calls.into();
    let layer = LifetimeLayer::new(settings.max_call(), most, ends.clone());
    let server = Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(http2::STREAM_WINDOW)
        .initial_connection_window_size(http2::CONNECTION_WINDOW)
        .max_frame_size(Some(http2::MAX_FRAME))
        .http2_keepalive_interval(Some(http2::KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(http2::KEEPALIVE_TIMEOUT))
        .layer(layer)
        .add_routes(
            with_reflection(routes, health)?.add_service(HealthServer::new(health.service())),
        )
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            draining.clone().cancelled_owned(),
        );
    let mut server = std::pin::pin!(server);

    tokio::select! {
        ended = &mut server => return Ok(ended?),
        () = shutdown => {}
    }
    health.close().await;
    ends.watching.cancel();
    draining.cancel();
    if let Ok(ended) = tokio::time::timeout(settings.drain(), &mut server).await {
        return Ok(ended?);
    }
    tracing::warn!(
        "calls are still open after {:?}, ending them",
        settings.drain()
    );
    ends.all.cancel();
    match tokio::time::timeout(FAREWELL, server).await {
        Ok(ended) => Ok(ended?),
        // Only connections that never spoke HTTP/2 are left; they end with the process.
        Err(_) => Ok(()),
    }
}

/// Adds reflection in its current version and in the one that older tools use. It lists the services of this server,
/// not the whole contract, and describes the messages of error details.
fn with_reflection(routes: Routes, health: &Health) -> Result<Routes, ServeError> {
    let builder = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(deepface_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET);
        let names = health.services().chain(INFRASTRUCTURE);
        names.fold(builder, |builder, name| builder.with_service_name(name))
    };
    Ok(routes
        .add_service(builder().build_v1()?)
        .add_service(builder().build_v1alpha()?))
}

#[cfg(test)]
mod tests;
