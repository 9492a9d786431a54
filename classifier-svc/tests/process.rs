//! The service as a process: signals, a log that nobody reads, the environment, and errors.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use deepface_proto::v1::classifier_service_server::SERVICE_NAME;
use deepface_serve::hang_up_is_ignored;

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_classifier-svc"));
    program
        .args(arguments)
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG");
    program
}

/// Starts the service on any port; returns its log too.
fn serve(more: &[&str], rust_log: &str) -> (Child, BufReader<ChildStderr>, SocketAddr) {
    let arguments = [
        &[
            "serve",
            "--threads",
            "1",
            "--listen",
            "127.0.0.1:0",
            "--lame-duck-seconds",
            "0",
        ],
        more,
    ]
    .concat();
    let mut command = program(&arguments);
    let command = command.env("RUST_LOG", rust_log).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended");
        if let Some((_, address)) = line.split_once("listening on ") {
            break address.trim().parse().unwrap();
        }
    };
    (child, log, address)
}

async fn ready(address: SocketAddr) {
    let longest = Duration::from_secs(60);
    deepface_serve::wait_until_serving(address, SERVICE_NAME, longest)
        .await
        .unwrap();
}

/// Sends a signal; returns the exit code, which must come within a few seconds.
#[track_caller]
fn stop(child: &mut Child, signal: &str) -> Option<i32> {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("{signal} did not end it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_subcommand_health_says_by_its_exit_code_whether_the_service_serves() {
    let (mut child, _log, address) = serve(&[], "info");
    ready(address).await;
    let any = format!("0.0.0.0:{}", address.port());
    let ask = |words: &[&str]| {
        let mut command = program(&[&["health"], words].concat());
        let asked = command
            .env("DEEPFACE_CLASSIFIER_LISTEN", &any)
            .output()
            .unwrap();
        let said = String::from_utf8([asked.stdout, asked.stderr].concat()).unwrap();
        (asked.status.code(), said)
    };
    assert_eq!(ask(&[]), (Some(0), "SERVING\n".to_owned()));
    assert_eq!(ask(&[SERVICE_NAME]).0, Some(0));
    let (code, said) = ask(&["no.such.Service"]);
    assert_eq!(code, Some(1));
    assert!(said.ends_with("unknown name\n"), "{said}");
    assert_eq!(stop(&mut child, "-TERM"), Some(0));
    let (code, said) = ask(&[]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("error: 127.0.0.1:"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_log_reader_has_gone_serves_and_stops() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        // A program started by these tests, below `nohup`, ignores it too.
        if signal == "-HUP" && hang_up_is_ignored() {
            continue;
        }
        let (mut child, log, address) = serve(&[], "info");
        drop(log);
        ready(address).await;
        assert_eq!(stop(&mut child, signal), Some(0), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_log_nobody_reads_serves_and_stops() {
    let (mut child, log, address) = serve(&[], "trace");
    // Every request is traced; a pipe holds 64 KiB.
    for _ in 0..100 {
        ready(address).await;
    }
    assert_eq!(stop(&mut child, "-TERM"), Some(0));
    drop(log);
}

#[test]
fn a_hang_up_is_ignored_where_the_process_was_told_so() {
    // What `nohup` does.
    let binary = env!("CARGO_BIN_EXE_classifier-svc");
    let script = format!(
        "trap '' HUP; exec '{binary}' serve --threads 1 --listen 127.0.0.1:0 --lame-duck-seconds 0"
    );
    let mut command = Command::new("sh");
    let mut child = command
        .args(["-c", &script])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    log.read_line(&mut line).unwrap();
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-HUP", &id])
            .status()
            .unwrap()
            .success()
    );
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none());
    assert_eq!(stop(&mut child, "-TERM"), Some(0));
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = program(arguments);
    let Output { status, stderr, .. } = command.envs(environment.iter().copied()).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_typing_error_is_one_line_whatever_the_environment_says_of_backtraces() {
    let environment = [("RUST_BACKTRACE", "1"), ("RUST_LIB_BACKTRACE", "1")];
    let (code, said) = run(&["import", "no/such.caffemodel"], &environment);
    assert_eq!(code, Some(1));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with("error: ") && said.contains("no/such.caffemodel"),
        "{said}"
    );
    assert_eq!(said.matches("no/such.caffemodel").count(), 1, "{said}");
}

#[test]
fn a_switch_of_the_environment_takes_the_usual_words() {
    let listen = |value: &str| {
        let arguments = ["serve", "--listen", "0.0.0.0:0", "--device", "cuda:9"];
        run(&arguments, &[("DEEPFACE_INSECURE", value)]).1
    };
    for on in ["1", "true", "yes"] {
        // It gets as far as the device, which this program cannot use.
        assert!(listen(on).contains("listening on 0.0.0.0"), "{on}");
    }
    for off in ["0", "false", "no", ""] {
        assert!(listen(off).contains("--insecure"), "{off:?}");
    }
    assert!(listen("maybe").contains("expected 1 or 0"));
}

#[test]
fn manual_pages_are_written() {
    let output = program(&["man"]).output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(
        page.contains(".TH classifier-svc 1") && page.contains("Examples"),
        "{page}"
    );
}

#[test]
fn the_variable_with_the_name_of_the_service_counts_first() {
    let printed = |environment: &[(&str, &str)]| {
        let mut command = program(&["serve", "--max-batch", "3", "--print-config"]);
        let output = command.envs(environment.iter().copied()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let both = [("DEEPFACE_QUEUE", "7"), ("DEEPFACE_CLASSIFIER_QUEUE", "9")];
    let text = printed(&both);
    assert!(
        text.contains("queue = 9 # DEEPFACE_CLASSIFIER_QUEUE\n"),
        "{text}"
    );
    assert!(text.contains("max_batch = 3 # flag\n"), "{text}");
    let text = printed(&both[..1]);
    assert!(text.contains("queue = 7 # DEEPFACE_QUEUE\n"), "{text}");
    let text = printed(&[("DEEPFACE_GENERATOR_QUEUE", "5")]);
    assert!(text.contains("queue = 256 # default\n"), "{text}");
}
