//! The generator service on its own.

use clap::{Parser, Subcommand};
use deepface_serve::{init_telemetry, shutdown_signal};
use generator_svc::fit::{self, FitArgs};
use generator_svc::service;
use generator_svc::settings::Settings;

/// Threads for everything but arithmetic, which has its own.
const ASYNC_THREADS: usize = 2;

/// Generates faces from attributes; a classifier service computes the gradients.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves a statistics file over gRPC.
    Serve(Settings),
    /// Fits a statistics file to labelled photographs.
    Fit(FitArgs),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    init_telemetry("info");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(ASYNC_THREADS)
        .enable_all()
        .build()?;
    let done = match &cli.command {
        Command::Serve(settings) => runtime.block_on(serve(settings)),
        Command::Fit(args) => runtime.block_on(fit::run(args)),
    };
    // A connection that stays open must not keep the process alive.
    runtime.shutdown_background();
    done
}

async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let shutdown = shutdown_signal()?;
    let listener = settings.serve.bind(service::PORT).await?;
    tracing::info!("listening on {}", listener.local_addr()?);
    let statistics = settings.statistics_source();
    service::serve(listener, statistics, settings, shutdown.cancelled_owned()).await?;
    tracing::info!("stopped");
    Ok(())
}
