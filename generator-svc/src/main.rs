//! The generator service on its own.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use deepface_serve::{
    HealthArgs, ManArgs, ObserveSettings, TokenArgs, configurable, finish, init_telemetry,
    shutdown_signal,
};
use generator_svc::fit::{self, FitArgs};
use generator_svc::service;
use generator_svc::settings::Settings;

/// Threads for everything but arithmetic, which has its own.
const ASYNC_THREADS: usize = 2;

const AFTER_HELP: &str = "\
Examples:
  generator-svc serve --classifier http://127.0.0.1:50051
  generator-svc fit --data LFW --output out/model.cgmm.safetensors

Exit codes: 0 done, or stopped by SIGTERM, SIGINT or SIGHUP; 1 failed; 2 wrong usage; 128 + N at a second signal N.
RUST_LOG sets what is logged to stderr, such as debug. The service answers gRPC; reflection and health checks are on.";

const SERVE_HELP: &str = "\
Examples:
  generator-svc serve
  generator-svc serve --classifier http://10.0.0.7:50051 --cgmm out/model.cgmm.safetensors
  DEEPFACE_GENERATOR_MAX_SESSIONS=4 generator-svc serve --listen 127.0.0.1:0
  grpcurl -plaintext 127.0.0.1:50052 deepface.v1.GeneratorService/ListAttributes

Every flag can also be set by the environment variable that is named beside it, or in the file of --config; the flag wins, then the variable. SIGTERM, SIGINT and \
SIGHUP let open calls finish first, for --drain-seconds; a second signal ends them at once. Under nohup, SIGHUP is \
ignored. gRPC clients accept replies of up to 4 MiB unless told otherwise; a stream of large iterates can need more: \
grpcurl -max-msg-sz 67108864.";

const HEALTH_HELP: &str = "\
Examples:
  generator-svc health
  generator-svc health deepface.v1.GeneratorService/CanGenerate";

const TOKEN_HELP: &str = "\
Examples:
  generator-svc token ci --scopes read,infer --output ci.token >> tokens
  generator-svc serve --tokens tokens --tls-cert cert.pem --tls-key key.pem --listen 0.0.0.0:50052";

const FIT_HELP: &str = "\
Examples:
  generator-svc fit --data LFW
  generator-svc fit --data LFW --layers conv4_3 --limit 2000 --output out/quick.cgmm.safetensors
  generator-svc fit --data LFW --classifier http://10.0.0.7:50051,http://10.0.0.8:50051

The classifier service at --classifier must run: `classifier-svc serve --model FILE`. The same command resumes a fit that was \
interrupted.";

/// Generates faces from attributes; a classifier service computes the gradients.
#[derive(Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves a statistics file over gRPC.
    #[command(after_help = SERVE_HELP)]
    Serve(Settings),
    #[command(after_help = FIT_HELP)]
    Fit(FitArgs),
    #[command(after_help = TOKEN_HELP)]
    Token(TokenArgs),
    #[command(after_help = HEALTH_HELP)]
    Health(HealthArgs),
    /// Writes the manual pages.
    Man(ManArgs),
}

fn main() -> ExitCode {
    let cli = deepface_serve::parse::<Cli>("generator");
    let observe = match &cli.command {
        Command::Serve(settings) => settings.serve.observe.clone(),
        _ => ObserveSettings::from_environment(),
    };
    init_telemetry("info", &observe);
    finish(run(&cli.command))
}

fn run(command: &Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(ASYNC_THREADS)
        .enable_all()
        .build()?;
    let done = match command {
        Command::Serve(settings) => runtime.block_on(serve(settings)),
        Command::Fit(args) => runtime.block_on(fit::run(args)),
        Command::Token(args) => args.run().map_err(Into::into),
        Command::Health(args) => args.run("generator", service::PORT).map_err(Into::into),
        Command::Man(args) => args
            .write(configurable(Cli::command(), "generator"))
            .map_err(Into::into),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Flags whose absence needs no default: they name a file, a limit or a choice that is off.
    const OFF: [&str; 3] = ["labels", "limit", "crop"];

    #[test]
    fn help_says_what_each_command_does_with_examples_and_defaults() {
        let program = configurable(Cli::command(), "generator");
        program.clone().debug_assert();
        for command in program.get_subcommands().filter(|c| c.get_name() != "man") {
            let name = command.get_name();
            let about = command.get_about().map(ToString::to_string);
            let own = ["Serves", "Fits", "Makes", "Asks"];
            assert!(
                own.iter()
                    .any(|verb| about.as_deref().is_some_and(|a| a.starts_with(verb))),
                "{name}: {about:?}"
            );
            let help = command.get_after_help().map(ToString::to_string);
            let example = format!("generator-svc {name}");
            assert!(help.is_some_and(|help| help.contains(&example)), "{name}");
            for argument in command
                .get_arguments()
                .filter(|a| a.get_action().takes_values())
            {
                let help = argument
                    .get_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let says = !argument.get_default_values().is_empty() || help.contains("Default");
                let (id, required) = (argument.get_id().as_str(), argument.is_required_set());
                assert!(says || required || OFF.contains(&id), "{name} {id}: {help}");
            }
        }
    }
}
