//! Faults in running generations: each must end with the face of an undisturbed run, bit for bit, or say why not in time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use deepface_client::v1::{GenerateRequest, image::Content};
use deepface_client::{ClientError, Event, GeneratorClient};
use deepface_tests::{Fault as Network, Proxy};
use tokio::time::{sleep, timeout};

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
}

/// How long the network stays broken.
const OUTAGE: Duration = Duration::from_millis(300);
/// Nothing may take longer.
const PATIENCE: Duration = Duration::from_secs(90);

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
    let mut outcomes: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (i, &fault) in kinds.iter().cycle().take(args.faults).enumerate() {
        // At another moment each time, from the first steps to the last.
        let at = takes.mul_f64((i * 37 % 100) as f64 / 100.0);
        let generation = tokio::spawn({
            let client = client.clone();
            async move { timeout(PATIENCE, face(&client)).await }
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
        }
        let outcome = match generation.await? {
            Err(_) => format!("hung for {PATIENCE:?}"),
            Ok(Err(error)) => format!("failed: {error}"),
            Ok(Ok(face)) if face == undisturbed => "the same face".into(),
            Ok(Ok(_)) => "ANOTHER FACE".into(),
        };
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

/// The file of a face.
async fn face(client: &GeneratorClient) -> Result<Vec<u8>, ClientError> {
    let mut events = client
        .generate(GenerateRequest::of(["Male", "Smiling"]).with_seed(5))
        .await?;
    let mut file = Vec::new();
    while let Some(event) = events.next().await? {
        if let Event::Result(result) = event
            && let Some(Content::Encoded(encoded)) = result.image.and_then(|image| image.content)
        {
            file = encoded;
        }
    }
    Ok(file)
}
