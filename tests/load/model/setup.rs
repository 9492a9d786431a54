//! What is simulated, costs, replicas and demand, and what comes of it.

use std::fmt;

use serde_json::{Value, json};

/// Steps of a default face.
const STEPS: usize = 50;

/// What a face costs. Times are core-seconds, unless they are delays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    /// Steps of a face, each of which needs the result of the one before.
    pub(crate) steps: usize,
    /// A call of the network, whatever the number of its images.
    pub(crate) batch: f64,
    /// Each image of such a call.
    pub(crate) image: f64,
    /// A step in the classifier, outside the network.
    pub(crate) classifier: f64,
    /// A step in the generator.
    pub(crate) generator: f64,
    /// Seconds from one service to the other, one way.
    pub(crate) delay: f64,
}

/// A default face that costs nothing.
impl Default for Costs {
    fn default() -> Self {
        Self {
            steps: STEPS,
            batch: 0.0,
            image: 0.0,
            classifier: 0.0,
            generator: 0.0,
            delay: 0.0,
        }
    }
}

impl Costs {
    /// A step, if the network computes `n` images at a time.
    pub(crate) fn step(&self, n: f64) -> f64 {
        self.batch / n + self.image + self.classifier + self.generator
    }
}

/// The replicas of both services, and where they run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cluster {
    pub(crate) classifiers: usize,
    pub(crate) generators: usize,
    /// Cores of each machine.
    pub(crate) cores: f64,
    /// Whether all replicas share one machine; otherwise each has its own.
    pub(crate) shared: bool,
    /// Cores that one call of the network can use.
    pub(crate) threads: f64,
    /// Images of one call of the network.
    pub(crate) max_batch: usize,
    /// Longest call with more than one image, in seconds: within a second after interactive work, and otherwise.
    pub(crate) longest: [f64; 2],
    /// Faces that a generator makes at once.
    pub(crate) sessions: usize,
    /// Requests that wait for a place at a generator; further ones are refused.
    pub(crate) waiting: usize,
}

/// Who asks for faces.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Demand {
    /// So many users, each of whom waits for a face, then thinks for so long on average, and asks for the next one.
    Closed { users: usize, think: f64 },
    /// So many requests a second, whatever becomes of those before.
    Open { rate: f64 },
}

/// What is simulated, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) costs: Costs,
    pub(crate) cluster: Cluster,
    pub(crate) demand: Demand,
    /// Seconds that are not counted, then seconds that are.
    pub(crate) warm_up: f64,
    pub(crate) seconds: f64,
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Report {
    pub(crate) faces_per_second: f64,
    pub(crate) steps_per_second: f64,
    /// From the request to the face, in seconds.
    pub(crate) mean: f64,
    pub(crate) p99: f64,
    /// Requests that found the waiting room full, of all.
    pub(crate) refused: f64,
    /// The part of all cores that was busy.
    pub(crate) utilisation: f64,
    /// The part of the time for which the average network was at work.
    pub(crate) network: f64,
    /// Images in one call of the network.
    pub(crate) images: f64,
}

impl Report {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "steps_per_second": self.steps_per_second,
            "faces_per_second": self.faces_per_second,
            "mean_seconds": self.mean,
            "p99_seconds": self.p99,
            "refused": self.refused,
            "utilisation": self.utilisation,
            "network": self.network,
            "images": self.images,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.2} faces/s ({:.0} steps/s), {:.2} s on average, p99 {:.2} s, {:.1} % refused, cores {:.0} % busy, networks {:.0} %, \
             {:.1} images a call",
            self.faces_per_second,
            self.steps_per_second,
            self.mean,
            self.p99,
            1e2 * self.refused,
            1e2 * self.utilisation,
            1e2 * self.network,
            self.images,
        )
    }
}
