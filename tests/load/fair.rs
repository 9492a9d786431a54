//! One caller beside another that takes all it can get: bombs, silence, endless steps.
//!
//! The greedy caller comes from an address of its own (127.0.0.2), as another machine would.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use deepface_client::v1::{
    self, classifier_service_client::ClassifierServiceClient, differentiate_request::Message,
};
use deepface_client::{Array, MAX_DECODED_BYTES, encoded_image};
use deepface_tests::face_image;
use image::RgbImage;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use crate::Outcome;
use crate::figures::Times;
use crate::process::Process;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Calls of the modest caller, one after the other, in each situation.
    #[arg(long, default_value_t = 1000)]
    calls: usize,
}

type Client = ClassifierServiceClient<Channel>;

/// Side of the default model's input.
const INPUT: usize = 96;
/// No call of a modest caller should wait longer, whatever others do.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(bin: &Path, args: &Args) -> Outcome<()> {
    let mut alone = None;
    for greed in [
        "nobody",
        "bombs",
        "silent streams",
        "steps of 64 images",
        "16 generations",
    ] {
        let classifier = Process::classifier(bin).await?;
        let mut greedy = JoinSet::new();
        let generator = match greed {
            "bombs" => {
                let file = bomb()?;
                for _ in 0..4 {
                    greedy.spawn(bombs(client(&classifier, 2).await?, file.clone()));
                }
                None
            }
            "silent streams" => {
                greedy.spawn(silence(client(&classifier, 2).await?));
                None
            }
            "steps of 64 images" => {
                for _ in 0..4 {
                    greedy.spawn(steps(client(&classifier, 2).await?, 64));
                }
                None
            }
            "16 generations" => {
                let generator = Process::generator(bin, &classifier.url()).await?;
                for seed in 0..16 {
                    greedy.spawn(generations(generator.url(), seed));
                }
                Some(generator)
            }
            _ => None,
        };
        // The greedy one is well under way.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (times, failed) = elsewhere(modest(classifier.url(), args.calls)).await?;
        greedy.shutdown().await;
        drop(generator);
        let p99 = times.quantile(0.99);
        let ratio = p99 / *alone.get_or_insert(p99);
        println!(
            "beside {greed}: {} of {} Classify answered, p50 {:.1} ms, p99 {p99:.1} ms ({ratio:.1} times alone){}",
            times.count(),
            args.calls,
            times.quantile(0.5),
            failed.map_or(String::new(), |status| format!(", such as: {status}"))
        );
    }
    Ok(())
}

/// A connection from 127.0.0.`last`.
async fn client(classifier: &Process, last: u8) -> Outcome<Client> {
    connect(classifier.url(), last).await
}

async fn connect(url: String, last: u8) -> Outcome<Client> {
    let from = IpAddr::from(Ipv4Addr::new(127, 0, 0, last));
    let endpoint = Endpoint::from_shared(url)?.local_address(Some(from));
    Ok(ClassifierServiceClient::new(endpoint.connect().await?))
}

/// Runs on a thread of its own, so that it does not wait for the clients of the greedy caller.
async fn elsewhere<T: Send + 'static>(
    work: impl Future<Output = Outcome<T>> + Send + 'static,
) -> Outcome<T> {
    let work = move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build()?.block_on(work)
    };
    tokio::task::spawn_blocking(work).await?
}

/// Small calls, one after the other; the times of those that are answered, and one of the refusals.
async fn modest(url: String, calls: usize) -> Outcome<(Times, Option<tonic::Status>)> {
    let mut client = connect(url, 1).await?;
    let (mut times, mut failed) = (Times::default(), None);
    for i in 0..calls {
        let mut request = Request::new(v1::ClassifyRequest {
            images: vec![face_image(64, i as u64)],
            ..Default::default()
        });
        request.set_timeout(PATIENCE);
        let sent = Instant::now();
        match client.classify(request).await {
            Ok(_) => times.add(sent.elapsed()),
            Err(status) => failed = Some(status),
        }
    }
    Ok((times, failed))
}

/// A picture of one colour.
fn bomb() -> Outcome<Vec<u8>> {
    let picture = RgbImage::from_pixel(4096, 4096, image::Rgb([90, 100, 120]));
    Ok(deepface_images::png(&picture)?)
}

/// 64 such pictures in every call: a few kilobytes that become gigabytes.
async fn bombs(mut client: Client, file: Vec<u8>) {
    let images = vec![encoded_image(file, v1::Framing::Face); 64];
    loop {
        let request = v1::ClassifyRequest {
            images: images.clone(),
            ..Default::default()
        };
        if client.classify(request).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Opens streams and says nothing.
async fn silence(client: Client) {
    let mut open = JoinSet::new();
    for _ in 0..256 {
        let mut client = client.clone();
        open.spawn(async move {
            let (_messages, outbound) = mpsc::channel(1);
            let replies = client.differentiate(ReceiverStream::new(outbound)).await;
            if let Ok(replies) = replies {
                replies.into_inner().message().await.ok();
            }
        });
    }
    open.join_all().await;
    std::future::pending::<()>().await;
}

/// Steps of `n` images without end.
async fn steps(client: Client, n: usize) {
    // A reply with 64 gradients is larger than clients take by default.
    let mut client = client.max_decoding_message_size(MAX_DECODED_BYTES);
    let (messages, outbound) = mpsc::channel(1);
    let shape = vec![n, 3, INPUT, INPUT];
    let image = Array {
        data: vec![0.5; shape.iter().product()],
        shape,
    };
    let setup = v1::DifferentiateSetup {
        objectives: vec![v1::Objective {
            term: Some(v1::objective::Term::AttributeLikelihood(
                v1::AttributeLikelihood {
                    targets: vec![v1::AttributeTarget {
                        attribute: "Male".into(),
                        ..Default::default()
                    }],
                },
            )),
            ..Default::default()
        }],
        ..Default::default()
    };
    let step = v1::DifferentiateStep {
        image: Some(image.to_tensor(v1::DataType::F32)),
        ..Default::default()
    };
    tokio::spawn(async move {
        let message = |message| v1::DifferentiateRequest {
            message: Some(message),
        };
        let setup = messages.send(message(Message::Setup(setup))).await;
        while setup.is_ok() {
            let step = message(Message::Step(step.clone()));
            if messages.send(step).await.is_err() {
                return;
            }
        }
    });
    if let Ok(replies) = client.differentiate(ReceiverStream::new(outbound)).await {
        let mut replies = replies.into_inner();
        while let Ok(Some(_)) = replies.message().await {}
    }
    std::future::pending::<()>().await;
}

/// Faces without end.
async fn generations(generator: String, seed: u64) {
    let Ok(client) = deepface_client::GeneratorClient::connect_lazy(&generator) else {
        return;
    };
    loop {
        let request = v1::GenerateRequest::of(["Male"]).with_seed(seed);
        if let Ok(mut events) = client.generate(request).await {
            while let Ok(Some(_)) = events.next().await {}
        }
    }
}
