//! The work, one file per subcommand.

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
mod serve;

use crate::{
    args::{Cli, Command},
    exit::Interrupted,
};

/// Runs what was typed. Ctrl-C drops the work, which cancels its calls; `serve` handles it itself.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    if let Command::Serve(args) = &cli.command {
        return serve::run(&cli.services, args).await;
    }
    deepface_serve::init_telemetry("error");
    tokio::select! {
        result = dispatch(cli) => result,
        interrupt = tokio::signal::ctrl_c() => {
            interrupt?;
            Err(Interrupted.into())
        }
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<()> {
    let services = &cli.services;
    match cli.command {
        Command::Generate(args) => generate::run(services, &args).await,
        Command::Gallery(args) => gallery::run(services, &args).await,
        Command::Morph(args) => morph::run(services, &args).await,
        Command::Invert(args) => invert::run(services, &args).await,
        Command::Classify(args) => classify::run(services, &args).await,
        Command::Activations(args) => activations::run(services, &args).await,
        Command::Compare(args) => compare::run(services, &args).await,
        Command::Attributes(args) => attributes::run(services, &args).await,
        Command::Evaluate(args) => evaluate::run(services, &args).await,
        Command::Serve(args) => serve::run(services, &args).await,
        Command::Completions(args) => completions::run(&args),
    }
}
