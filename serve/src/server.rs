//! A gRPC server on a listener that is already bound: limits, reflection, health, graceful shutdown.

use std::future::Future;
use std::pin::pin;
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

/// Serves routes, reflection and health on a listener until `shutdown` completes.
///
/// Then health turns NOT_SERVING, and after [`ServeSettings::lame_duck`] new connections are refused and open calls may
/// finish within [`ServeSettings::drain`]; the others end with UNAVAILABLE. Dropping the future ends all calls at once.
///
/// # Errors
/// Reflection cannot be built, the port of the metrics cannot be bound, or a certificate, key or list of tokens cannot be used.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    health: &Health,
    settings: &ServeSettings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let _metrics = crate::metrics::start(settings).await?;
    let ends = Ends::default();
    let _cut_if_dropped = ends.all.clone().drop_guard();
    let layer = LifetimeLayer::new(
        settings.max_call(),
        settings.patience(),
        settings.limits(),
        ends.clone(),
    );
    let routes = with_reflection(routes, health)?.add_service(HealthServer::new(health.service()));
    let (tls, tokens) = (
        settings.tls()?.map(Arc::new),
        settings.tokens()?.map(Arc::new),
    );
    let methods = Methods::of(health.services().chain(INFRASTRUCTURE), &DESCRIPTORS);
    let app = AccessLayer(tokens.clone()).layer(layer.layer(routes.prepare()));
    // Outermost, so that it sees refusals too.
    let app = ObserveLayer::new(methods).layer(app);
    let mut transport = Transport::new(listener, app, settings.connections(), tls.clone());
    let _following = [follow(tls), follow(tokens)];

    let mut shutdown = pin!(shutdown);
    accept_until(&mut transport, &mut shutdown).await;
    health.close().await;
    // Balancers look at health before they look away.
    accept_until(&mut transport, tokio::time::sleep(settings.lame_duck())).await;
    ends.watching.cancel();
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

async fn accept_until<A: App>(transport: &mut Transport<A>, end: impl Future<Output = ()>) {
    tokio::select! {
        never = transport.accept() => match never {},
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
