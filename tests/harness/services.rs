//! Both services in this process, started, stopped and restarted.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use classifier_svc::service::ModelSource;
use deepface_client::v1::{classifier_service_server, generator_service_server};
use deepface_client::{ClassifierClient, GeneratorClient};
use deepface_serve::{ServeSettings, wait_until_serving};
use generator_svc::service::StatisticsSource;
use generator_svc::settings::Settings as GeneratorSettings;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Channel, Endpoint};

/// Timeout for starting and stopping; a test machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running service. Dropping it stops it.
#[derive(Debug)]
pub struct Service {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl Service {
    /// Starts a classifier with the embedded model and waits until it serves.
    pub async fn classifier() -> Self {
        Self::classifier_at(any_port()).await
    }

    /// Starts a classifier at this address, such as one that was stopped, and waits until it serves.
    pub async fn classifier_at(address: SocketAddr) -> Self {
        let service = Self::classifier_starting_at(address).await;
        service.ready(classifier_service_server::SERVICE_NAME).await
    }

    /// Starts a classifier with this model and waits until it serves.
    pub async fn classifier_of(model: ModelSource) -> Self {
        let service = Self::classifier_starting(any_port(), model).await;
        service.ready(classifier_service_server::SERVICE_NAME).await
    }

    /// Starts a classifier at this address without waiting.
    pub async fn classifier_starting_at(address: SocketAddr) -> Self {
        Self::classifier_starting(address, ModelSource::Embedded).await
    }

    async fn classifier_starting(address: SocketAddr, model: ModelSource) -> Self {
        Self::classifier_serving(address, model, serve_settings()).await
    }

    /// Starts a classifier that is served in this way, without waiting.
    pub async fn classifier_served(settings: ServeSettings) -> Self {
        let settings = ServeSettings {
            drain_seconds: 0,
            lame_duck_seconds: 0,
            ..settings
        };
        Self::classifier_serving(any_port(), ModelSource::Embedded, settings).await
    }

    async fn classifier_serving(
        address: SocketAddr,
        model: ModelSource,
        serve: ServeSettings,
    ) -> Self {
        let listener = bind(address).await;
        Self::spawn(listener, |listener, stop| async move {
            let settings = classifier_svc::settings::Settings {
                serve,
                ..Default::default()
            };
            let served =
                classifier_svc::service::serve(listener, model, &settings, stop.cancelled_owned())
                    .await;
            served.expect("the classifier serves");
        })
    }

    /// Starts a generator with the embedded statistics and waits until it serves.
    pub async fn generator(classifier_url: &str) -> Self {
        Self::generator_of(StatisticsSource::Embedded, classifier_url).await
    }

    /// Starts a generator with these statistics and waits until it serves.
    pub async fn generator_of(statistics: StatisticsSource, classifier_url: &str) -> Self {
        let settings = GeneratorSettings {
            classifier: vec![classifier_url.to_owned()],
            ..generator_settings()
        };
        Self::generator_at(any_port(), statistics, settings).await
    }

    /// Starts a generator at this address, such as one that was stopped, and waits until it serves.
    pub async fn generator_again(address: SocketAddr, classifier_url: &str) -> Self {
        let settings = GeneratorSettings {
            classifier: vec![classifier_url.to_owned()],
            ..generator_settings()
        };
        Self::generator_at(address, StatisticsSource::Embedded, settings).await
    }

    /// Starts a generator with the embedded statistics and changed settings, and waits until it serves.
    pub async fn generator_with(change: impl FnOnce(&mut GeneratorSettings)) -> Self {
        let mut settings = generator_settings();
        change(&mut settings);
        Self::generator_at(any_port(), StatisticsSource::Embedded, settings).await
    }

    /// Starts a generator at this address and waits until it serves.
    pub async fn generator_at(
        address: SocketAddr,
        statistics: StatisticsSource,
        settings: GeneratorSettings,
    ) -> Self {
        let service = Self::spawn(bind(address).await, |listener, stop| async move {
            let stop = stop.cancelled_owned();
            let served = generator_svc::service::serve(listener, statistics, &settings, stop).await;
            served.expect("the generator serves");
        });
        service.ready(generator_service_server::SERVICE_NAME).await
    }

    /// The URL of the service.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A connection to the service, for clients of other contracts.
    pub fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url())
            .expect("the URL is good")
            .connect_lazy()
    }

    /// Stops the service and waits until it has.
    pub async fn stop(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended
            .expect("a service stops in time")
            .expect("a service does not panic");
    }

    async fn ready(mut self, name: &str) -> Self {
        tokio::select! {
            ready = wait_until_serving(self.address, name, PATIENCE) => ready.expect("it starts in time"),
            // A service that cannot start ends the wait.
            ended = &mut self.task => panic!("{name} ended while it started: {ended:?}"),
        }
        self
    }

    fn spawn<F>(
        listener: TcpListener,
        serve: impl FnOnce(TcpListener, CancellationToken) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let stop = CancellationToken::new();
        Self {
            address,
            task: tokio::spawn(serve(listener, stop.clone())),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        }
    }
}

/// A classifier, and a generator that uses it.
#[derive(Debug)]
pub struct Pair {
    /// The classifier.
    pub classifier: Service,
    /// The generator.
    pub generator: Service,
}

impl Pair {
    /// Starts both and waits until they serve.
    pub async fn start() -> Self {
        let classifier = Service::classifier().await;
        let generator = Service::generator(&classifier.url()).await;
        Self {
            classifier,
            generator,
        }
    }

    /// A client of the classifier, with a connection of its own.
    pub fn classifier(&self) -> ClassifierClient {
        ClassifierClient::connect_lazy(&self.classifier.url()).expect("the URL is good")
    }

    /// A client of the generator, with a connection of its own.
    pub fn generator(&self) -> GeneratorClient {
        GeneratorClient::connect_lazy(&self.generator.url()).expect("the URL is good")
    }
}

/// The pair of all tests that stop nothing. It starts once, on a runtime that outlives those of the tests.
pub fn shared() -> &'static Pair {
    static SHARED: OnceLock<(Runtime, Pair)> = OnceLock::new();
    let start = || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let pair = runtime.block_on(Pair::start());
        (runtime, pair)
    };
    // On a thread of its own, because a runtime cannot block on another.
    let started =
        || std::thread::scope(|scope| scope.spawn(start).join().expect("the pair starts"));
    &SHARED.get_or_init(started).1
}

fn generator_settings() -> GeneratorSettings {
    GeneratorSettings {
        serve: serve_settings(),
        ..GeneratorSettings::default()
    }
}

fn serve_settings() -> ServeSettings {
    ServeSettings {
        drain_seconds: 0,
        lame_duck_seconds: 0,
        ..ServeSettings::default()
    }
}

/// Binds. An address that was just in use may need a moment.
async fn bind(address: SocketAddr) -> TcpListener {
    let bound = async {
        loop {
            match TcpListener::bind(address).await {
                Ok(listener) => return listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, bound)
        .await
        .expect("the address becomes free")
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}
