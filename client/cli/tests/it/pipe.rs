//! A reader that goes away.

use std::process::{Command, Stdio};

use crate::program::*;

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_deepface"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let (_, stderr) = expect(&output, OK);
    assert!(stderr.is_empty(), "{stderr}");
}
