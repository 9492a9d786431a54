//! The generator service from start to end.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deepface_client::{ClassifierClient, ClientError};
use deepface_proto::v1::generator_service_server::SERVICE_NAME;
use deepface_serve::{Health, ServeError};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::api::{Generator, Limits};
use crate::gaussian::StoreError;
use crate::metrics;
use crate::readiness;
pub use crate::readiness::CAN_GENERATE;
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
/// and `Invert` answer UNAVAILABLE, and health reports NOT_SERVING for [`CAN_GENERATE`] alone.
///
/// # Errors
/// The statistics cannot be loaded, the classifier's URL is malformed, the threads cannot be started, or the server fails.
pub async fn serve(
    listener: TcpListener,
    statistics: StatisticsSource,
    settings: &Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServiceError> {
    let health = Health::with_parts(&[SERVICE_NAME], &[CAN_GENERATE]).await;
    let mut shutdown = pin!(shutdown);
    // A file can be a FIFO that nobody writes to.
    let loading = tokio::task::spawn_blocking(move || statistics.load());
    let statistics = tokio::select! {
        loaded = loading => loaded??,
        () = &mut shutdown => return Ok(()),
    };
    let patience = Duration::from_secs(settings.classifier_patience_seconds.into());
    let urls = settings.classifier.join(",");
    let classifier = ClassifierClient::connect_lazy_with(&urls, &settings.access.credentials())
        .map_err(ServiceError::Classifier)?
        .with_patience(patience);
    let digest = &statistics.digest;
    tracing::info!(
        digest,
        classifier = classifier.url(),
        "the statistics are ready"
    );
    metrics::ready(digest, &statistics.classifier_digest);
    let (looked_at, network) = (classifier.clone(), statistics.classifier_digest.clone());
    let limits = Limits {
        sessions: settings.max_sessions.into(),
        waiting: settings.max_waiting.into(),
        wait: Duration::from_secs(settings.max_wait_seconds.into()),
        call: settings.serve.max_call(),
        ..Limits::default()
    };
    let workers = Workers::new(settings.threads())?;
    let generator = Generator::new(Arc::new(statistics), classifier, workers, limits);
    health.set(true).await;
    let routes = Routes::new(generator.into_server());
    let served = deepface_serve::serve(listener, routes, &health, &settings.serve, shutdown);
    tokio::select! {
        served = served => Ok(served?),
        () = readiness::follow(&health, looked_at, &network) => Ok(()),
    }
}
