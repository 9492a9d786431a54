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
mod serve;
mod show;

use crate::{
    args::{Cli, Command, ServiceArgs, Work},
    exit::Interrupted,
};

/// Runs a command. Ctrl-C drops its work, which cancels its calls; `serve` handles Ctrl-C itself.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    let work = match cli.command {
        Command::Work(work) => work,
        Command::Serve(args) => return serve::run(&cli.services, &args).await,
        Command::Show(args) => return show::run(&args),
        Command::Completions(args) => return completions::run(&args),
    };
    deepface_serve::init_telemetry("error");
    tokio::select! {
        result = dispatch(&cli.services, work) => result,
        interrupt = tokio::signal::ctrl_c() => {
            interrupt?;
            Err(Interrupted.into())
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
        Work::Evaluate(args) => evaluate::run(services, &args).await,
    }
}
