//! Our network beside PyTorch's, in one run and in turn: the ratios of docs/performance.md.
//!
//! `cargo bench -p deepface-network --bench pytorch [-- ROUNDS]`. It makes a Python environment with PyTorch under
//! `target/pytorch` (once; on Linux several GB, since that PyTorch brings CUDA; needs `python3` with venv and the
//! network), or takes the interpreter named by `DEEPFACE_PYTHON`. Building and testing need no Python.
//! `DEEPFACE_FIGURES=FILE` also writes the figures as JSON.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use deepface_network::train::Rehearsal;
use deepface_network::{Architecture, DeviceChoice, Model, Objective, Term};
use deepface_statistics::median;
use serde_json::json;

/// Architecture / side / layer / what / batch, as the worker reads it; runs a round; and the bar for our time over
/// PyTorch's.
const CASES: [(&str, usize, f64); 8] = [
    ("vgg-face/224/pool5/forward/1", 2, 0.6),
    ("vgg-face/224/pool5/gradient/1", 2, 0.5),
    ("vgg-face-mini/96/conv4_3/forward/1", 40, 0.6),
    ("vgg-face-mini/96/conv4_3/gradient/1", 40, 0.5),
    ("vgg-face-mini/96/pool5/gradient/1", 40, 0.5),
    ("vgg-face-mini/96/heads/forward/1", 40, 0.6),
    ("vgg-face-mini/96/heads/forward/32", 10, 1.0 / 1.5),
    ("vgg-face-mini/96/heads/train/64", 2, 1.0),
];

fn main() -> anyhow::Result<()> {
    let rounds = std::env::args().skip(1).find_map(|a| a.parse().ok());
    let rounds: usize = rounds.unwrap_or(15);
    let threads = rayon::current_num_threads();
    let mut pytorch = Worker::start(&interpreter()?, threads)?;
    println!("{}, in turn, {rounds} rounds", pytorch.greeting);
    println!(
        "{:<38} {:>10} {:>10}   ratio, quartiles      bar",
        "", "ours", "PyTorch"
    );
    let mut cases = Vec::new();
    for (name, runs, bar) in CASES {
        let mut ours = case(name, threads)?;
        let (mut times, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        ours();
        pytorch.time(name, 1)?;
        for _ in 0..rounds {
            let them = pytorch.time(name, runs)?;
            let ours = (0..runs).map(|_| seconds(&mut ours)).collect();
            let us = median(ours).context("no runs")?;
            times.push(us);
            theirs.push(them);
            ratios.push(us / them);
        }
        ratios.sort_by(f64::total_cmp);
        let at = |share: usize| ratios[(ratios.len() - 1) * share / 100];
        let milliseconds = [times, theirs].map(|times| median(times).map(|s| 1e3 * s));
        let [Some(us), Some(them)] = milliseconds else {
            anyhow::bail!("no rounds");
        };
        println!(
            "{name:<38} {us:>7.2} ms {them:>7.2} ms   {:.2} ({:.2} {:.2})   <= {bar:.2}",
            at(50),
            at(25),
            at(75)
        );
        cases.push(json!({
            "name": name, "milliseconds": [us, them], "ratio": at(50), "low": at(25), "high": at(75),
        }));
    }
    if let Some(path) = std::env::var_os("DEEPFACE_FIGURES") {
        let figures = json!({"pytorch": pytorch.greeting, "rounds": rounds, "cases": cases});
        std::fs::write(path, format!("{figures:#}\n"))?;
    }
    Ok(())
}

fn seconds(work: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Our side of a case.
fn case(name: &str, threads: usize) -> anyhow::Result<Box<dyn FnMut()>> {
    let parts: Vec<&str> = name.split('/').collect();
    let [arch, side, layer, what, batch] = parts[..] else {
        anyhow::bail!("{name}: expected five parts");
    };
    let architecture = Architecture::by_name(arch).context("an architecture of ours")?;
    let n: usize = batch.parse()?;
    ensure!(architecture.input == side.parse::<usize>()?, "{name}: side");
    if what == "train" {
        let mut rehearsal = Rehearsal::new(&architecture, n, false);
        return Ok(Box::new(move || rehearsal.step()));
    }
    let mut model = Model::random(architecture, DeviceChoice::Cpu, threads)?;
    let layer = model.info().layer(layer).context("a layer of ours")?;
    let size: usize = model.info().layers[layer].shape.iter().product();
    let images: Vec<f32> = (0..n * model.info().pixels())
        .map(|i| 0.5 + 0.4 * (i as f32 * 0.01).sin())
        .collect();
    let objective = [Objective {
        weight: 1.0,
        term: Term::SquaredDistance {
            layer,
            target: vec![0.5; size].into(),
            normalized: false,
        },
    }];
    Ok(match what {
        "forward" => Box::new(move || {
            let found = model.activations(&images, n, &[layer]);
            found.expect("the sizes fit");
        }),
        _ => Box::new(move || {
            let found = model.differentiate(&images, n, &objective, &[]);
            found.expect("the sizes fit");
        }),
    })
}

/// A Python with PyTorch.
fn interpreter() -> anyhow::Result<PathBuf> {
    if let Some(python) = std::env::var_os("DEEPFACE_PYTHON") {
        return Ok(python.into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = root.join("../target/pytorch");
    let python = venv.join("bin/python");
    let ready = venv.join("ready");
    if !ready.exists() {
        eprintln!("installing PyTorch into {}", venv.display());
        run(Command::new("python3").arg("-m").arg("venv").arg(&venv))?;
        let requirements = root.join("benches/pytorch/requirements.txt");
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(requirements))?;
        std::fs::write(ready, [])?;
    }
    Ok(python)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// The Python process, which waits for a line and answers with one.
struct Worker {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    greeting: String,
}

impl Worker {
    fn start(python: &Path, threads: usize) -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pytorch/worker.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", python.display()))?;
        let to = child.stdin.take().context("its input is a pipe")?;
        let from = child.stdout.take().context("its output is a pipe")?;
        let mut worker = Self {
            child,
            to,
            from: BufReader::new(from),
            greeting: String::new(),
        };
        worker.greeting = worker.line()?;
        Ok(worker)
    }

    /// Median seconds of a case.
    fn time(&mut self, case: &str, runs: usize) -> anyhow::Result<f64> {
        writeln!(self.to, "{case} {runs}")?;
        Ok(self.line()?.parse()?)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let read = self.from.read_line(&mut line)?;
        ensure!(read > 0, "PyTorch's side has ended");
        Ok(line.trim().to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
