//! A discrete-event simulation of faces on their way through both services.
//!
//! A face has a place at one generator and a stream to one classifier until it is finished, as in the services. Every step
//! is work of the generator, then of the classifier outside its network, then waits for the network, which takes all steps
//! that wait in one call, up to a limit.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use deepface_tests::Random;

use super::machine::{Machine, Seconds};
use super::setup::{Cluster, Demand, Report, Setup};

/// How long after a finished face, which is classified at once, a classifier keeps its calls short, in seconds.
const ATTENTIVE: f64 = 1.0;
/// Of a new measurement, the part that counts in the classifier's mean time per image.
const SMOOTHING: f64 = 1.0 / 8.0;
/// Least time after which a user who was refused asks again, in seconds.
const RETRY: f64 = 1.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// Somebody asks for a face.
    Asks,
    /// A step of this face is at its classifier.
    Sent(usize),
    /// The result of a step is back.
    Answered(usize),
    /// The next job of this machine ends, if its jobs are still those of then.
    Ends { machine: usize, version: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Job {
    /// The generator works on a step of this face.
    Generator(usize),
    /// The classifier reads a step of this face and writes its result.
    Classifier(usize),
    /// The network of this classifier works.
    Network(usize),
}

#[derive(Clone, Copy, Debug)]
struct Face {
    asked: f64,
    generator: usize,
    classifier: usize,
    steps_left: usize,
}

#[derive(Debug)]
struct Generator {
    faces: usize,
    waiting: VecDeque<usize>,
    /// Streams to each classifier.
    streams: Vec<usize>,
}

#[derive(Debug, Default)]
struct Classifier {
    queue: VecDeque<usize>,
    /// What the network works on.
    batch: Vec<usize>,
    since: f64,
    /// Learned seconds per image; 0 before the first call.
    image: f64,
    attentive_until: f64,
}

/// Sums of the time that counts.
#[derive(Debug, Default)]
struct Tally {
    latencies: Vec<f64>,
    asked: usize,
    refused: usize,
    steps: usize,
    calls: usize,
    images: usize,
    network: f64,
}

/// Simulates a cluster under a demand.
pub(crate) fn simulate(setup: &Setup) -> Report {
    Simulation::new(setup).run()
}

struct Simulation<'a> {
    setup: &'a Setup,
    now: f64,
    random: Random,
    events: BinaryHeap<Reverse<(Seconds, u64, Event)>>,
    scheduled: u64,
    machines: Vec<Machine<Job>>,
    versions: Vec<u64>,
    generators: Vec<Generator>,
    classifiers: Vec<Classifier>,
    faces: Vec<Face>,
    /// Places in `faces` that can be used again.
    free: Vec<usize>,
    turn: usize,
    tally: Tally,
}

impl<'a> Simulation<'a> {
    fn new(setup: &'a Setup) -> Self {
        let Cluster {
            classifiers,
            generators,
            cores,
            shared,
            ..
        } = setup.cluster;
        let machines = if shared { 1 } else { classifiers + generators };
        let generator = || Generator {
            faces: 0,
            waiting: VecDeque::new(),
            streams: vec![0; classifiers],
        };
        Self {
            setup,
            now: 0.0,
            random: Random::new(setup.seed),
            events: BinaryHeap::new(),
            scheduled: 0,
            machines: (0..machines).map(|_| Machine::new(cores)).collect(),
            versions: vec![0; machines],
            generators: (0..generators).map(|_| generator()).collect(),
            classifiers: (0..classifiers).map(|_| Classifier::default()).collect(),
            faces: Vec::new(),
            free: Vec::new(),
            turn: 0,
            tally: Tally::default(),
        }
    }

    fn run(mut self) -> Report {
        match self.setup.demand {
            Demand::Closed { users, think } => {
                for _ in 0..users {
                    let first = self.uniform() * (think + 1.0);
                    self.schedule(first, Event::Asks);
                }
            }
            Demand::Open { .. } => self.next_request(),
        }
        let (start, end) = (self.setup.warm_up, self.setup.warm_up + self.setup.seconds);
        self.until(start);
        self.tally = Tally::default();
        for machine in &mut self.machines {
            machine.advance(start);
            machine.used = 0.0;
        }
        self.until(end);
        for machine in &mut self.machines {
            machine.advance(end);
        }
        self.report()
    }

