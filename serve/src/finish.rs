//! The end of a program: the error on one line of stderr, without a stack backtrace, and the exit code.

use std::error::Error;
use std::process::ExitCode;

use deepface_files::note;

use crate::flush_telemetry;

/// Writes an error, if there is one, to stderr, and returns the exit code of the program.
pub fn finish<E: Into<Box<dyn Error + Send + Sync>>>(result: Result<(), E>) -> ExitCode {
    let said = result.map_err(|error| {
        let error = error.into();
        let mut causes = Vec::new();
        let mut next: Option<&dyn Error> = Some(&*error);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        one_line(causes)
    });
    flush_telemetry();
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            note!("error: {text}");
            ExitCode::FAILURE
        }
    }
}

/// Joins an error and its causes, the outermost first. What a neighbour says as well is left out, so that no path is
/// named twice.
pub fn one_line(causes: impl IntoIterator<Item = String>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in causes {
        match parts.last_mut() {
            Some(last) if contains_words(last, &cause) => {}
            Some(last) if contains_words(&cause, last) => *last = cause,
            _ => parts.push(cause),
        }
    }
    parts.join(": ")
}

/// Whether a text contains another, not cut out of a longer word or path.
fn contains_words(text: &str, part: &str) -> bool {
    let of_a_word = |c: char| c.is_alphanumeric() || "_-./".contains(c);
    text.match_indices(part).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + part.len()..].chars().next();
        !before.is_some_and(of_a_word) && !after.is_some_and(of_a_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(causes: &[&str]) -> String {
        one_line(causes.iter().map(|&cause| cause.to_owned()))
    }

    #[test]
    fn nothing_is_said_twice() {
        let missing = "No such file or directory (os error 2)";
        assert_eq!(
            line(&["a.jpg", "cannot read a.jpg", missing]),
            format!("cannot read a.jpg: {missing}")
        );
        assert_eq!(
            line(&[&format!("m.bin: {missing}"), missing]),
            format!("m.bin: {missing}")
        );
        assert_eq!(
            line(&["a.jpg", "cannot read xa.jpg"]),
            "a.jpg: cannot read xa.jpg"
        );
        assert_eq!(
            line(&["--from", "Male: expected 4"]),
            "--from: Male: expected 4"
        );
    }

    #[test]
    fn the_causes_of_an_error_are_on_its_line() {
        let inner = std::io::Error::other("disk full");
        let error = crate::ServeError::Signal(inner);
        assert_eq!(
            format!("{:?}", finish(Err(error))),
            format!("{:?}", ExitCode::FAILURE)
        );
        assert_eq!(
            format!("{:?}", finish(Ok::<(), std::io::Error>(()))),
            format!("{:?}", ExitCode::SUCCESS)
        );
    }
}
