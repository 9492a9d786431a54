//! The classifier service on its own.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use classifier_svc::service;
use classifier_svc::settings::Settings;
use classifier_svc::source::EMBEDDED;
use deepface_network::autoencoder::{self, AutoencoderArgs};
use deepface_network::import::{self, ImportArgs};
use deepface_network::measure::{self, MeasureArgs};
use deepface_network::train::{self, TrainArgs};
use deepface_network::verify::{self, VerifyArgs};
use deepface_serve::{
    HealthArgs, ManArgs, ObserveSettings, TokenArgs, configurable, finish, init_telemetry,
    shutdown_signal,
};

/// Threads for network traffic; the model has its own.
const ASYNC_THREADS: usize = 2;

const AFTER_HELP: &str = "\
Examples:
  classifier-svc serve
  classifier-svc serve --listen 127.0.0.1:0 --threads 2 --model vgg-face.safetensors
  classifier-svc train --data LFW --output out/model.safetensors
  classifier-svc autoencoder --data LFW --output out/autoencoder.safetensors
  classifier-svc import VGG_FACE.caffemodel
  classifier-svc measure --data LFW --model out/model.safetensors --output out/model.safetensors
  classifier-svc verify --data LFW --model out/model.safetensors --output out/verified.safetensors

Exit codes: 0 done, or stopped by SIGTERM, SIGINT or SIGHUP; 1 failed; 2 wrong usage; 128 + N at a second signal N.
RUST_LOG sets what is logged to stderr, such as debug. The service answers gRPC; reflection and health checks are on.";

const SERVE_HELP: &str = "\
Examples:
  classifier-svc serve
  classifier-svc serve --model out/model.safetensors --listen 0.0.0.0:50051 --insecure
  DEEPFACE_CLASSIFIER_THREADS=4 DEEPFACE_CLASSIFIER_QUEUE=64 classifier-svc serve
  grpcurl -plaintext 127.0.0.1:50051 deepface.v1.ClassifierService/GetModel

Every flag can also be set by the environment variable that is named beside it, or in the file of --config; the flag wins, then the variable. SIGTERM, SIGINT and \
SIGHUP let open calls finish first, for --drain-seconds; a second signal ends them at once. Under nohup, SIGHUP is \
ignored. gRPC clients accept replies of up to 4 MiB unless told otherwise, and activations can be larger: \
grpcurl -max-msg-sz 67108864.";

const HEALTH_HELP: &str = "\
Examples:
  classifier-svc health
  classifier-svc health --address classifier.internal:50051 deepface.v1.ClassifierService";

const TOKEN_HELP: &str = "\
Examples:
  classifier-svc token ci --scopes read,infer --output ci.token >> tokens
  classifier-svc serve --tokens tokens --tls-cert cert.pem --tls-key key.pem --listen 0.0.0.0:50051";

const TRAIN_HELP: &str = "\
Examples:
  classifier-svc train --data LFW
  classifier-svc train --data LFW --arch vgg-face-tiny --epochs 2 --output out/quick.safetensors
  classifier-svc train --data LFW --init vgg-face.safetensors --freeze-below fc6 --new-heads
  classifier-svc train --data LFW --identities --output out/people.safetensors";

const AUTOENCODER_HELP: &str = "\
Examples:
  classifier-svc autoencoder --data LFW
  classifier-svc autoencoder --data LFW --side 32 --channels 32,64,96 --epochs 10 --output out/small.safetensors
  classifier-svc autoencoder --data LFW --perceptual-weight 0 --output out/pixels.safetensors";

const IMPORT_HELP: &str = "\
Examples:
  classifier-svc import VGG_FACE.caffemodel
  classifier-svc import vgg_face_dag.pth --channel-order rgb --output vgg-face.safetensors --f16
  classifier-svc import rcmalli_vggface_tf_vgg16.h5 --channel-order bgr";

const MEASURE_HELP: &str = "\
Examples:
  classifier-svc measure --data LFW --model out/model.safetensors --output out/model.safetensors
  classifier-svc measure --data CelebA --model out/model.safetensors --output out/on-celeba.safetensors";

const VERIFY_HELP: &str = "\
Examples:
  classifier-svc verify --data LFW --model out/model.safetensors --output out/verified.safetensors";

/// Classifies faces, and computes the network's activations and its gradients with respect to the image.
#[derive(Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves a model over gRPC.
    #[command(after_help = SERVE_HELP)]
    Serve(Box<Settings>),
    #[command(after_help = TRAIN_HELP)]
    Train(Box<TrainArgs>),
    #[command(after_help = AUTOENCODER_HELP)]
    Autoencoder(Box<AutoencoderArgs>),
    #[command(after_help = IMPORT_HELP)]
    Import(ImportArgs),
    #[command(after_help = MEASURE_HELP)]
    Measure(MeasureArgs),
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyArgs),
    #[command(after_help = TOKEN_HELP)]
    Token(TokenArgs),
    #[command(after_help = HEALTH_HELP)]
    Health(HealthArgs),
    /// Writes the manual pages.
    Man(ManArgs),
}

fn main() -> ExitCode {
    let cli = deepface_serve::parse::<Cli>("classifier");
    let observe = match &cli.command {
        Command::Serve(settings) => settings.serve.observe.clone(),
        _ => ObserveSettings::default(),
    };
    init_telemetry("info", &observe);
    finish(match cli.command {
        Command::Serve(settings) => serve(&settings),
        Command::Train(args) => train::run(&args),
        Command::Autoencoder(args) => autoencoder::run(&args, EMBEDDED),
        Command::Import(args) => import::run(&args),
        Command::Measure(args) => measure::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Token(args) => args.run().map_err(Into::into),
        Command::Health(args) => args.run("classifier", service::PORT).map_err(Into::into),
        Command::Man(args) => args
            .write(configurable(Cli::command(), "classifier"))
            .map_err(Into::into),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Flags whose absence needs no default: they name a file, a limit or a choice that is off.
    const OFF: [&str; 8] = [
        "labels",
        "init",
        "freeze_below",
        "teacher",
        "adversarial",
        "limit",
        "channel_order",
        "license",
    ];

    #[test]
    fn help_says_what_each_command_does_with_examples_and_defaults() {
        let program = configurable(Cli::command(), "classifier");
        program.clone().debug_assert();
        for command in program.get_subcommands().filter(|c| c.get_name() != "man") {
            let name = command.get_name();
            let about = command.get_about().map(ToString::to_string);
            let own = ["Serves", "Trains", "Makes", "Measures", "Asks"];
            assert!(
                own.iter()
                    .any(|verb| about.as_deref().is_some_and(|a| a.starts_with(verb))),
                "{name}: {about:?}"
            );
            let help = command.get_after_help().map(ToString::to_string);
            let example = format!("classifier-svc {name}");
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
