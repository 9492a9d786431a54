//! A gRPC server over a listener that is already bound: limits, reflection, health, graceful end.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::HealthServer;

use crate::lifetime::{Ends, LifetimeLayer};
use crate::{Health, ServeSettings};

/// Calls that one connection may have open.
const MAX_STREAMS: u32 = 256;
/// Largest HTTP/2 frame to arrive: an image tensor in one piece. At the default of 16 KiB a step of an inversion waits
/// for several wake-ups of the connection's task.
const MAX_FRAME: u32 = 1 << 20;
/// Bytes that one call may have in flight: several activations of an early layer.
const STREAM_WINDOW: u32 = 4 << 20;
/// Bytes that one connection may have in flight.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// How often a silent peer is asked whether it is still there, and how long it may take to answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// How long calls that were cut off may take to tell their clients.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is reachable from other machines, and the connection would be in plain text.
    #[error(
        "{0} can be reached from other machines, and TLS is not supported yet: listen on a loopback address \
         (127.0.0.1, [::1]), or pass --insecure where the network itself is trusted"
    )]
    Plaintext(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The descriptors of the contract cannot be served.
    #[error("cannot serve reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport failed.
    #[error("the server failed")]
    Transport(#[from] tonic::transport::Error),
    /// Signal handlers cannot be installed.
    #[error("cannot handle signals")]
    Signal(#[source] std::io::Error),
}

/// What every server serves besides its own services.
const INFRASTRUCTURE: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// Serves routes, reflection and health on a listener until `shutdown` completes.
///
/// Then health turns NOT_SERVING, no connection is taken any more, and the calls that are open may finish within
/// [`ServeSettings::drain`]; those that do not are ended with UNAVAILABLE. Dropping the future ends all calls at once.
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
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(Some(MAX_FRAME))
        .http2_keepalive_interval(Some(KEEPALIVE.0))
        .http2_keepalive_timeout(Some(KEEPALIVE.1))
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

/// Adds reflection in the version of today and in the one that older tools ask for. It lists the services that are
/// served here, not all of the contract, and knows the messages that error details are made of.
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
mod tests {
    use tokio_stream::StreamExt;
    use tonic::Code;
    use tonic::transport::Channel;
    use tonic_health::pb::health_client::HealthClient;
    use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
    use tonic_reflection::pb::{v1, v1alpha};

    use super::*;

    const NAME: &str = "deepface.v1.ClassifierService";

    struct Running {
        health: Health,
        address: SocketAddr,
        channel: Channel,
        stop: tokio_util::sync::CancellationToken,
        server: tokio::task::JoinHandle<Result<(), ServeError>>,
    }

    async fn start() -> Running {
        let settings = ServeSettings {
            drain_seconds: 3,
            ..Default::default()
        };
        let listener = settings.bind(0).await.unwrap();
        let address = listener.local_addr().unwrap();
        let health = Health::new(&[NAME]).await;
        let stop = tokio_util::sync::CancellationToken::new();
        let (served, stopped) = (health.clone(), stop.clone());
        let server = tokio::spawn(async move {
            let shutdown = stopped.cancelled_owned();
            serve(listener, Routes::default(), &served, &settings, shutdown).await
        });
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"));
        let channel = endpoint.unwrap().connect().await.unwrap();
        Running {
            health,
            address,
            channel,
            stop,
            server,
        }
    }

    #[tokio::test]
    async fn health_is_seeded_followed_and_closed_and_watchers_do_not_hold_the_server() {
        let s = start().await;
        let mut client = HealthClient::new(s.channel.clone());
        for service in ["", NAME] {
            let service = service.to_owned();
            let reply = client.check(HealthCheckRequest { service }).await.unwrap();
            assert_eq!(reply.get_ref().status(), ServingStatus::NotServing);
        }
        let short = Duration::from_millis(50);
        assert!(
            crate::wait_until_serving(s.address, NAME, short)
                .await
                .is_err()
        );
        s.health.set(true).await;
        let long = Duration::from_secs(10);
        crate::wait_until_serving(s.address, NAME, long)
            .await
            .unwrap();

        let service = NAME.to_owned();
        let watch = client.watch(HealthCheckRequest { service }).await.unwrap();
        let mut watch = watch.into_inner();
        let first = watch.next().await.unwrap().unwrap();
        assert_eq!(first.status(), ServingStatus::Serving);
        let stopping = std::time::Instant::now();
        s.stop.cancel();
        let last = watch.next().await.unwrap().unwrap();
        assert_eq!(last.status(), ServingStatus::NotServing);
        let end = watch.next().await.unwrap().unwrap_err();
        assert_eq!(end.code(), Code::Unavailable);
        s.health.set(true).await;
        s.server.await.unwrap().unwrap();
        assert!(
            stopping.elapsed() < Duration::from_secs(2),
            "the watch held the server"
        );
        assert!(tokio::net::TcpStream::connect(s.address).await.is_err());
    }

    #[tokio::test]
    async fn reflection_lists_the_contract_in_both_versions() {
        let s = start().await;
        let request = v1::ServerReflectionRequest {
            message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
                String::new(),
            )),
            ..Default::default()
        };
        let mut client =
            v1::server_reflection_client::ServerReflectionClient::new(s.channel.clone());
        let replies = client
            .server_reflection_info(tokio_stream::iter([request]))
            .await;
        let reply = replies.unwrap().into_inner().next().await.unwrap().unwrap();
        assert!(format!("{reply:?}").contains(NAME), "{reply:?}");
        assert!(format!("{reply:?}").contains("grpc.health.v1.Health"));
        assert!(
            !format!("{reply:?}").contains("GeneratorService"),
            "{reply:?}"
        );

        let request = v1alpha::ServerReflectionRequest {
            message_request: Some(
                v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                    NAME.into(),
                ),
            ),
            ..Default::default()
        };
        let mut client =
            v1alpha::server_reflection_client::ServerReflectionClient::new(s.channel.clone());
        let replies = client
            .server_reflection_info(tokio_stream::iter([request]))
            .await;
        let reply = replies.unwrap().into_inner().next().await.unwrap().unwrap();
        assert!(format!("{:?}", reply.message_response).contains("FileDescriptorResponse"));
    }
}
