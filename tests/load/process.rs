//! The two programs as processes: started, watched, signalled, killed and started again.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deepface_client::{ClassifierClient, GeneratorClient};

use crate::Outcome;

/// For a start, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Clock ticks of a second in /proc, which Linux fixes for programs.
const TICKS: f64 = 100.0;

/// Variables of the environment, and their values.
pub(crate) type Environment = &'static [(&'static str, &'static str)];

/// A running service; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Environment,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Classifier,
    Generator,
}

impl Process {
    /// Starts a classifier with the built-in model and waits until it answers.
    pub(crate) async fn classifier(bin: &Path) -> Outcome<Self> {
        Self::classifier_with(bin, &[]).await
    }

    /// The same, with more flags.
    pub(crate) async fn classifier_with(bin: &Path, flags: &[&str]) -> Outcome<Self> {
        Self::start(bin.join("classifier-svc"), Kind::Classifier, flags, &[]).await
    }

    /// The pair, the generator last, with these variables of the environment.
    pub(crate) async fn pair_within(bin: &Path, environment: Environment) -> Outcome<[Self; 2]> {
        let program = bin.join("classifier-svc");
        let classifier = Self::start(program, Kind::Classifier, &[], environment).await?;
        let (program, url) = (bin.join("generator-svc"), classifier.url());
        let flags = ["--classifier", &url];
        let generator = Self::start(program, Kind::Generator, &flags, environment).await?;
        Ok([classifier, generator])
    }

    /// Starts a generator that asks the classifier at this URL, and waits until it answers.
    pub(crate) async fn generator(bin: &Path, classifier: &str) -> Outcome<Self> {
        Self::generator_with(bin, classifier, &[]).await
    }

    /// The same, with more flags.
    pub(crate) async fn generator_with(
        bin: &Path,
        classifier: &str,
        flags: &[&str],
    ) -> Outcome<Self> {
        let flags = [&["--classifier", classifier], flags].concat();
        Self::start(bin.join("generator-svc"), Kind::Generator, &flags, &[]).await
    }

    async fn start(
        program: PathBuf,
        kind: Kind,
        more: &[&str],
        environment: Environment,
    ) -> Outcome<Self> {
        let address = free_address()?;
        let listen = address.to_string();
        let arguments = [&["serve", "--listen", &listen], more].concat();
        let arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        let child = spawn(&program, &arguments, environment)?;
        let process = Self {
            child,
            program,
            arguments,
            environment,
            address,
            kind,
        };
        process.ready().await?;
        Ok(process)
    }

    /// The URL of the service.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until the service answers.
    pub(crate) async fn ready(&self) -> Outcome<()> {
        let started = Instant::now();
        let patience = Duration::from_secs(1);
        loop {
            let answered = match self.kind {
                Kind::Classifier => {
                    let client = ClassifierClient::connect_lazy(&self.url())?;
                    client.with_deadline(patience).get_model().await.map(drop)
                }
                Kind::Generator => {
                    let client = GeneratorClient::connect_lazy(&self.url())?;
                    let client = client.with_deadline(patience);
                    client.list_attributes().await.map(drop)
                }
            };
            match answered {
                Ok(()) => return Ok(()),
                Err(error) if started.elapsed() > PATIENCE => return Err(error.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Sends a signal by its name: TERM, STOP, CONT.
    pub(crate) fn signal(&self, name: &str) -> Outcome<()> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status()?;
        if sent.success() {
            return Ok(());
        }
        Err(format!("cannot send {name} to process {pid}").into())
    }

    /// Kills the process and starts it again at the same place.
    pub(crate) async fn kill_and_restart(&mut self) -> Outcome<()> {
        self.kill_and_restart_with(&[]).await
    }

    /// The same, with more flags for this once.
    pub(crate) async fn kill_and_restart_with(&mut self, flags: &[&str]) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        let more = flags.iter().map(|&flag| flag.to_owned());
        let arguments: Vec<_> = self.arguments.iter().cloned().chain(more).collect();
        self.child = spawn(&self.program, &arguments, self.environment)?;
        self.ready().await
    }

    /// Whether the process has not ended.
    pub(crate) fn runs(&mut self) -> Outcome<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits until the process ends and starts it again at the same place.
    pub(crate) async fn restart_when_it_ends(&mut self) -> Outcome<()> {
        while self.runs()? {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.child = spawn(&self.program, &self.arguments, self.environment)?;
        self.ready().await
    }

    /// Seconds of CPU that the process has used.
    pub(crate) fn cpu_seconds(&self) -> Outcome<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name, in parentheses, may hold spaces.
        let (_, fields) = stat.rsplit_once(')').ok_or("/proc/PID/stat has no name")?;
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
        Ok(ticks / TICKS)
    }

    /// Megabytes of memory that the process holds.
    pub(crate) fn resident_megabytes(&self) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let line = line.ok_or("/proc/PID/status has no VmRSS")?;
        let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes / 1e3)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// An address of the loopback interface that nobody listens at.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(free.local_addr()?)
}

fn spawn(program: &Path, arguments: &[String], environment: Environment) -> Outcome<Child> {
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().copied());
    command.stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn();
    child.map_err(|e| format!("cannot start {}: {e}", program.display()).into())
}
