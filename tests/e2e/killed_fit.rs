//! A fit whose process is killed goes on where it was, and writes the same bytes.

use std::env;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use deepface_tests::{DrawnDataSet, Fault, Proxy, shared};
use generator_svc::fit;
use tokio::time::{sleep, timeout};

use crate::small_fit::{flags, parse};

/// The flags of the process that is killed, a line each.
const FLAGS: &str = "DEEPFACE_TEST_FIT";
/// How often `fit` keeps its sums at most, and a little more.
const INTERVAL: Duration = Duration::from_millis(10_100);
/// The time a test machine may need for a part of a fit.
const PATIENCE: Duration = Duration::from_secs(120);

async fn run(flags: &[String]) {
    fit::run(&parse(flags)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that the test below starts"]
async fn the_fit() {
    // Nobody else has flags for it.
    if let Ok(flags) = env::var(FLAGS) {
        run(&flags.lines().map(String::from).collect::<Vec<_>>()).await;
    }
}

/// This program again, to run only the fit.
fn start(flags: &[String]) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "killed_fit::the_fit", "--ignored", "--nocapture"])
        .env(FLAGS, flags.join("\n"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let done = timeout(PATIENCE, wait).await;
    done.unwrap_or_else(|_| panic!("no {what} within {PATIENCE:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_goes_on_and_writes_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let drawn = DrawnDataSet {
        people: [320, 8, 8],
        photographs: 1,
        contradiction: false,
    };
    drawn.write(dir.path());
    let output = |name: &str| -> PathBuf { dir.path().join(name).with_extension("safetensors") };
    let direct = shared().classifier.url();
    run(&flags(dir.path(), &direct, &output("whole"))).await;
    let whole = std::fs::read(output("whole")).unwrap();

    // The connection falls silent in the first pass, until it is time to keep sums, and again once they are kept.
    let proxy = Proxy::to(shared().classifier.address).await;
    let killed = flags(dir.path(), &proxy.url(), &output("killed"));
    let mut child = start(&killed);
    until("photographs sent", || proxy.sent() > 100_000).await;
    proxy.set(Fault::Blackhole);
    sleep(INTERVAL).await;
    proxy.set(Fault::None);
    let checkpoint = output("killed").with_extension("checkpoint");
    until("checkpoint", || checkpoint.exists()).await;
    proxy.set(Fault::Blackhole);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "it was still at work");
    assert!(!output("killed").exists());

    proxy.set(Fault::None);
    let again = start(&killed).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success(), "{said}");
    assert!(said.contains("resuming pass 1 after photograph "), "{said}");
    assert!(!checkpoint.exists());
    assert!(std::fs::read(output("killed")).unwrap() == whole);
}
