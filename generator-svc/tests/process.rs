//! The service as a process: a log that nobody reads, and errors.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_generator-svc"));
    program
        .args(arguments)
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG");
    program
}

#[test]
fn a_service_whose_log_reader_has_gone_stops() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let mut command = program(&[
            "serve",
            "--lame-duck-seconds",
            "0",
            "--listen",
            "127.0.0.1:0",
        ]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        log.read_line(&mut line).unwrap();
        assert!(line.contains("listening on"), "{line}");
        drop(log);
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
        let end = Instant::now() + Duration::from_secs(10);
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "{signal} did not end it");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}

#[test]
fn a_typing_error_is_one_line_whatever_the_environment_says_of_backtraces() {
    let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--cgmm", "no/such.cgmm"]);
    let output = command.env("RUST_BACKTRACE", "1").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let error: Vec<_> = said
        .lines()
        .filter(|line| !line.contains("listening on"))
        .collect();
    assert_eq!(error.len(), 1, "{said}");
    assert!(
        error[0].starts_with("error: ") && error[0].matches("no/such.cgmm").count() == 1,
        "{said}"
    );
}