    fn until(&mut self, end: f64) {
        while let Some(&Reverse((Seconds(at), _, event))) = self.events.peek() {
            if at > end {
                break;
            }
            self.events.pop();
            self.now = at;
            self.happens(event);
        }
        self.now = end;
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Asks => self.asks(),
            Event::Sent(face) => {
                let (at, work) = (self.faces[face].classifier, self.setup.costs.classifier);
                let machine = self.machine_of_classifier(at);
                self.start(machine, Job::Classifier(face), work);
            }
            Event::Answered(face) => self.answered(face),
            Event::Ends { machine, version } if self.versions[machine] == version => {
                let threads = self.setup.cluster.threads;
                let ended = self.machines[machine].end(self.now, |job| width(job, threads));
                self.follow(machine);
                match ended {
                    Some(Job::Generator(face)) => {
                        self.schedule(self.setup.costs.delay, Event::Sent(face));
                    }
                    Some(Job::Classifier(face)) => {
                        let at = self.faces[face].classifier;
                        self.classifiers[at].queue.push_back(face);
                        self.compute(at);
                    }
                    Some(Job::Network(classifier)) => self.computed(classifier),
                    None => {}
                }
            }
            Event::Ends { .. } => {}
        }
    }

    /// A request arrives at the generator with the fewest of them.
    fn asks(&mut self) {
        if matches!(self.setup.demand, Demand::Open { .. }) {
            self.next_request();
        }
        self.tally.asked += 1;
        let open: Vec<_> = self
            .generators
            .iter()
            .map(|g| g.faces + g.waiting.len())
            .collect();
        let generator = self.least(&open);
        let face = Face {
            asked: self.now,
            generator,
            classifier: 0,
            steps_left: self.setup.costs.steps,
        };
        let Cluster {
            sessions, waiting, ..
        } = self.setup.cluster;
        if self.generators[generator].faces < sessions {
            let face = self.keep(face);
            self.begin(face);
        } else if self.generators[generator].waiting.len() < waiting {
            let face = self.keep(face);
            self.generators[generator].waiting.push_back(face);
        } else {
            self.tally.refused += 1;
            self.asks_again(RETRY);
        }
    }

    fn keep(&mut self, face: Face) -> usize {
        if let Some(place) = self.free.pop() {
            self.faces[place] = face;
            return place;
        }
        self.faces.push(face);
        self.faces.len() - 1
    }

    /// A face gets a place, and a stream to the classifier to which its generator has the fewest.
    fn begin(&mut self, face: usize) {
        let generator = self.faces[face].generator;
        let streams = self.generators[generator].streams.clone();
        let classifier = self.least(&streams);
        self.generators[generator].streams[classifier] += 1;
        self.generators[generator].faces += 1;
        self.faces[face].classifier = classifier;
        self.step(face);
    }

    fn step(&mut self, face: usize) {
        let machine = self.machine_of_generator(self.faces[face].generator);
        let work = self.setup.costs.generator;
        self.start(machine, Job::Generator(face), work);
    }

    /// Lets an idle network take what waits.
    fn compute(&mut self, classifier: usize) {
        let now = self.now;
        let (cluster, costs) = (&self.setup.cluster, &self.setup.costs);
        let this = &mut self.classifiers[classifier];
        if !this.batch.is_empty() || this.queue.is_empty() {
            return;
        }
        let [short, long] = cluster.longest;
        let longest = if now < this.attentive_until {
            short
        } else {
            long
        };
        // Truncated; more than fits if nothing was learned yet.
        let fit = (longest / this.image) as usize;
        let n = this.queue.len().min(cluster.max_batch).min(fit.max(1));
        this.batch = this.queue.drain(..n).collect();
        this.since = now;
        let work = costs.batch + costs.image * n as f64;
        let machine = self.machine_of_classifier(classifier);
        self.start(machine, Job::Network(classifier), work);
    }

    fn computed(&mut self, classifier: usize) {
        let this = &mut self.classifiers[classifier];
        let batch = std::mem::take(&mut this.batch);
        let took = self.now - this.since;
        let image = took / batch.len() as f64;
        this.image = match this.image {
            0.0 => image,
            before => before + SMOOTHING * (image - before),
        };
        self.tally.calls += 1;
        self.tally.images += batch.len();
        self.tally.network += took;
        for face in batch {
            self.schedule(self.setup.costs.delay, Event::Answered(face));
        }
        self.compute(classifier);
    }

    fn answered(&mut self, face: usize) {
        self.tally.steps += 1;
        self.faces[face].steps_left -= 1;
        if self.faces[face].steps_left > 0 {
            return self.step(face);
        }
        let Face {
            asked,
            generator,
            classifier,
            ..
        } = self.faces[face];
        self.tally.latencies.push(self.now - asked);
        self.free.push(face);
        self.classifiers[classifier].attentive_until = self.now + ATTENTIVE;
        let at = &mut self.generators[generator];
        at.faces -= 1;
        at.streams[classifier] -= 1;
        if let Some(next) = at.waiting.pop_front() {
            self.begin(next);
        }
        self.asks_again(0.0);
    }

    /// The user thinks, for at least so long, and asks again.
    fn asks_again(&mut self, least: f64) {
        if let Demand::Closed { think, .. } = self.setup.demand {
            let think = self.exponential(think).max(least);
            self.schedule(think, Event::Asks);
        }
    }

    fn next_request(&mut self) {
        if let Demand::Open { rate } = self.setup.demand {
            let pause = self.exponential(1.0 / rate);
            self.schedule(pause, Event::Asks);
        }
    }

    fn start(&mut self, machine: usize, job: Job, work: f64) {
        let width = width(job, self.setup.cluster.threads);
        self.machines[machine].start(self.now, job, work, width);
        self.follow(machine);
    }

    /// Schedules the end of a machine's next job anew, since its jobs are others now.
    fn follow(&mut self, machine: usize) {
        self.versions[machine] += 1;
        let version = self.versions[machine];
        if let Some(next) = self.machines[machine].next() {
            self.schedule(next - self.now, Event::Ends { machine, version });
        }
    }

    fn schedule(&mut self, pause: f64, event: Event) {
        self.scheduled += 1;
        let at = Seconds(self.now + pause.max(0.0));
        self.events.push(Reverse((at, self.scheduled, event)));
    }

    /// The place of the least number; equals take turns.
    fn least(&mut self, numbers: &[usize]) -> usize {
        self.turn += 1;
        let (turn, n) = (self.turn, numbers.len());
        let order = |&i: &usize| (numbers[i], (i + turn) % n);
        (0..n).min_by_key(order).unwrap_or(0)
    }

    fn machine_of_classifier(&self, classifier: usize) -> usize {
        if self.setup.cluster.shared {
            0
        } else {
            classifier
        }
    }

    fn machine_of_generator(&self, generator: usize) -> usize {
        match self.setup.cluster.shared {
            true => 0,
            false => self.classifiers.len() + generator,
        }
    }

    /// Above 0, up to 1.
    fn uniform(&mut self) -> f64 {
        const PARTS: usize = 1 << 30;
        (self.random.below(PARTS) + 1) as f64 / PARTS as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.uniform().ln()
    }

    fn report(mut self) -> Report {
        let seconds = self.setup.seconds;
        let Tally {
            latencies,
            asked,
            refused,
            steps,
            calls,
            images,
            network,
        } = &mut self.tally;
        latencies.sort_by(f64::total_cmp);
        let last = latencies.len().saturating_sub(1);
        let p99 = latencies.get((0.99 * last as f64).round() as usize);
        let used: f64 = self.machines.iter().map(|machine| machine.used).sum();
        let cores = self.setup.cluster.cores * self.machines.len() as f64;
        Report {
            faces_per_second: latencies.len() as f64 / seconds,
            steps_per_second: *steps as f64 / seconds,
            mean: latencies.iter().sum::<f64>() / latencies.len().max(1) as f64,
            p99: p99.copied().unwrap_or(0.0),
            refused: *refused as f64 / (*asked).max(1) as f64,
            utilisation: used / (cores * seconds),
            network: *network / (self.classifiers.len() as f64 * seconds),
            images: *images as f64 / (*calls).max(1) as f64,
        }
    }
}

/// Cores that a job can use.
fn width(job: Job, threads: f64) -> f64 {
    match job {
        Job::Network(_) => threads,
        Job::Generator(_) | Job::Classifier(_) => 1.0,
    }
}
