//! The services of a command: those at the given URLs, and embedded ones in this process, on loopback ports, over real
//! gRPC, for the others.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, anyhow};
use deepface_client::v1::{classifier_service_server, generator_service_server};
use deepface_client::{ClassifierClient, Credentials, GeneratorClient};
use deepface_serve::{ServeSettings, wait_until_serving};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::args::{ServeArgs, ServiceArgs};

/// Loading and warming up an embedded model takes a second or two; a busy machine gets more.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long services of this process may take to stop after the work is done.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// How long open calls may take to finish when `serve` stops, in seconds.
const DRAIN_SECONDS: u64 = 5;

/// The services of one command. Dropping it ends those that run in this process.
pub(crate) struct Pair {
    classifier: Option<String>,
    generator: Option<String>,
    credentials: Credentials,
    /// Each with its name.
    running: JoinSet<(&'static str, anyhow::Result<()>)>,
    /// Those that may not serve yet, and where they will.
    starting: Vec<(&'static str, SocketAddr)>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl Pair {
    /// The services of a command that only analyses images.
    pub(crate) async fn with_classifier(services: &ServiceArgs) -> anyhow::Result<Self> {
        let mut pair = Self::remote(services);
        if pair.classifier.is_none() {
            pair.start_classifier(listen(any_port())).await?;
        }
        pair.ready().await
    }

    /// The services of a command that makes images. A remote generator has its own classifier.
    pub(crate) async fn with_generator(services: &ServiceArgs) -> anyhow::Result<Self> {
        let mut pair = Self::remote(services);
        if pair.generator.is_none() {
            if pair.classifier.is_none() {
                pair.start_classifier(listen(any_port())).await?;
            }
            pair.start_generator(listen(any_port())).await?;
        }
        pair.ready().await
    }

    /// The services of a command that makes images and analyses them.
    pub(crate) async fn with_both(services: &ServiceArgs) -> anyhow::Result<Self> {
        let mut pair = Self::remote(services);
        if pair.classifier.is_none() {
            pair.start_classifier(listen(any_port())).await?;
        }
        if pair.generator.is_none() {
            pair.start_generator(listen(any_port())).await?;
        }
        pair.ready().await
    }

    /// Both services at given addresses. Returns the actual addresses, the classifier's first.
    pub(crate) async fn listening_on(args: &ServeArgs) -> anyhow::Result<(Self, [SocketAddr; 2])> {
        let mut pair = Self::remote(&ServiceArgs::default());
        let listen = |address| ServeSettings {
            insecure: args.insecure,
            drain_seconds: DRAIN_SECONDS,
            ..listen(address)
        };
        let classifier = pair
            .start_classifier(listen(args.classifier_listen))
            .await?;
        let generator = pair.start_generator(listen(args.generator_listen)).await?;
        Ok((pair.ready().await?, [classifier, generator]))
    }

    /// A client of the classifier.
    pub(crate) fn classifier(&self) -> anyhow::Result<ClassifierClient> {
        let url = self
            .classifier
            .as_deref()
            .context("no classifier was started")?;
        Ok(ClassifierClient::connect_lazy_with(url, &self.credentials)?)
    }

    /// A client of the generator.
    pub(crate) fn generator(&self) -> anyhow::Result<GeneratorClient> {
        let url = self
            .generator
            .as_deref()
            .context("no generator was started")?;
        Ok(GeneratorClient::connect_lazy_with(url, &self.credentials)?)
    }

    /// Stops what runs in this process.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        let all = async { while self.running.join_next().await.is_some() {} };
        // Services that do not stop in time end with the process.
        let _ = tokio::time::timeout(STOP_TIMEOUT, all).await;
    }

    /// Serves until asked to stop, or until a service fails.
    pub(crate) async fn serve_until(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let ended = tokio::select! {
            () = shutdown.cancelled() => None,
            ended = self.running.join_next() => ended,
        };
        self.stop.cancel();
        if let Some(ended) = ended {
            ended?.1?;
        }
        while let Some(ended) = self.running.join_next().await {
            ended?.1?;
        }
        Ok(())
    }

    fn remote(services: &ServiceArgs) -> Self {
        let stop = CancellationToken::new();
        Self {
            classifier: services.classifier.clone(),
            generator: services.generator.clone(),
            credentials: services.credentials(),
            running: JoinSet::new(),
            starting: Vec::new(),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        }
    }

    async fn start_classifier(&mut self, settings: ServeSettings) -> anyhow::Result<SocketAddr> {
        let (listener, address) = bind(&settings).await?;
        let stop = self.stop.clone().cancelled_owned();
        let settings = classifier_svc::settings::Settings {
            serve: settings,
            ..Default::default()
        };
        let service = async move {
            let model = settings.model_source();
            Ok(classifier_svc::service::serve(listener, model, &settings, stop).await?)
        };
        self.start(classifier_service_server::SERVICE_NAME, address, service);
        self.classifier = Some(format!("http://{address}"));
        Ok(address)
    }

    async fn start_generator(&mut self, settings: ServeSettings) -> anyhow::Result<SocketAddr> {
        let (listener, address) = bind(&settings).await?;
        let stop = self.stop.clone().cancelled_owned();
        let mut settings = generator_svc::settings::Settings {
            serve: settings,
            ..Default::default()
        };
        if let Some(classifier) = &self.classifier {
            settings.classifier = vec![classifier.clone()];
        }
        settings.access = self.credentials.clone().into();
        let service = async move {
            let statistics = settings.statistics_source();
            Ok(generator_svc::service::serve(listener, statistics, &settings, stop).await?)
        };
        self.start(generator_service_server::SERVICE_NAME, address, service);
        self.generator = Some(format!("http://{address}"));
        Ok(address)
    }

    /// Runs a service. They load together.
    fn start(
        &mut self,
        name: &'static str,
        address: SocketAddr,
        service: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.running.spawn(async move { (name, service.await) });
        self.starting.push((name, address));
    }

    /// Waits until all that was started reports itself healthy, or until one of it fails.
    async fn ready(mut self) -> anyhow::Result<Self> {
        let starting = std::mem::take(&mut self.starting);
        let all = async {
            for (name, address) in starting {
                wait_until_serving(address, name, START_TIMEOUT).await?;
            }
            Ok::<_, anyhow::Error>(())
        };
        tokio::select! {
            ready = all => ready?,
            Some(ended) = self.running.join_next() => {
                let (name, ended) = ended?;
                ended.with_context(|| format!("{name} cannot start"))?;
                return Err(anyhow!("{name} ended while it started"));
            }
        }
        Ok(self)
    }
}

/// Binds first, so that the port is known before the service runs.
async fn bind(settings: &ServeSettings) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let port = settings.listen.map_or(0, |address| address.port());
    let listener = settings.bind(port).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The settings of a service that ends with its command.
fn listen(address: SocketAddr) -> ServeSettings {
    ServeSettings {
        listen: Some(address),
        // No balancer looks at the services of a command.
        lame_duck_seconds: 0,
        drain_seconds: 0,
        ..ServeSettings::default()
    }
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}
