//! The command line of DeepFace: faces from attributes, and what a network sees in faces.
//!
//! `args` is what can be typed, `settings` turns it into messages of the contract, `commands` does the work,
//! `pair` starts the services that a command needs, `printer`, `pictures` and `gallery` write what comes of it.

mod args;
mod commands;
mod exit;
mod faces;
mod files;
mod follow;
mod gallery;
mod morph;
mod pair;
mod pictures;
mod place;
mod printer;
mod progress;
mod settings;
mod stages;
mod wishes;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use args::Cli;

/// The command line and its transport; the services compute on threads of their own.
const RUNTIME_THREADS: usize = 2;
/// How long work that was left behind may take to notice.
const FAREWELL: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(commands::run(cli));
            runtime.shutdown_timeout(FAREWELL);
            result
        }
        Err(error) => Err(error.into()),
    };
    exit::report(result)
}
