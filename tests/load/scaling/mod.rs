//! What the simulation predicts for several replicas on this machine, and what they do.
//!
//! The costs come first: of the network by itself, then of a step in each service, from one user's faces. All are CPU time,
//! and the simulation knows how many cores other processes left in each run, so a busy machine does not spoil the ratios.

mod costs;
mod machine;
mod measurement;

use std::path::Path;

use serde_json::{Value, json};

use self::costs::Network;
use self::machine::cores;
use self::measurement::{Cluster, Measured, measure};
use crate::Outcome;
use crate::figures::keep;
use crate::model::{self, Costs, Demand, LONGEST, Report, Setup, simulate};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Numbers of classifiers.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3, 4])]
    classifiers: Vec<usize>,
    /// Numbers of generators.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    generators: Vec<usize>,
    /// Users, each of whom waits for a face and asks for the next one.
    #[arg(long, default_value_t = 8)]
    users: usize,
    /// Threads of each classifier's network.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

pub(crate) async fn run(bin: &Path, args: &Args) -> Outcome<()> {
    let network = Network::measure()?;
    println!(
        "the network: {:.0} us a call and {:.0} us an image on one core",
        1e6 * network.batch,
        1e6 * network.image
    );
    let alone = Cluster {
        classifiers: 1,
        generators: 1,
        threads: args.threads,
        users: 1,
    };
    let first = measure(bin, alone, args.seconds).await?;
    let costs = costs(&network, &first);
    println!(
        "a step besides: {:.0} us in the classifier, {:.0} us in the generator",
        1e6 * costs.classifier,
        1e6 * costs.generator
    );
    let mut runs = vec![beside(&costs, alone, &first)];
    let mut crowd = None;
    for &generators in &args.generators {
        for &classifiers in &args.classifiers {
            let cluster = Cluster {
                classifiers,
                generators,
                users: args.users,
                ..alone
            };
            let measured = measure(bin, cluster, args.seconds).await?;
            runs.push(beside(&costs, cluster, &measured));
            // The first has all users at one generator.
            crowd.get_or_insert(measured.memory);
        }
    }
    let mut ratios: Vec<_> = runs
        .iter()
        .filter_map(|run| run["ratio"].as_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    let [low, ratio, high] = [0, ratios.len() / 2, ratios.len() - 1].map(|i| ratios[i]);
    println!("measured by predicted: median {ratio:.2}, from {low:.2} to {high:.2}");
    keep(&json!({
        "cores": cores(),
        "threads": args.threads,
        "network": network.to_json(),
        "costs": costs.to_json(),
        "megabytes": {
            "alone": memory(first.memory),
            "crowd": crowd.map(memory),
            "users": args.users,
        },
        "runs": runs,
        "ratio": ratio,
        "low": low,
        "high": high,
    }))
}

/// What one user's faces cost besides the network, which computes their steps one by one.
fn costs(network: &Network, one_user: &Measured) -> Costs {
    let [classifier, generator] = one_user.per_step;
    Costs {
        batch: network.batch,
        image: network.image,
        classifier: (classifier - network.batch - network.image).max(0.0),
        generator,
        ..Costs::default()
    }
}

fn memory([classifier, generator]: [f64; 2]) -> Value {
    json!({"classifier": classifier, "generator": generator})
}

/// Prints and gives a measurement beside its prediction.
fn beside(costs: &Costs, cluster: Cluster, measured: &Measured) -> Value {
    let predicted = predict(costs, cluster, measured.cores);
    let ratio = measured.steps_per_second / predicted.steps_per_second;
    let name = format!(
        "{} classifiers, {} generators, {} users",
        cluster.classifiers, cluster.generators, cluster.users
    );
    println!(
        "{name}, {:.2} cores left: predicted {:.0} steps/s ({:.2} s a face, {:.1} images a call), measured {:.0} ({:.2} s, {:.1} images), \
         ratio {ratio:.2}; {} faces, {} lost",
        measured.cores,
        predicted.steps_per_second,
        predicted.mean,
        predicted.images,
        measured.steps_per_second,
        measured.faces.mean() / 1e3,
        measured.images,
        measured.faces.count(),
        measured.lost.len()
    );
    for error in measured.lost.iter().take(3) {
        println!("  {error}");
    }
    json!({
        "name": name,
        "classifiers": cluster.classifiers,
        "generators": cluster.generators,
        "users": cluster.users,
        "cores": measured.cores,
        "predicted": predicted.to_json(),
        "measured": measured.to_json(),
        "ratio": ratio,
    })
}

/// All replicas on one machine with so many cores.
fn predict(costs: &Costs, cluster: Cluster, cores: f64) -> Report {
    simulate(&Setup {
        costs: *costs,
        cluster: model::Cluster {
            classifiers: cluster.classifiers,
            generators: cluster.generators,
            cores,
            shared: true,
            threads: cluster.threads as f64,
            max_batch: 16,
            longest: LONGEST,
            sessions: 16,
            waiting: 64,
        },
        demand: Demand::Closed {
            users: cluster.users,
            think: 0.0,
        },
        warm_up: 30.0,
        seconds: 300.0,
        seed: 1,
    })
}
