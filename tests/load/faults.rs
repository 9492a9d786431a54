//! Faults in running generations: each must end with the face of an undisturbed run, bit for bit, or with the status of
//! what happened, in time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use deepface_client::v1::generator_service_client::GeneratorServiceClient;
use deepface_client::v1::{self, GenerateRequest, generate_response, image::Content};
use deepface_client::{ClientError, Event, GeneratorClient, MAX_DECODED_BYTES};
use deepface_network::{Architecture, write_random};
use deepface_tests::{Fault as Network, Proxy};
use tokio::time::{sleep, timeout};
use tonic::{Code, Request, Status};

use crate::Outcome;
use crate::process::Process;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Faults, of all kinds in turn.
    #[arg(long, default_value_t = 200)]
    faults: usize,
    /// Only these kinds.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Fault>,
}

/// What happens in the middle of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fault {
    /// SIGKILL to the classifier, and a new one at its place.
    KillClassifier,
    /// SIGTERM to the classifier, and a new one when it has ended.
    StopClassifier,
    /// SIGSTOP to the classifier for two seconds.
    FreezeClassifier,
    /// The connections between the services end, as if the other side had closed them.
    CutConnections,
    /// The connections between the services are reset.
    ResetConnections,
    /// Nothing passes between the services for a while.
    Blackhole,
    /// SIGKILL to the generator, and a new one at its place.
    KillGenerator,
    /// SIGKILL to the classifier, and one with other weights at its place.
    OtherWeights,
    /// The deadline of the call passes.
    ExpireDeadline,
}

/// How long the network stays broken.
const OUTAGE: Duration = Duration::from_millis(300);
/// Nothing may take longer.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long after its deadline a call may end.
const LATE: Duration = Duration::from_millis(100);

pub(crate) async fn run(bin: &Path, args: &Args) -> Outcome<()> {
    let mut classifier = Process::classifier(bin).await?;
    let proxy = Proxy::to(classifier.address).await;
    let mut generator = Process::generator(bin, &proxy.url()).await?;
    let client = GeneratorClient::connect_lazy(&generator.url())?;
    let began = Instant::now();
    let undisturbed = timeout(PATIENCE, face(&client)).await??;
    let takes = began.elapsed();
    let kinds = match args.only.is_empty() {
        true => <Fault as clap::ValueEnum>::value_variants(),
        false => &args.only,
    };
    let dir = tempfile::tempdir()?;
    let weights = dir.path().join("other.safetensors");
    write_random(Architecture::vgg_face_mini(), &weights)?;
    let weights = weights
        .to_str()
        .ok_or("the folder has a name that is not text")?;
    let mut outcomes: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (i, &fault) in kinds.iter().cycle().take(args.faults).enumerate() {
        // At another moment each time, from the first steps to the last.
        let at = takes.mul_f64((i * 37 % 100) as f64 / 100.0);
        let generation = tokio::spawn({
            let (client, url) = (client.clone(), generator.url());
            async move {
                match fault {
                    Fault::ExpireDeadline => timeout(PATIENCE, face_within(url, at)).await,
                    _ => timeout(PATIENCE, face(&client)).await,
                }
            }
        });
        sleep(at).await;
        match fault {
            Fault::KillClassifier => classifier.kill_and_restart().await?,
            Fault::StopClassifier => {
                classifier.signal("TERM")?;
                classifier.restart_when_it_ends().await?;
            }
            Fault::FreezeClassifier => {
                classifier.signal("STOP")?;
                sleep(Duration::from_secs(2)).await;
                classifier.signal("CONT")?;
            }
            Fault::CutConnections => broken(&proxy, Network::Cut).await,
            Fault::ResetConnections => broken(&proxy, Network::Reset).await,
            Fault::Blackhole => broken(&proxy, Network::Blackhole).await,
            Fault::KillGenerator => generator.kill_and_restart().await?,
            Fault::OtherWeights => {
                classifier
                    .kill_and_restart_with(&["--model", weights])
                    .await?
            }
            Fault::ExpireDeadline => {}
        }
        let outcome = match generation.await? {
            Err(_) => format!("hung for {PATIENCE:?}"),
            Ok(Err(why)) => why,
            Ok(Ok(face)) if face == undisturbed => "the same face".into(),
            Ok(Ok(_)) => "ANOTHER FACE".into(),
        };
        if fault == Fault::OtherWeights {
            classifier.kill_and_restart().await?;
        }
        *outcomes.entry((format!("{fault:?}"), outcome)).or_default() += 1;
    }
    for ((fault, outcome), n) in outcomes {
        println!("{n:4}  {fault}: {outcome}");
    }
    Ok(())
}

/// Breaks the network between the services for a moment.
async fn broken(proxy: &Proxy, how: Network) {
    proxy.set(how);
    sleep(OUTAGE).await;
    proxy.set(Network::None);
}

fn request() -> GenerateRequest {
    GenerateRequest::of(["Male", "Smiling"]).with_seed(5)
}

/// The file of a face, or why there is none.
async fn face(client: &GeneratorClient) -> Result<Vec<u8>, String> {
    let said = |error: ClientError| match error {
        ClientError::Rejected(rejection) => format!("{:?} {}", rejection.code, rejection.reason),
        error => format!("failed: {error}"),
    };
    let mut events = client.generate(request()).await.map_err(said)?;
    let mut file = Vec::new();
    while let Some(event) = events.next().await.map_err(said)? {
        if let Event::Result(result) = event {
            file = encoded(result);
        }
    }
    Ok(file)
}

/// The same in one call with a deadline.
async fn face_within(url: String, deadline: Duration) -> Result<Vec<u8>, String> {
    let client = GeneratorServiceClient::connect(url).await;
    let client = client.map_err(|error| error.to_string())?;
    let mut client = client.max_decoding_message_size(MAX_DECODED_BYTES);
    let mut call = Request::new(request());
    call.set_timeout(deadline);
    let began = Instant::now();
    let made = async {
        let mut events = client.generate(call).await?.into_inner();
        let mut file = Vec::new();
        while let Some(response) = events.message().await? {
            if let Some(generate_response::Event::Result(result)) = response.event {
                file = encoded(result);
            }
        }
        Ok::<_, Status>(file)
    };
    let made = made.await;
    match began.elapsed().saturating_sub(deadline) {
        late if late > LATE => Err(format!("{late:?} LATE")),
        // The client's own timer says CANCELLED.
        _ => made.map_err(|status| match status.code() {
            Code::DeadlineExceeded | Code::Cancelled => "the deadline, in time".into(),
            code => format!("{code:?}: {}", status.message()),
        }),
    }
}

fn encoded(result: v1::Result) -> Vec<u8> {
    match result.image.and_then(|image| image.content) {
        Some(Content::Encoded(file)) => file,
        _ => Vec::new(),
    }
}
