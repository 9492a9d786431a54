//! Many generations at once.

use std::path::Path;
use std::time::{Duration, Instant};

use deepface_client::v1::{GenerateRequest, StreamSettings};
use deepface_client::{Event, GeneratorClient};
use serde_json::json;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::figures::keep;
use crate::process::Process;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Numbers of clients, measured one after the other; each keeps one generation running.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    clients: Vec<usize>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// What one client got.
#[derive(Default)]
struct Got {
    faces: usize,
    steps: usize,
    errors: Vec<String>,
}

pub(crate) async fn run(bin: &Path, args: &Args) -> Outcome<()> {
    let classifier = Process::classifier(bin).await?;
    let generator = Process::generator(bin, &classifier.url()).await?;
    let mut alone = None;
    let mut figures = Vec::new();
    for &clients in &args.clients {
        let began = Instant::now();
        let before = classifier.cpu_seconds()? + generator.cpu_seconds()?;
        let all = measure(&generator, clients, args.seconds).await?;
        let used = classifier.cpu_seconds()? + generator.cpu_seconds()? - before;
        let steps: usize = all.iter().map(|got| got.steps).sum();
        let rate = steps as f64 / began.elapsed().as_secs_f64();
        let ratio = rate / *alone.get_or_insert(rate);
        let faces = || all.iter().map(|got| got.faces);
        let errors: Vec<_> = all.iter().flat_map(|got| &got.errors).collect();
        println!(
            "{clients} clients: {rate:.1} steps/s ({ratio:.2} of the first), {:.0} steps per CPU second, faces per client {} to {}, \
             {} lost, memory {:.0} and {:.0} MB",
            steps as f64 / used,
            faces().min().unwrap_or(0),
            faces().max().unwrap_or(0),
            errors.len(),
            classifier.resident_megabytes()?,
            generator.resident_megabytes()?
        );
        figures
            .push(json!({"name": clients.to_string(), "steps_per_second": rate, "ratio": ratio}));
        for error in errors.iter().take(3) {
            println!("  {error}");
        }
    }
    keep(&json!({"clients": figures}))
}

async fn measure(generator: &Process, clients: usize, seconds: u64) -> Outcome<Vec<Got>> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut running = JoinSet::new();
    for client in 0..clients {
        let generator = GeneratorClient::connect_lazy(&generator.url())?;
        running.spawn(async move {
            let mut got = Got::default();
            while Instant::now() < end {
                if let Err(error) = face(&generator, client as u64, &mut got).await {
                    got.errors.push(error.to_string());
                }
            }
            got
        });
    }
    Ok(running.join_all().await)
}

async fn face(generator: &GeneratorClient, seed: u64, got: &mut Got) -> Outcome<()> {
    let request = GenerateRequest {
        stream: Some(StreamSettings {
            losses_only: true,
            ..Default::default()
        }),
        ..GenerateRequest::of(["Male", "Smiling"]).with_seed(seed)
    };
    let mut events = generator.generate(request).await?;
    let mut last = 0;
    while let Some(event) = events.next().await? {
        match event {
            Event::Iterate(iterate) => {
                let step = usize::try_from(iterate.step)?;
                got.steps += step - last;
                last = step;
            }
            Event::Result(_) => got.faces += 1,
            Event::Started(_) => {}
        }
    }
    Ok(())
}
