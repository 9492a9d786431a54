//! A reader that goes away, a full disk, and logs beside data.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use crate::program::*;

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_deepface"));
    program.args(arguments).stdin(Stdio::null());
    program.env_remove("DEEPFACE_GENERATOR");
    program
        .env_remove("DEEPFACE_CLASSIFIER")
        .env_remove("RUST_LOG");
    program
}

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    for arguments in [
        &["completions", "zsh"][..],
        &["man"],
        &["attributes"],
        &["attributes", "--json"],
        &["--help"],
    ] {
        let mut command = program(arguments);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let (_, stderr) = expect(&output, OK);
        assert!(stderr.is_empty(), "{arguments:?}: {stderr}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_a_failure_with_a_reason() {
    for arguments in [&["attributes"][..], &["man"], &["completions", "bash"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program(arguments).stdout(full).output().unwrap();
        let (_, stderr) = expect(&output, FAILURE);
        assert!(
            stderr.starts_with("error: cannot write to standard output: "),
            "{stderr}"
        );
    }
}

#[test]
fn logs_do_not_mix_with_data() {
    let mut command = program(&["attributes", "--json"]);
    let output = command.env("RUST_LOG", "trace").output().unwrap();
    let (stdout, stderr) = expect(&output, OK);
    assert!(stderr.contains("TRACE"), "{stderr}");
    assert!(!stderr.contains('\x1b'), "colours are for terminals");
    assert_eq!(stdout.lines().count(), 1);
    serde_json::from_str::<serde_json::Value>(&stdout).unwrap();
}
