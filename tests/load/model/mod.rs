//! Faces per second and waiting times of clusters that nobody has to rent: a simulation.

mod machine;
mod setup;
mod simulation;
#[cfg(test)]
mod tests;

pub(crate) use setup::{Cluster, Costs, Demand, Report, Setup};
pub(crate) use simulation::simulate;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Outcome;
use crate::figures::keep;

/// Longest calls of the network with several steps, in seconds, as in the classifier: within a second after interactive
/// work, and otherwise.
pub(crate) const LONGEST: [f64; 2] = [0.002, 0.020];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// File with the costs of a face, as `load scaling` writes it.
    #[arg(long, value_name = "FILE", default_value = "docs/figures/scaling.json")]
    costs: PathBuf,
    /// Microseconds of a call of the network, whatever its images; instead of those in the file.
    #[arg(long, value_name = "US")]
    batch_us: Option<f64>,
    /// Microseconds of each image of such a call.
    #[arg(long, value_name = "US")]
    image_us: Option<f64>,
    /// Microseconds of a step in the classifier, outside the network.
    #[arg(long, value_name = "US")]
    classifier_us: Option<f64>,
    /// Microseconds of a step in the generator.
    #[arg(long, value_name = "US")]
    generator_us: Option<f64>,
    /// Microseconds from one service to the other, one way.
    #[arg(long, value_name = "US", default_value_t = 250.0)]
    delay_us: f64,
    /// Replicas of the classifier.
    #[arg(long, default_value_t = 1, value_parser = positive)]
    classifiers: usize,
    /// Replicas of the generator.
    #[arg(long, default_value_t = 1, value_parser = positive)]
    generators: usize,
    /// Cores of each replica's machine, or of the one that all share.
    #[arg(long, default_value_t = 1.0, value_parser = above_zero)]
    cores: f64,
    /// Runs all replicas on one machine.
    #[arg(long)]
    shared: bool,
    /// Cores that one call of the network can use.
    #[arg(long, default_value_t = 1.0, value_parser = above_zero)]
    threads: f64,
    /// Images of one call of the network.
    #[arg(long, default_value_t = 16, value_parser = positive)]
    max_batch: usize,
    /// Longest call of the network with several steps within a second after a finished face, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1e3 * LONGEST[0], value_parser = above_zero)]
    short_ms: f64,
    /// Faces that a generator makes at once.
    #[arg(long, default_value_t = 16, value_parser = positive)]
    max_sessions: usize,
    /// Requests that wait at a generator.
    #[arg(long, default_value_t = 64)]
    max_waiting: usize,
    /// Numbers of users, simulated one after the other; each waits for a face, thinks, and asks for the next one.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16, 64])]
    users: Vec<usize>,
    /// Mean seconds for which a user thinks.
    #[arg(long, default_value_t = 0.0)]
    think: f64,
    /// Requests per second that arrive independently, instead of users.
    #[arg(long, value_delimiter = ',', conflicts_with = "users", value_parser = above_zero)]
    rate: Vec<f64>,
    /// Simulated seconds that are counted, after a tenth as many that are not.
    #[arg(long, default_value_t = 300.0, value_parser = above_zero)]
    seconds: f64,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn positive(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| "expected a whole number above 0".into())
}

fn above_zero(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|&n: &f64| n > 0.0 && n.is_finite());
    number.ok_or_else(|| "expected a number above 0".into())
}

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let setup = |demand| -> Outcome<Setup> {
        Ok(Setup {
            costs: args.costs()?,
            cluster: args.cluster(),
            demand,
            warm_up: args.seconds / 10.0,
            seconds: args.seconds,
            seed: args.seed,
        })
    };
    let think = args.think.max(0.0);
    let users = args.users.iter();
    let closed = users.map(|&users| Demand::Closed { users, think });
    let demands: Vec<_> = match args.rate[..] {
        [] => closed.collect(),
        _ => args
            .rate
            .iter()
            .map(|&rate| Demand::Open { rate })
            .collect(),
    };
    let mut figures = Vec::new();
    for demand in demands {
        let report = simulate(&setup(demand)?);
        let name = match demand {
            Demand::Closed { users, .. } => format!("{users} users"),
            Demand::Open { rate } => format!("{rate} requests/s"),
        };
        println!("{name}: {report}");
        figures.push(json!({"name": name, "predicted": report.to_json()}));
    }
    keep(&json!({"runs": figures}))
}

impl Args {
    fn costs(&self) -> Outcome<Costs> {
        let given = [
            self.batch_us,
            self.image_us,
            self.classifier_us,
            self.generator_us,
        ];
        let mut costs = match given {
            // The file need not be there.
            [Some(_), Some(_), Some(_), Some(_)] => Costs::default(),
            _ => Costs::read(&self.costs)?,
        };
        let Costs {
            batch,
            image,
            classifier,
            generator,
            ..
        } = &mut costs;
        for (cost, given) in [batch, image, classifier, generator].into_iter().zip(given) {
            *cost = given.map_or(*cost, |us| us / 1e6).max(0.0);
        }
        costs.delay = self.delay_us.max(0.0) / 1e6;
        match costs.step(1.0) + costs.delay > 0.0 {
            true => Ok(costs),
            // Without any, the clock of the simulation stands still.
            false => Err("expected a step that takes time".into()),
        }
    }

    fn cluster(&self) -> Cluster {
        Cluster {
            classifiers: self.classifiers,
            generators: self.generators,
            cores: self.cores,
            shared: self.shared,
            threads: self.threads,
            max_batch: self.max_batch,
            longest: [self.short_ms / 1e3, LONGEST[1]],
            sessions: self.max_sessions,
            waiting: self.max_waiting,
        }
    }
}

impl Costs {
    /// Those in a file of `load scaling`.
    fn read(path: &Path) -> Outcome<Self> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let file: Value = serde_json::from_str(&text)?;
        let cost = |name: &str| -> Outcome<f64> {
            let us = file["costs"][name].as_f64();
            let us = us.ok_or_else(|| format!("{}: no costs/{name}", path.display()))?;
            Ok(us / 1e6)
        };
        Ok(Self {
            batch: cost("batch_us")?,
            image: cost("image_us")?,
            classifier: cost("classifier_us")?,
            generator: cost("generator_us")?,
            ..Self::default()
        })
    }

    pub(crate) fn to_json(self) -> Value {
        let us = |seconds: f64| 1e6 * seconds;
        json!({
            "batch_us": us(self.batch),
            "image_us": us(self.image),
            "classifier_us": us(self.classifier),
            "generator_us": us(self.generator),
        })
    }
}
