//! How long a person waits for a face: the program with both services, from its start to its end.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::Outcome;
use crate::figures::{Times, keep};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Faces to make.
    #[arg(long, default_value_t = 15)]
    faces: usize,
}

pub(crate) fn run(bin: &Path, args: &Args) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let mut times = Times::default();
    for seed in 0..args.faces {
        let mut program = Command::new(bin.join("deepface"));
        program.args(["generate", "Male", "Smiling", "Eyeglasses", "--seed"]);
        program.arg(seed.to_string()).arg("--output");
        program.arg(folder.path().join(format!("{seed}.png")));
        let start = Instant::now();
        let output = program.output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        times.add(start.elapsed());
    }
    let [low, median, high] = [0.25, 0.5, 0.75].map(|q| times.quantile(q) / 1e3);
    println!("a face in {median:.2} s, quartiles {low:.2} {high:.2}");
    keep(&json!({"seconds": median, "low": low, "high": high}))
}
