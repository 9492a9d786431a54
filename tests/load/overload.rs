//! Overload with deadlines: calls arrive at a fixed rate, whatever becomes of the ones before.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deepface_client::v1::classifier_service_client::ClassifierServiceClient;
use deepface_client::{ClassifierClient, v1};
use deepface_tests::face_pixels;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::Outcome;
use crate::figures::Times;
use crate::process::Process;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Times the capacity that is offered.
    #[arg(long, default_value_t = 6.0)]
    factor: f64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Images of one call.
    #[arg(long, default_value_t = 8)]
    batch: usize,
    /// Deadlines, in seconds.
    #[arg(long, value_delimiter = ',', default_values_t = [0.2, 0.3, 0.5, 5.0])]
    deadlines: Vec<f64>,
}

/// What became of the calls of one measurement.
#[derive(Default)]
struct Tally {
    answered: usize,
    expired: usize,
    refused: Times,
    other: usize,
}

pub(crate) async fn run(bin: &Path, args: &Args) -> Outcome<()> {
    let classifier = Process::classifier(bin).await?;
    let request = v1::ClassifyRequest {
        images: (0..args.batch).map(|i| bytes(i as u64)).collect(),
        ..Default::default()
    };
    let (calls, peak) = capacity(&classifier, &request, args).await?;
    println!("capacity: {calls:.1} calls/s, {peak:.0} images per CPU second");
    let rate = args.factor * calls;
    for &deadline in &args.deadlines {
        let deadline = Duration::from_secs_f64(deadline);
        let before = classifier.cpu_seconds()?;
        let tally = offered(&classifier, &request, rate, deadline, args.seconds).await?;
        let used = classifier.cpu_seconds()? - before;
        let goodput = (tally.answered * args.batch) as f64 / used;
        println!(
            "{rate:.0} calls/s, deadline {deadline:?}: {} answered, {goodput:.0} images per CPU second ({:.0} % of the peak), {} refused \
             (p50 {:.1} ms, p99 {:.1} ms), {} expired, {} other",
            tally.answered,
            100.0 * goodput / peak,
            tally.refused.count(),
            tally.refused.quantile(0.5),
            tally.refused.quantile(0.99),
            tally.expired,
            tally.other
        );
    }
    Ok(())
}

/// A face whose pixels are bytes: the smallest message, so that it is the images that are too many.
fn bytes(seed: u64) -> v1::Image {
    let pixels = face_pixels(64, seed).to_tensor(v1::DataType::U8);
    v1::Image {
        content: Some(v1::image::Content::Tensor(pixels)),
        framing: v1::Framing::Face.into(),
        face: None,
    }
}

/// Calls per second and images per CPU second of as many callers as the queue has room for.
async fn capacity(
    classifier: &Process,
    request: &v1::ClassifyRequest,
    args: &Args,
) -> Outcome<(f64, f64)> {
    let end = Instant::now() + Duration::from_secs(args.seconds.min(8));
    let before = (Instant::now(), classifier.cpu_seconds()?);
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let client = ClassifierClient::connect_lazy(&classifier.url())?;
        let request = request.clone();
        callers.spawn(async move {
            let mut answered = 0;
            while Instant::now() < end {
                let reply = client.classify_request(request.clone()).await;
                answered += usize::from(reply.is_ok());
            }
            answered
        });
    }
    let answered: usize = callers.join_all().await.into_iter().sum();
    let seconds = before.0.elapsed().as_secs_f64();
    let used = classifier.cpu_seconds()? - before.1;
    let images = (answered * args.batch) as f64;
    Ok((answered as f64 / seconds, images / used))
}

/// Offers calls at a rate per second, without retries.
async fn offered(
    classifier: &Process,
    request: &v1::ClassifyRequest,
    rate: f64,
    deadline: Duration,
    seconds: u64,
) -> Outcome<Tally> {
    let channel = Channel::from_shared(classifier.url())?.connect().await?;
    let client = ClassifierServiceClient::new(channel);
    let tally = Arc::new(Mutex::new(Tally::default()));
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut calls = JoinSet::new();
    for _ in 0..(rate * seconds as f64) as usize {
        ticks.tick().await;
        let (mut client, tally) = (client.clone(), tally.clone());
        let mut call = Request::new(request.clone());
        call.set_timeout(deadline);
        calls.spawn(async move {
            let sent = Instant::now();
            let reply = client.classify(call).await;
            tally
                .lock()
                .await
                .count(reply.map(drop), sent.elapsed(), deadline);
        });
    }
    calls.join_all().await;
    Ok(std::mem::take(&mut *tally.lock().await))
}

impl Tally {
    fn count(&mut self, reply: Result<(), Status>, took: Duration, deadline: Duration) {
        match reply.map_err(|status| status.code()) {
            Ok(()) if took <= deadline => self.answered += 1,
            // The client's own timer says CANCELLED.
            Ok(()) | Err(Code::DeadlineExceeded | Code::Cancelled) => self.expired += 1,
            Err(Code::ResourceExhausted) => self.refused.add(took),
            Err(_) => self.other += 1,
        }
    }
}
