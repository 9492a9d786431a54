//! How the program ends: what it says of an error, and the exit code: 0 done, 1 failed, 2 wrong usage.

use std::process::ExitCode;

use deepface_client::{ClientError, Code};

use crate::fields::{Refused, Typed};
use crate::printer::PipeClosed;
use crate::usage::Usage;

const FAILURE: u8 = 1;
const USAGE: u8 = 2;

/// The user asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// Prints the error, if there is one, to stderr, and returns the exit code.
pub(crate) fn report(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    // A reader that has seen enough is not a failure.
    if error.is::<PipeClosed>() {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {}", describe(&error));
    ExitCode::from(code(&error))
}

/// An error with its causes, on one line unless a service refused several things.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let causes = error.chain().map(|cause| match cause.downcast_ref() {
        Some(ClientError::Rejected(rejection)) => Typed::default().refused(rejection).to_string(),
        _ => cause.to_string(),
    });
    causes.collect::<Vec<_>>().join(": ")
}

fn code(error: &anyhow::Error) -> u8 {
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
    fn an_error_that_nobody_explained_speaks_of_flags_too() {
        let error = rejected("settings.inversion.steps");
        assert_eq!(describe(&error), "while trying: --steps: bad");
    }
}
