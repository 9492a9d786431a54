//! The generator service from start to end.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use deepface_client::{ClassifierClient, ClientError};
use deepface_proto::v1::generator_service_server::SERVICE_NAME;
use deepface_serve::{Health, ServeError};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::api::{Generator, Limits};
use crate::gaussian::StoreError;
use crate::settings::Settings;
pub use crate::source::StatisticsSource;
use crate::workers::Workers;

/// The default port.
pub const PORT: u16 = 50052;

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The statistics cannot be loaded.
    #[error(transparent)]
    Statistics(#[from] StoreError),
    /// The statistics could not be read to their end.
    #[error("loading the statistics failed")]
    Loading(#[from] tokio::task::JoinError),
    /// The address of the classifier is not a URL.
    #[error("--classifier")]
    Classifier(#[source] ClientError),
    /// The system cannot start the threads.
    #[error("--threads: cannot start the threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Serves the generator on a listener until `shutdown` completes, then lets open calls finish (see
/// [`deepface_serve::serve`]).
///
/// Health is SERVING once the statistics are loaded. The classifier may come and go: while it is away, `Generate`
/// and `Invert` answer UNAVAILABLE.
///
/// # Errors
/// The statistics cannot be loaded, the classifier's URL is malformed, the threads cannot be started, or the server fails.
pub async fn serve(
    listener: TcpListener,
    statistics: StatisticsSource,
    settings: &Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServiceError> {
    let health = Health::new(&[SERVICE_NAME]).await;
    let mut shutdown = pin!(shutdown);
    // A file can be a FIFO that nobody writes to.
    let loading = tokio::task::spawn_blocking(move || statistics.load());
    let statistics = tokio::select! {
        loaded = loading => loaded??,
        () = &mut shutdown => return Ok(()),
    };
    let classifier =
        ClassifierClient::connect_lazy(&settings.classifier).map_err(ServiceError::Classifier)?;
    let digest = &statistics.digest;
    tracing::info!(
        digest,
        classifier = settings.classifier,
        "the statistics are ready"
    );
    let limits = Limits {
        sessions: settings.max_sessions.into(),
        call: settings.serve.max_call(),
        ..Limits::default()
    };
    let workers = Workers::new(settings.threads())?;
    let generator = Generator::new(Arc::new(statistics), classifier, workers, limits);
    health.set(true).await;
    let routes = Routes::new(generator.into_server());
    Ok(deepface_serve::serve(listener, routes, &health, &settings.serve, shutdown).await?)
}
