//! How the program ends: what it says of an error, and the exit code: 0 done, 1 failed, 2 wrong usage, 128 and the
//! number of the signal that interrupted it.

use std::ffi::OsString;
use std::process::ExitCode;

use deepface_client::{ClientError, Code};
use deepface_files::note;
use deepface_serve::{Stop, flush_telemetry, one_line};
use serde::Serialize;

use crate::fields::{Refused, Typed};
use crate::interrupt::clear_line;
use crate::printer::PipeClosed;
use crate::usage::Usage;

const FAILURE: u8 = 1;
const USAGE: u8 = 2;

/// A signal asked the program to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted(pub(crate) Stop);

/// How errors are written to stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A sentence for people.
    Text,
    /// With `--json`: one line of JSON.
    Json,
}

impl Style {
    /// The style that a command line asks for, even one that is wrong otherwise.
    pub(crate) fn of(arguments: impl Iterator<Item = OsString>) -> Self {
        let mut flags = arguments.take_while(|argument| argument != "--");
        match flags.any(|argument| argument == "--json") {
            true => Self::Json,
            false => Self::Text,
        }
    }
}

/// An error for programs: `{"error":{"kind":"usage","exit_code":2,"message":"..."}}`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    error: Said<'a>,
}

#[derive(Debug, Serialize)]
struct Said<'a> {
    /// `usage`, `failure` or `interrupted`.
    kind: &'static str,
    exit_code: u8,
    message: &'a str,
}

/// Prints the error, if there is one, to stderr, and returns the exit code.
pub(crate) fn report(result: anyhow::Result<()>, style: Style) -> ExitCode {
    flush_telemetry();
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    // A reader that has seen enough is not a failure.
    if error.is::<PipeClosed>() {
        return ExitCode::SUCCESS;
    }
    if error.is::<Interrupted>() {
        clear_line();
    }
    let code = code(&error);
    note!("{}", line(&describe(&error), code, style));
    ExitCode::from(code)
}

/// Prints what the grammar answers instead of running a command: help, the version, or what is wrong with the
/// arguments. Returns the exit code.
pub(crate) fn answer(answer: &clap::Error, style: Style) -> ExitCode {
    if !answer.use_stderr() {
        let _ = answer.print();
        return ExitCode::SUCCESS;
    }
    if style == Style::Json {
        note!(
            "{}",
            line(&without_hints(&answer.to_string()), USAGE, style)
        );
    } else {
        let _ = answer.print();
    }
    ExitCode::from(USAGE)
}

fn line(message: &str, code: u8, style: Style) -> String {
    if style == Style::Text {
        return format!("error: {message}");
    }
    let kind = match code {
        USAGE => "usage",
        FAILURE => "failure",
        _ => "interrupted",
    };
    let error = Said {
        kind,
        exit_code: code,
        message,
    };
    // A structure of strings and numbers always becomes JSON.
    serde_json::to_string(&Line { error }).unwrap_or_default()
}

/// The message of the grammar on one line, without its usage and its reference to the help.
fn without_hints(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let lines = text.lines().map(str::trim);
    let said =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let said: Vec<_> = said.filter(|line| !line.is_empty()).collect();
    said.join(" ")
}

/// An error with its causes, on one line unless a service refused several things.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    one_line(causes(error))
}

/// The same after what it is about, such as a file, which the error may name itself.
pub(crate) fn describe_of(subject: &str, error: &anyhow::Error) -> String {
    one_line(std::iter::once(subject.to_owned()).chain(causes(error)))
}

fn causes(error: &anyhow::Error) -> impl Iterator<Item = String> {
    error.chain().map(|cause| match cause.downcast_ref() {
        Some(ClientError::Rejected(rejection)) => Typed::default().refused(rejection).to_string(),
        _ => cause.to_string(),
    })
}

fn code(error: &anyhow::Error) -> u8 {
    if let Some(Interrupted(stop)) = error.downcast_ref() {
        return stop.exit_code();
    }
    let refused = match (error.downcast_ref(), error.downcast_ref()) {
        (Some(Refused { typed, .. }), _) => *typed,
        (_, Some(ClientError::Rejected(rejection))) => Typed::default().refused(rejection).typed,
        (_, Some(other)) => other.code() == Code::InvalidArgument,
        _ => false,
    };
    if refused || error.is::<Usage>() {
        USAGE
    } else {
        FAILURE
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use anyhow::Context;
    use deepface_client::{Rejection, Violation};

    use super::*;

    fn rejected(field: &str) -> anyhow::Error {
        let error = ClientError::Rejected(Arc::new(Rejection {
            code: Code::InvalidArgument,
            reason: String::new(),
            message: "no".to_owned(),
            violations: vec![Violation {
                field: field.to_owned(),
                description: "bad".to_owned(),
            }],
            retry_after: None,
        }));
        Err::<(), _>(error).context("while trying").unwrap_err()
    }

    #[test]
    fn arguments_are_usage_and_the_content_of_files_is_not() {
        assert_eq!(code(&rejected("attributes[0].name")), USAGE);
        assert_eq!(code(&rejected("settings.inversion.steps")), USAGE);
        assert_eq!(code(&rejected("images[0].encoded")), FAILURE);
        assert_eq!(code(&Usage("no".to_owned()).into()), USAGE);
        assert_eq!(code(&anyhow::anyhow!("disk full")), FAILURE);
        let url = ClientError::Url {
            url: "localhost".to_owned(),
            reason: "the port is missing".to_owned(),
        };
        assert_eq!(code(&url.into()), USAGE);
    }

    #[test]
    fn an_interrupted_program_ends_like_one_that_the_signal_killed() {
        let stopped = |stop| code(&Interrupted(stop).into());
        assert_eq!(stopped(Stop::Interrupt), 130);
        assert_eq!(stopped(Stop::Terminate), 143);
    }

    #[test]
    fn programs_get_errors_as_json() {
        let style = |words: &[&str]| Style::of(words.iter().map(OsString::from));
        assert_eq!(style(&["deepface", "classify", "--json", "a"]), Style::Json);
        assert_eq!(
            style(&["deepface", "classify", "--", "--json"]),
            Style::Text
        );
        assert_eq!(
            line("a \"b\"", USAGE, Style::Json),
            r#"{"error":{"kind":"usage","exit_code":2,"message":"a \"b\""}}"#
        );
        assert_eq!(line("a", FAILURE, Style::Text), "error: a");
        let grammar = "error: invalid value 'x' for '--type'\n  [possible values: a, b]\n\nFor more information";
        assert_eq!(
            without_hints(grammar),
            "invalid value 'x' for '--type' [possible values: a, b]"
        );
    }

    #[test]
    fn an_error_that_nobody_explained_speaks_of_flags_too() {
        let error = rejected("settings.inversion.steps");
        assert_eq!(describe(&error), "while trying: --steps: bad");
    }
}
