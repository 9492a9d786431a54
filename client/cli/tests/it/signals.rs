//! Signals, and a standard error that takes nothing.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(sent.success());
}

/// Waits until the program handles SIGINT (2), so that a signal cannot come too early.
fn wait_for_handlers(child: &Child) {
    let status = format!("/proc/{}/status", child.id());
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        let text = std::fs::read_to_string(&status).unwrap();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
        if caught & 0b10 != 0 {
            // Time to come to the read that never ends.
            std::thread::sleep(Duration::from_millis(700));
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no handler was installed");
}

/// The exit code, which must come within a few seconds.
#[track_caller]
fn ends(child: &mut Child) -> Option<i32> {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("the program did not end");
}

fn said(child: &mut Child) -> String {
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
#[cfg(target_os = "linux")]
fn ctrl_c_ends_a_command_that_waits_for_standard_input() {
    for (arguments, expected) in [
        (&["classify", "-"][..], "error: interrupted\n"),
        (
            &["classify", "--json", "-"],
            "{\"error\":{\"kind\":\"interrupted\",\"exit_code\":130,\"message\":\"interrupted\"}}\n",
        ),
    ] {
        let mut command = program(arguments);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let open = child.stdin.take();
        wait_for_handlers(&child);
        send("-INT", &child);
        assert_eq!(ends(&mut child), Some(130));
        assert_eq!(said(&mut child), expected);
        drop(open);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_ends_a_command_that_waits_for_a_fifo() {
    let here = folder();
    let fifo = here.path().join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let name = fifo.to_str().unwrap();
    let mut child = program(&["compare", name, name]).spawn().unwrap();
    wait_for_handlers(&child);
    send("-TERM", &child);
    assert_eq!(ends(&mut child), Some(143));
}

#[test]
#[cfg(target_os = "linux")]
fn services_stop_although_nobody_reads_what_they_write() {
    let ports = [
        "--classifier-listen",
        "127.0.0.1:0",
        "--generator-listen",
        "127.0.0.1:0",
    ];
    for signal in ["-TERM", "-INT", "-HUP"] {
        // A program started by these tests, below `nohup`, ignores it too.
        if signal == "-HUP" && deepface_serve::hang_up_is_ignored() {
            continue;
        }
        let mut command = program(&[&["serve"], &ports[..]].concat());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Everything after the first line, the log included, goes nowhere.
        drop(child.stderr.take());
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        assert!(line.starts_with("classifier"), "{line}");
        drop(out);
        send(signal, &child);
        assert_eq!(ends(&mut child), Some(0), "{signal}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_standard_error_changes_no_exit_code() {
    let full = || -> File { OpenOptions::new().write(true).open("/dev/full").unwrap() };
    for (arguments, code) in [
        (
            &["attributes", "--generator", "http://127.0.0.1:9"][..],
            FAILURE,
        ),
        (&["classify", "missing.jpg", "missing.jpg"], FAILURE),
        (&["attributes", "--generator", "nowhere"], USAGE),
        (&["generate"], USAGE),
        (&["generate", "--json"], USAGE),
    ] {
        let status = program(arguments)
            .stderr(full())
            .stdout(Stdio::null())
            .status();
        assert_eq!(status.unwrap().code(), Some(code), "{arguments:?}");
    }
}
