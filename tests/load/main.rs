//! Load and faults: what callers get when there are too many of them, when one is greedy or hostile, and when
//! services die.
//!
//! ```sh
//! cargo build --release -p classifier-svc -p generator-svc
//! cargo run --release -p deepface-tests --example load -- overload
//! ```
//!
//! Every measurement starts the two programs as processes of their own, on free ports of the loopback interface, and takes
//! minutes. Latencies depend on the machine and on its neighbours; ratios, images per CPU second and status codes do not.
//! `DEEPFACE_FIGURES=FILE` also writes the figures of `concurrent`, `start`, `scaling` and `model` as JSON.

mod concurrent;
mod envoy;
mod fair;
mod faults;
mod figures;
mod hostile;
mod model;
mod overload;
mod process;
mod rolling;
mod scaling;
mod scrape;
mod start;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
#[command(about = "Measures the services under load and faults")]
struct Cli {
    /// Folder of the programs classifier-svc and generator-svc.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "target/release",
        global = true
    )]
    bin: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// More Classify calls than can be computed, with deadlines: how much is still answered.
    Overload(overload::Args),
    /// One greedy caller: what another one gets beside it.
    Fair(fair::Args),
    /// Many generations at once: none is lost, each gets its turn.
    Concurrent(concurrent::Args),
    /// Processes that are killed, stopped and cut off during generations: the faces stay the same.
    Faults(faults::Args),
    /// A rolling restart of two replicas of each service behind Envoy: no call fails, no face is lost.
    Rolling(rolling::Args),
    /// Hostile requests: each is answered in time, none by a fault of the service, and memory does not grow.
    Hostile(hostile::Args),
    /// From the start of the program to a finished face.
    Start(start::Args),
    /// One to four classifiers on this machine: the steps that a simulation predicts, and those that they compute.
    Scaling(scaling::Args),
    /// The simulation alone, of any number of replicas: faces per second and waiting times, without any service.
    Model(model::Args),
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let cli = Cli::parse();
    match cli.what {
        What::Overload(args) => overload::run(&cli.bin, &args).await,
        What::Fair(args) => fair::run(&cli.bin, &args).await,
        What::Concurrent(args) => concurrent::run(&cli.bin, &args).await,
        What::Faults(args) => faults::run(&cli.bin, &args).await,
        What::Rolling(args) => rolling::run(&cli.bin, &args).await,
        What::Hostile(args) => hostile::run(&cli.bin, &args).await,
        What::Start(args) => start::run(&cli.bin, &args),
        What::Scaling(args) => scaling::run(&cli.bin, &args).await,
        What::Model(args) => model::run(&args),
    }
}
