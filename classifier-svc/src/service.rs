//! The classifier service from start to end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use deepface_proto::inference::grpc_inference_service_server::SERVICE_NAME as OPEN_INFERENCE;
use deepface_proto::v1::classifier_service_server::SERVICE_NAME;
use deepface_serve::{Health, ServeError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::service::Routes;

use crate::api::{Classifier, OpenInference};
use crate::batch::{Engine, State};
use crate::metrics;
use crate::settings::Settings;
pub use crate::source::ModelSource;

/// The port where none is given.
pub const PORT: u16 = 50051;

/// How long clients may take to read their errors after the model has failed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The settings contradict each other.
    #[error("{0}")]
    Settings(String),
    /// The model thread cannot be started.
    #[error("cannot start the model thread")]
    Thread(#[source] std::io::Error),
    /// The model could not be loaded, or failed at work.
    #[error("the model failed: {0}")]
    Model(Arc<str>),
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Serves the classifier on a listener until `shutdown` completes, then lets open calls finish (see
/// [`deepface_serve::serve`]).
///
/// Health is NOT_SERVING until the model is loaded and has run once; calls before that get UNAVAILABLE.
///
/// # Errors
/// The model cannot be loaded or fails at work, or the server fails. The process should then end.
pub async fn serve(
    listener: TcpListener,
    model: ModelSource,
    settings: &Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServiceError> {
    let health = Health::new(&[SERVICE_NAME, OPEN_INFERENCE]).await;
    let device = settings.device().map_err(ServiceError::Settings)?;
    let threads = settings.threads();
    let engine = Engine::start(move || model.load(device, threads), settings.batch());
    let engine = engine.map_err(ServiceError::Thread)?;
    let state = engine.state();
    let classifier = Classifier::new(engine, settings.limits());
    let routes = Routes::new(classifier.clone().into_server())
        .add_service(OpenInference::new(classifier).into_server());
    let server = deepface_serve::serve(listener, routes, &health, &settings.serve, shutdown);
    tokio::select! {
        served = server => Ok(served?),
        reason = follow(state, &health) => Err(ServiceError::Model(reason)),
    }
}

/// Makes health follow the model thread. Ends, with the reason, when that has failed.
async fn follow(mut state: watch::Receiver<State>, health: &Health) -> Arc<str> {
    loop {
        let now = state.borrow_and_update().clone();
        match now {
            State::Ready(info) => {
                let (name, device) = (&info.name, &info.device);
                tracing::info!(name, device, digest = &info.digest, "the model is ready");
                metrics::model(&info);
                health.set(true).await;
            }
            State::Failed(reason) => {
                health.close().await;
                tokio::time::sleep(FAREWELL).await;
                return reason;
            }
            State::Loading | State::Stopped => health.set(false).await,
        }
        if state.changed().await.is_err() {
            // The thread has ended because the server is shutting down.
            std::future::pending::<()>().await;
        }
    }
}
