//! What a terminal shows of a command, for snapshots: the command, its exit code and its output. Digests, and numbers
//! that a network computed, are left out, so that a snapshot holds on any processor.

use std::path::Path;

use crate::program::{deepface, expect};

/// Runs a command, which must end with this code.
#[track_caller]
pub(crate) fn transcript(folder: &Path, arguments: &[&str], code: i32) -> String {
    let (stdout, stderr) = expect(&deepface(folder, arguments), code);
    let shown = |argument: &&str| {
        if argument.is_empty() || argument.contains([' ', '*']) {
            format!("'{argument}'")
        } else {
            (*argument).to_owned()
        }
    };
    let command: Vec<_> = arguments.iter().map(shown).collect();
    let mut text = format!("$ deepface {}", command.join(" "))
        .trim_end()
        .to_owned()
        + "\n";
    for (name, output) in [("stdout", &stdout), ("stderr", &stderr)] {
        if !output.is_empty() {
            text += &format!("--- {name}\n{}\n", output.trim_end());
        }
    }
    format!("{text}--- exit code {code}\n")
}

/// Runs several commands, each of which must end with this code.
#[track_caller]
pub(crate) fn transcripts(folder: &Path, commands: &[&[&str]], code: i32) -> String {
    let all: Vec<_> = commands
        .iter()
        .map(|arguments| transcript(folder, arguments, code))
        .collect();
    all.join("\n")
}

/// JSON with a line for each named thing, so that differences are short.
pub(crate) fn lines(text: &str) -> String {
    text.replace("{\"name\"", "\n  {\"name\"")
}

/// Replaces SHA-256 digests by `[digest]`.
pub(crate) fn without_digests(text: &str) -> String {
    replace(
        text,
        |c| c.is_ascii_hexdigit(),
        |word| (word.len() == 64).then_some("[digest]"),
    )
}

/// Replaces decimal fractions by `[n]` and bars by `[bar]`.
pub(crate) fn without_numbers(text: &str) -> String {
    let fraction = |word: &str| {
        let is_fraction = word.contains(['.', 'e']) && word.parse::<f64>().is_ok();
        is_fraction.then_some("[n]")
    };
    let of_a_number = |c: char| c.is_ascii_digit() || "e.-".contains(c);
    let text = replace(text, of_a_number, fraction);
    let text = replace(&text, |c| "▏▎▍▌▋▊▉█".contains(c), |_| Some("[bar]"));
    // Numbers and bars of another width would move what follows.
    let lines = text.lines().map(|line| match line.contains("[n] %") {
        true => line.split_whitespace().collect::<Vec<_>>().join(" "),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Replaces runs of some characters where `by` says so.
fn replace(
    text: &str,
    of_a_run: impl Fn(char) -> bool,
    by: impl Fn(&str) -> Option<&'static str>,
) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(&of_a_run) {
        let run = &rest[start..];
        let run = &run[..run.find(|c| !of_a_run(c)).unwrap_or(run.len())];
        replaced += &rest[..start];
        replaced += by(run).unwrap_or(run);
        rest = &rest[start + run.len()..];
    }
    replaced + rest
}

#[test]
fn fractions_digests_and_bars_are_left_out() {
    let line =
        "  Male    91.5 %  ██████▎     present, 3 steps in 0.25 s, 1e-7, -0.5, version 1.2.3";
    let expected = "Male [n] % [bar] present, 3 steps in [n] s, [n], [n], version 1.2.3";
    assert_eq!(without_numbers(line), expected);
    let digest = "0123456789abcdef".repeat(4);
    assert_eq!(
        without_digests(&format!("\"{digest}\" abc")),
        "\"[digest]\" abc"
    );
}
