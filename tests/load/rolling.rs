//! A rolling restart: two classifiers and two generators behind Envoy, each restarted in turn while calls go on.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deepface_client::v1::{
    self, GenerateRequest, InversionSettings, StreamSettings, image::Content,
};
use deepface_client::{Event, GeneratorClient};
use deepface_tests::face_image;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use v1::classifier_service_client::ClassifierServiceClient;

use crate::Outcome;
use crate::envoy::Envoy;
use crate::figures::Times;
use crate::process::{Process, free_address};
use crate::scrape::Scrape;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The program Envoy.
    #[arg(long, value_name = "PATH", default_value = "envoy")]
    envoy: PathBuf,
    /// Callers of Classify, which do not retry.
    #[arg(long, default_value_t = 4)]
    callers: usize,
    /// Clients that make one face after the other.
    #[arg(long, default_value_t = 4)]
    faces: usize,
    /// Steps of the faces of the first client, which take longer than a service waits for open calls.
    #[arg(long, default_value_t = 1500)]
    long_steps: i32,
    /// Seconds between two restarts.
    #[arg(long, default_value_t = 8)]
    pause: u64,
}

/// Steps of the other clients' faces.
const STEPS: i32 = 100;
/// Between two calls of one caller of Classify.
const REST: Duration = Duration::from_millis(10);
/// No call should take longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much more or less than the mean a replica may have worked.
const UNEVEN: f64 = 0.2;

/// What the clients got.
#[derive(Default)]
struct Got {
    classified: Times,
    faces: usize,
    failed: Vec<String>,
    lost: Vec<String>,
}

pub(crate) async fn run(bin: &Path, args: &Args) -> Outcome<()> {
    let at_envoy = free_address()?;
    let url = format!("http://{at_envoy}");
    let mut replicas = Vec::new();
    for _ in 0..2 {
        replicas.push(Replica::classifier(bin).await?);
    }
    for _ in 0..2 {
        replicas.push(Replica::generator(bin, &url).await?);
    }
    let address = |i: usize| replicas[i].process.address;
    let (classifiers, generators) = ([address(0), address(1)], [address(2), address(3)]);
    let _envoy = Envoy::start(&args.envoy, at_envoy, classifiers, generators)?;
    first_face(&url).await?;
    let undisturbed = GeneratorClient::connect_lazy(&url)?;
    let [long, short] = [args.long_steps, STEPS];
    let expected = [
        face(&undisturbed, long).await?,
        face(&undisturbed, short).await?,
    ];

    let stop = CancellationToken::new();
    let mut clients = JoinSet::new();
    for caller in 0..args.callers {
        clients.spawn(classify(url.clone(), caller as u64, stop.clone()));
    }
    for client in 0..args.faces {
        let kind = usize::from(client > 0);
        let (steps, expected) = ([long, short][kind], expected[kind].clone());
        clients.spawn(faces(url.clone(), steps, expected, stop.clone()));
    }
    for replica in &mut replicas {
        sleep(Duration::from_secs(args.pause)).await;
        let took = replica.restart().await?;
        println!("{} restarted in {:.1} s", replica.name, took.as_secs_f64());
    }
    sleep(Duration::from_secs(args.pause)).await;
    stop.cancel();
    let mut all = Got::default();
    while let Some(got) = clients.join_next().await {
        all.add(got??);
    }
    report(&all, &mut replicas).await
}

/// A service, and the work that it did before it was restarted.
struct Replica {
    name: &'static str,
    process: Process,
    metrics: SocketAddr,
    /// The metric that counts its work.
    counter: &'static str,
    before: f64,
}

impl Replica {
    async fn classifier(bin: &Path) -> Outcome<Self> {
        let metrics = free_address()?;
        let more = ["--metrics", &metrics.to_string()];
        let process = Process::classifier_with(bin, &more).await?;
        let counter = "deepface_batch_size_sum";
        Ok(Self::new("classifier", process, metrics, counter))
    }

    async fn generator(bin: &Path, classifier: &str) -> Outcome<Self> {
        let metrics = free_address()?;
        let more = ["--metrics", &metrics.to_string()];
        let process = Process::generator_with(bin, classifier, &more).await?;
        let counter = "deepface_steps_total";
        Ok(Self::new("generator", process, metrics, counter))
    }

    fn new(
        name: &'static str,
        process: Process,
        metrics: SocketAddr,
        counter: &'static str,
    ) -> Self {
        let before = 0.0;
        Self {
            name,
            process,
            metrics,
            counter,
            before,
        }
    }

