//! Users who ask real services for one face after the other.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deepface_client::v1::{GenerateRequest, StreamSettings};
use deepface_client::{Event, GeneratorClient};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::machine::Busy;
use crate::Outcome;
use crate::figures::Times;
use crate::process::{Process, free_address};
use crate::scrape::Scrape;

/// Until every user has a face under way and the classifiers have learned how fast they are.
const WARM_UP: Duration = Duration::from_secs(3);

/// What runs, and how many ask it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster {
    pub(super) classifiers: usize,
    pub(super) generators: usize,
    pub(super) threads: usize,
    pub(super) users: usize,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) steps_per_second: f64,
    /// Images in one call of the network, steps and classified faces alike.
    pub(super) images: f64,
    /// Cores that other processes left.
    pub(super) cores: f64,
    /// Core-seconds of a step in all classifiers, and in all generators.
    pub(super) per_step: [f64; 2],
    /// Megabytes of one classifier, and of one generator.
    pub(super) memory: [f64; 2],
    /// The faces that were finished, from the request on.
    pub(super) faces: Times,
    pub(super) lost: Vec<String>,
}

/// Faces, and errors.
#[derive(Debug, Default)]
struct Got {
    faces: Times,
    lost: Vec<String>,
}

/// A service and its metrics.
struct Replica {
    process: Process,
    metrics: std::net::SocketAddr,
}

pub(super) async fn measure(bin: &Path, cluster: Cluster, seconds: u64) -> Outcome<Measured> {
    let mut classifiers = Vec::new();
    for _ in 0..cluster.classifiers {
        let metrics = free_address()?;
        let flags = [
            "--threads",
            &cluster.threads.to_string(),
            "--metrics",
            &metrics.to_string(),
        ];
        let process = Process::classifier_with(bin, &flags).await?;
        classifiers.push(Replica { process, metrics });
    }
    let mut generators = Vec::new();
    for _ in 0..cluster.generators {
        let metrics = free_address()?;
        let flags = ["--metrics", &metrics.to_string()];
        let process = Process::generator_with(bin, &urls(&classifiers), &flags).await?;
        generators.push(Replica { process, metrics });
    }

    let client = GeneratorClient::connect_lazy(&urls(&generators))?;
    let got = Arc::<Mutex<Got>>::default();
    let mut users = JoinSet::new();
    for user in 0..cluster.users {
        users.spawn(ask(client.clone(), user as u64, got.clone()));
    }
    sleep(WARM_UP).await;
    take(&got);
    let kinds = [&classifiers, &generators];
    let (start, busy) = (Instant::now(), Busy::now()?);
    let (work, cpu) = (Work::of(kinds).await?, cpu(kinds)?);
    sleep(Duration::from_secs(seconds)).await;
    let passed = start.elapsed().as_secs_f64();
    let (work, cpu) = (
        Work::of(kinds).await?.since(&work),
        since(self::cpu(kinds)?, cpu),
    );
    let cores = busy.left_to(cpu.iter().sum())?;
    let Got { faces, lost } = take(&got);
    users.shutdown().await;
    Ok(Measured {
        steps_per_second: work.steps / passed,
        images: work.images / work.calls.max(1.0),
        cores,
        per_step: cpu.map(|seconds| seconds / work.steps.max(1.0)),
        memory: memory(kinds)?,
        faces,
        lost,
    })
}

impl Measured {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "steps_per_second": self.steps_per_second,
            "faces": self.faces.count(),
            "mean_seconds": self.faces.mean() / 1e3,
            "images": self.images,
        })
    }
}

/// The work that services report of themselves, since their start or between two moments.
struct Work {
    steps: f64,
    calls: f64,
    images: f64,
}

impl Work {
    async fn of([classifiers, generators]: [&Vec<Replica>; 2]) -> Outcome<Self> {
        let mut work = Self {
            steps: 0.0,
            calls: 0.0,
            images: 0.0,
        };
        for classifier in classifiers {
            let now = Scrape::of(classifier.metrics).await?;
            work.calls += now.sum("deepface_batch_size_count");
            work.images += now.sum("deepface_batch_size_sum");
        }
        for generator in generators {
            let now = Scrape::of(generator.metrics).await?;
            work.steps += now.sum("deepface_steps_total");
        }
        Ok(work)
    }

    fn since(self, before: &Self) -> Self {
        Self {
            steps: self.steps - before.steps,
            calls: self.calls - before.calls,
            images: self.images - before.images,
        }
    }
}

fn since([a, b]: [f64; 2], before: [f64; 2]) -> [f64; 2] {
    [a - before[0], b - before[1]]
}

/// Core-seconds of each kind of service.
fn cpu(kinds: [&Vec<Replica>; 2]) -> Outcome<[f64; 2]> {
    let of = |replicas: &Vec<Replica>| -> Outcome<f64> {
        replicas.iter().map(|r| r.process.cpu_seconds()).sum()
    };
    Ok([of(kinds[0])?, of(kinds[1])?])
}

/// Megabytes of the largest replica of each kind.
fn memory(kinds: [&Vec<Replica>; 2]) -> Outcome<[f64; 2]> {
    let of = |replicas: &Vec<Replica>| -> Outcome<f64> {
        replicas.iter().try_fold(0.0_f64, |most, replica| {
            Ok(most.max(replica.process.resident_megabytes()?))
        })
    };
    Ok([of(kinds[0])?, of(kinds[1])?])
}

fn urls(replicas: &[Replica]) -> String {
    let urls: Vec<_> = replicas.iter().map(|r| r.process.url()).collect();
    urls.join(",")
}

fn take(got: &Mutex<Got>) -> Got {
    // Nothing panics while it holds the lock.
    std::mem::take(&mut got.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Asks for one face after the other.
async fn ask(client: GeneratorClient, user: u64, got: Arc<Mutex<Got>>) {
    for seed in (user << 32).. {
        let asked = Instant::now();
        let made = face(&client, seed).await;
        let mut got = got.lock().unwrap_or_else(PoisonError::into_inner);
        match made {
            Ok(()) => got.faces.add(asked.elapsed()),
            Err(error) => got.lost.push(error.to_string()),
        }
    }
}

async fn face(client: &GeneratorClient, seed: u64) -> Outcome<()> {
    let request = GenerateRequest {
        stream: Some(StreamSettings {
            losses_only: true,
            ..Default::default()
        }),
        ..GenerateRequest::of(["Male", "Smiling"]).with_seed(seed)
    };
    let mut events = client.generate(request).await?;
    while let Some(event) = events.next().await? {
        if let Event::Result(_) = event {
            return Ok(());
        }
    }
    Err("the stream ended without a face".into())
}
