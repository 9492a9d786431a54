//! The settings of a service as one validated value: a flag counts before an environment variable, that before the
//! file of `--config`, and that before the default.
//!
//! clap knows every setting. Each gets a variable with the service's own prefix (`environment`), values of the file
//! become clap's defaults (`file`), and `--print-config` shows what came out of it (`print`).

mod environment;
mod file;
mod print;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, Parser, value_parser};

use file::File;

/// The subcommand that has settings.
const SERVE: &str = "serve";
/// Arguments that are no settings.
const CONFIG: &str = "config";
const PRINT: &str = "print_config";

/// A program's grammar with what every service understands: variables of its own, `--config` and `--print-config`.
/// `service` is the name of the service, such as `classifier`.
pub fn configurable(program: Command, service: &str) -> Command {
    program.mut_subcommand(SERVE, |serve| {
        let config = Arg::new(CONFIG)
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help(format!(
                "TOML file with settings in a table [{service}], named as the flags are. Default: none"
            ));
        let print = Arg::new(PRINT)
            .long("print-config")
            .action(ArgAction::SetTrue)
            .help("Print the settings as TOML, with where each comes from, and exit");
        let serve = serve.next_help_heading("Configuration").arg(config);
        environment::prefixed(serve, service).arg(print)
    })
}

/// Reads the command line, the environment and the file of settings of this process. Ends the process where they are
/// wrong, or where it was only asked for help or for the settings.
pub fn parse<P: Parser>(service: &str) -> P {
    match parse_from(service, std::env::args_os().collect()) {
        Ok(Parsed::Run(program)) => program,
        Ok(Parsed::Print(settings)) => {
            // A reader that has gone needs no settings.
            let _ = std::io::stdout().write_all(settings.as_bytes());
            std::process::exit(0)
        }
        Err(error) => error.exit(),
    }
}

/// What a command line asks for.
enum Parsed<P> {
    /// To run with these settings.
    Run(P),
    /// To print this.
    Print(String),
}

fn parse_from<P: Parser>(service: &str, words: Vec<OsString>) -> Result<Parsed<P>, clap::Error> {
    let mut command = configurable(P::command(), service);
    let mut matches = command.try_get_matches_from_mut(&words)?;
    let mut file = None;
    if let Some(path) = settings(&matches).and_then(|serve| serve.get_one::<PathBuf>(CONFIG)) {
        let read = File::read(path, service, known(&command));
        let read = read.map_err(|e| command.error(ErrorKind::ValueValidation, e))?;
        command = read.as_defaults(configurable(P::command(), service));
        // What was right before is right still, so that an error is one of the file.
        matches = command.try_get_matches_from_mut(&words).map_err(|e| {
            let problem = e.to_string();
            let problem = problem.trim_start_matches("error: ");
            let problem = problem.lines().next().unwrap_or_default();
            command.error(ErrorKind::ValueValidation, read.named(problem))
        })?;
        file = Some(read);
    }
    match settings(&matches).filter(|serve| serve.get_flag(PRINT)) {
        Some(serve) => {
            let known = known(&command);
            let text = print::toml(service, known, serve, file.as_ref());
            Ok(Parsed::Print(text))
        }
        None => P::from_arg_matches(&matches).map(Parsed::Run),
    }
}

fn settings(matches: &ArgMatches) -> Option<&ArgMatches> {
    matches.subcommand_matches(SERVE)
}

/// The settings of a service.
fn known(command: &Command) -> impl Iterator<Item = &Arg> {
    let serve = command.find_subcommand(SERVE);
    let arguments = serve.into_iter().flat_map(Command::get_arguments);
    arguments.filter(|a| !["help", "version", CONFIG, PRINT].contains(&a.get_id().as_str()))
}

#[cfg(test)]
mod tests;