    /// Asks the service to end, and starts it again when it has.
    async fn restart(&mut self) -> Outcome<Duration> {
        let began = Instant::now();
        self.process.signal("TERM")?;
        let mut last = 0.0;
        while self.process.runs()? {
            if let Ok(scrape) = Scrape::of(self.metrics).await {
                last = scrape.sum(self.counter);
            }
            sleep(Duration::from_millis(100)).await;
        }
        self.before += last;
        self.process.restart_when_it_ends().await?;
        Ok(began.elapsed())
    }

    /// The work of the service, with that before its restarts.
    async fn work(&self) -> Outcome<f64> {
        let now = Scrape::of(self.metrics).await?.sum(self.counter);
        Ok(self.before + now)
    }
}

impl Got {
    fn add(&mut self, other: Self) {
        self.classified.extend(other.classified);
        self.faces += other.faces;
        self.failed.extend(other.failed);
        self.lost.extend(other.lost);
    }
}

/// Waits until the services answer through Envoy.
async fn first_face(url: &str) -> Outcome<()> {
    let client = GeneratorClient::connect_lazy(url)?;
    let began = Instant::now();
    loop {
        match face(&client, 1).await {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > PATIENCE => return Err(error),
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}

/// Classifies one image after the other, and never twice.
async fn classify(url: String, seed: u64, stop: CancellationToken) -> Outcome<Got> {
    let mut client = ClassifierServiceClient::connect(url).await?;
    let mut got = Got::default();
    while !stop.is_cancelled() {
        let mut request = Request::new(v1::ClassifyRequest {
            images: vec![face_image(64, seed)],
            ..Default::default()
        });
        request.set_timeout(PATIENCE);
        let sent = Instant::now();
        match client.classify(request).await {
            Ok(_) => got.classified.add(sent.elapsed()),
            Err(status) => got.failed.push(status.to_string()),
        }
        sleep(REST).await;
    }
    Ok(got)
}

/// Makes one face after the other. Each must be the expected one.
async fn faces(
    url: String,
    steps: i32,
    expected: Vec<u8>,
    stop: CancellationToken,
) -> Outcome<Got> {
    let client = GeneratorClient::connect_lazy(&url)?;
    let mut got = Got::default();
    while !stop.is_cancelled() {
        let made = tokio::select! {
            made = face(&client, steps) => made,
            // A long one is not waited for at the end.
            () = stop.cancelled(), if steps > STEPS => return Ok(got),
        };
        match made {
            Ok(face) if face == expected => got.faces += 1,
            Ok(_) => got.lost.push("another face".into()),
            Err(error) => got.lost.push(error.to_string()),
        }
    }
    Ok(got)
}

/// The file of a face.
async fn face(client: &GeneratorClient, steps: i32) -> Outcome<Vec<u8>> {
    let request = GenerateRequest {
        stream: Some(StreamSettings {
            losses_only: true,
            ..Default::default()
        }),
        ..GenerateRequest::of(["Male", "Smiling"]).with_inversion(InversionSettings {
            steps: Some(steps),
            ..Default::default()
        })
    };
    let mut events = client.generate(request).await?;
    while let Some(event) = events.next().await? {
        if let Event::Result(result) = event
            && let Some(Content::Encoded(file)) = result.image.and_then(|image| image.content)
        {
            return Ok(file);
        }
    }
    Err("the stream ended without a face".into())
}

async fn report(got: &Got, replicas: &mut [Replica]) -> Outcome<()> {
    println!(
        "{} Classify answered (p50 {:.1} ms, p99 {:.1} ms), {} failed; {} faces, {} lost",
        got.classified.count(),
        got.classified.quantile(0.5),
        got.classified.quantile(0.99),
        got.failed.len(),
        got.faces,
        got.lost.len()
    );
    for error in got.failed.iter().chain(&got.lost).take(10) {
        println!("  {error}");
    }
    let mut uneven = false;
    for pair in replicas.chunks(2) {
        let (first, second) = (pair[0].work().await?, pair[1].work().await?);
        let off = (first - second).abs() / (first + second);
        let (name, counter) = (pair[0].name, pair[0].counter);
        println!(
            "{name}s: {counter} {first} and {second}, {:.0} % from even",
            1e2 * off
        );
        uneven |= off.is_nan() || off > UNEVEN;
    }
    if uneven || !got.failed.is_empty() || !got.lost.is_empty() {
        return Err("calls failed, faces were lost, or one replica did the work of two".into());
    }
    Ok(())
}
