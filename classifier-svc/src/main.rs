//! The classifier service on its own.

use clap::{Parser, Subcommand};
use classifier_svc::service;
use classifier_svc::settings::Settings;
use deepface_network::import::{self, ImportArgs};
use deepface_network::train::{self, TrainArgs};
use deepface_serve::{init_telemetry, shutdown_signal};

/// Threads for network traffic; the model has its own.
const ASYNC_THREADS: usize = 2;

/// Classifies faces, and computes the network's activations and its gradients with respect to the image.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves a model over gRPC.
    Serve(Settings),
    /// Trains a model on labelled photographs.
    Train(TrainArgs),
    /// Makes a weights file from the published weights of VGG-Face.
    Import(ImportArgs),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    init_telemetry("info");
    match cli.command {
        Command::Serve(settings) => serve(&settings),
        Command::Train(args) => train::run(&args),
        Command::Import(args) => import::run(&args),
    }
}

fn serve(settings: &Settings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(ASYNC_THREADS)
        .enable_all()
        .build()?;
    let served = runtime.block_on(async {
        let shutdown = shutdown_signal()?;
        let listener = settings.serve.bind(service::PORT).await?;
        tracing::info!("listening on {}", listener.local_addr()?);
        let model = settings.model_source();
        service::serve(listener, model, settings, shutdown.cancelled_owned()).await?;
        tracing::info!("stopped");
        Ok(())
    });
    // A connection that does not close must not keep the process alive.
    runtime.shutdown_background();
    served
}
