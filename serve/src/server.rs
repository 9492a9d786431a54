//! A gRPC server on a listener that is already bound: limits, reflection, health, graceful shutdown.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tower_layer::Layer;

use crate::lifetime::{Ends, LifetimeLayer};
use crate::observe::{Methods, ObserveLayer};
use crate::security::{AccessLayer, Reloaded};
use crate::transport::{App, Transport};
use crate::{Health, ServeError, ServeSettings};

/// Time for calls that were cut off to tell their clients.
const FAREWELL: Duration = Duration::from_secs(1);

/// What every server serves besides its own services.
const INFRASTRUCTURE: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// What describes the services of every server.
const DESCRIPTORS: [&[u8]; 5] = [
    deepface_proto::FILE_DESCRIPTOR_SET,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    tonic_types::pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
];

/// Serves routes, reflection and health on a listener until `shutdown` completes, and health alone at
/// [`ServeSettings::health_listen`].
///
/// Then health turns NOT_SERVING, and after [`ServeSettings::lame_duck`] new connections are refused and open calls may
/// finish within [`ServeSettings::drain`]; the others end with UNAVAILABLE. Dropping the future ends all calls at once.
///
/// # Errors
/// Reflection cannot be built, the port of the metrics or of health checks cannot be bound, or a certificate, key or list of tokens cannot be used.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    health: &Health,
    settings: &ServeSettings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let _metrics = crate::metrics::start(settings).await?;
    let health_listener = settings.bind_health().await?;
    let ends = Ends::default();
    let _cut_if_dropped = ends.all.clone().drop_guard();
    let layer = LifetimeLayer::new(
        settings.max_call(),
        settings.patience(),
        settings.limits(),
        ends.clone(),
    );
    let checks = HealthServer::new(health.service());
    let routes = with_reflection(routes, health)?.add_service(checks.clone());
    let (tls, tokens) = (
        settings.tls()?.map(Arc::new),
        settings.tokens()?.map(Arc::new),
    );
    let methods = Methods::of(health.services().chain(INFRASTRUCTURE), &DESCRIPTORS);
    let (observe, access) = (ObserveLayer::new(methods), AccessLayer(tokens.clone()));
    // Outermost is what observes, so that it sees refusals too.
    let app = |routes: Routes| observe.layer(access.layer(layer.layer(routes.prepare())));
    let limits = settings.connections();
    let mut transport = Transport::new(listener, app(routes), limits, tls.clone());
    let mut probes = health_listener
        .map(|listener| Transport::new(listener, app(Routes::new(checks)), limits, None));
    let _following = [follow(tls), follow(tokens)];

    let shutdown = pin!(shutdown);
    {
        let mut accepting = pin!(accept(&mut transport, probes.as_mut()));
        until(accepting.as_mut(), shutdown).await;
        health.close().await;
        // Balancers look at health before they look away.
        until(accepting, tokio::time::sleep(settings.lame_duck())).await;
    }
    ends.watching.cancel();
    // Nobody waits for those that only check health.
    let _probes = probes.map(Transport::close);
    let mut connections = transport.close();
    let drained = tokio::time::timeout(settings.drain(), connections.ended()).await;
    if drained.is_err() {
        let waited = settings.drain();
        tracing::warn!("calls are still open after {waited:?}, ending them");
        ends.all.cancel();
        // Connections that are left after that are cut.
        let _ = tokio::time::timeout(FAREWELL, connections.ended()).await;
    }
    Ok(())
}

/// Follows the files of a value until what is returned is dropped.
fn follow<T: Send + Sync + 'static>(value: Option<Arc<Reloaded<T>>>) -> JoinSet<()> {
    let mut task = JoinSet::new();
    if let Some(value) = value {
        task.spawn(async move { value.follow().await });
    }
    task
}

/// Accepts connections of callers and of health checks for as long as it is polled.
async fn accept<A: App>(
    transport: &mut Transport<A>,
    probes: Option<&mut Transport<A>>,
) -> Infallible {
    match probes {
        Some(probes) => tokio::select! {
            never = transport.accept() => never,
            never = probes.accept() => never,
        },
        None => transport.accept().await,
    }
}

async fn until(
    accepting: Pin<&mut impl Future<Output = Infallible>>,
    end: impl Future<Output = ()>,
) {
    tokio::select! {
        never = accepting => match never {},
        () = end => {}
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
