//! The work of the commands, one file per subcommand.

mod activations;
mod attributes;
mod classify;
mod compare;
mod completions;
mod evaluate;
mod gallery;
mod generate;
mod invert;
mod morph;
mod paper;
mod serve;
mod show;

use std::time::Duration;

use clap::CommandFactory;
use deepface_serve::ObserveSettings;
use tokio::{runtime::Handle, sync::oneshot};
use tracing::Instrument;

use crate::{
    args::{Cli, Command, ServiceArgs, Work},
    exit::Interrupted,
    interrupt,
};

/// How long interrupted work may take to remove its progress bar and to cancel its calls.
const LEAVE: Duration = Duration::from_millis(300);

/// Runs a command. A signal drops its work, which cancels its calls; `serve` handles signals itself.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    let work = match cli.command {
        Command::Work(work) => work,
        Command::Serve(args) => return serve::run(&cli.services, &args).await,
        Command::Completions(args) => return completions::run(&args),
        Command::Man(args) => return Ok(args.write(Cli::command())?),
    };
    deepface_serve::init_telemetry("error", &ObserveSettings::from_environment());
    let interrupted = interrupt::watch()?;
    let services = cli.services;
    let (interrupt_work, told_to_stop) = oneshot::channel::<()>();
    // A thread of its own: this one hears of a signal even while that one waits for a file or computes.
    let mut work = tokio::task::spawn_blocking(move || {
        let command = async {
            tokio::select! {
                done = dispatch(&services, work) => done,
                _ = told_to_stop => Ok(()),
            }
        };
        Handle::current().block_on(command.instrument(tracing::info_span!("deepface")))
    });
    tokio::select! {
        done = &mut work => done?,
        stop = interrupted => {
            drop(interrupt_work);
            let _ = tokio::time::timeout(LEAVE, work).await;
            Err(Interrupted(stop).into())
        }
    }
}

async fn dispatch(services: &ServiceArgs, work: Work) -> anyhow::Result<()> {
    match work {
        Work::Generate(args) => generate::run(services, &args).await,
        Work::Gallery(args) => gallery::run(services, &args).await,
        Work::Morph(args) => morph::run(services, &args).await,
        Work::Invert(args) => invert::run(services, &args).await,
        Work::Classify(args) => classify::run(services, &args).await,
        Work::Activations(args) => activations::run(services, &args).await,
        Work::Compare(args) => compare::run(services, &args).await,
        Work::Attributes(args) => attributes::run(services, &args).await,
        Work::Show(args) => show::run(&args),
        Work::Evaluate(args) => evaluate::run(services, &args).await,
        Work::Paper(args) => paper::run(services, &args).await,
    }
}
