//! The command line of DeepFace: makes faces from attributes, and shows what a network sees in faces.
//!
//! `args` is the grammar, `requests` turns arguments into messages of the contract, `commands` does the work, `pair`
//! starts the services that a command needs, `printer`, `pictures` and `gallery` write the results, and `fields` puts
//! what a service refuses into the words of the command line.

mod args;
mod commands;
mod exit;
mod faces;
mod fields;
mod file_names;
mod files;
mod follow;
mod gallery;
mod interrupt;
mod morph;
mod moved;
mod names;
mod output;
mod pair;
mod pictures;
mod place;
mod printer;
mod progress;
mod provenance;
mod requests;
mod revived;
mod show;
mod stages;
mod ui;
mod usage;
mod warnings;
mod wishes;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use args::Cli;
use exit::{Interrupted, Style};

/// Threads of the command line and its transport; the services compute on their own.
const RUNTIME_THREADS: usize = 2;
/// How long abandoned work may take to stop.
const FAREWELL: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let style = Style::of(std::env::args_os());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return exit::answer(&answer, style),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(commands::run(cli));
            match &result {
                // A thread may still wait for a file that never ends.
                Err(error) if error.is::<Interrupted>() => runtime.shutdown_background(),
                _ => runtime.shutdown_timeout(FAREWELL),
            }
            result
        }
        Err(error) => Err(error.into()),
    };
    exit::report(result, style)
}
