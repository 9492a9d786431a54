//! Exit codes: 0 done, 1 failed, 2 wrong usage.

use std::process::ExitCode;

use deepface_client::{ClientError, Code};

use crate::printer::PipeClosed;

const FAILURE: u8 = 1;
const USAGE: u8 = 2;

/// What was typed makes no sense, although it fits the grammar.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The user asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// Says on stderr what went wrong, if anything did, and gives the exit code.
pub(crate) fn report(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    // Whoever read our output has seen enough; that is no failure.
    if error.is::<PipeClosed>() {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {error:#}");
    ExitCode::from(code(&error))
}

fn code(error: &anyhow::Error) -> u8 {
    let wrong = error.is::<Usage>() || error.downcast_ref::<ClientError>().is_some_and(typed);
    if wrong { USAGE } else { FAILURE }
}

/// Whether a service refused what the user typed. What is in an image file was not typed.
fn typed(error: &ClientError) -> bool {
    let in_a_file = |field: &str| {
        let root = field.split(['.', '[']).next().unwrap_or_default();
        matches!(root, "image" | "images" | "first" | "second")
    };
    let violations = error.violations();
    let file = !violations.is_empty()
        && violations
            .iter()
            .all(|violation| in_a_file(&violation.field));
    error.code() == Code::InvalidArgument && !file
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
    fn what_was_typed_is_usage_and_what_is_in_a_file_is_not() {
        assert_eq!(code(&rejected("attributes[0].name")), USAGE);
        assert_eq!(code(&rejected("settings.inversion.steps")), USAGE);
        assert_eq!(code(&rejected("images[0].encoded")), FAILURE);
        assert_eq!(code(&Usage("no".to_owned()).into()), USAGE);
        assert_eq!(code(&anyhow::anyhow!("disk full")), FAILURE);
    }
}
