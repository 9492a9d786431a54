//! Hostile requests: damaged, lying, far out of range, or against the rules of the protocol. Each must be answered in time,
//! by no fault of the service, and leave nothing behind.

mod lies;
mod raw;
mod templates;
mod wire;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deepface_client::ClassifierClient;
use deepface_tests::Random;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::transport::{Channel, Endpoint};

use crate::Outcome;
use crate::process::Process;
use raw::{Answer, Call};
use templates::{Side, Template};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Requests in all.
    #[arg(long, default_value_t = 100_000)]
    requests: usize,
    /// Decides what they are.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests at once.
    #[arg(long, default_value_t = 32)]
    clients: usize,
}

/// The deadline that each request brings.
const SECONDS: u64 = 2;
/// No request may take longer, its deadline and a busy machine included.
const BOUND: Duration = Duration::from_secs(20);
/// Parts of the requests; memory is measured after each.
const PARTS: usize = 10;
/// Parts after which memory should grow no more.
const WARM_UP: usize = 3;
/// Has glibc give back what is freed, so that memory is what is in use: else it differs by a third from part to part.
const FRUGAL: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
    ("MALLOC_MMAP_THRESHOLD_", "131072"),
];
/// How much it may still grow.
const GROWTH: f64 = 0.05;
/// One request in this many is given up at once.
const ABANDONED: usize = 40;

/// What all clients share.
struct Attack {
    templates: Vec<Template>,
    pictures: Vec<Vec<u8>>,
    urls: [String; 2],
    seed: u64,
    left: AtomicUsize,
}

/// What became of the requests.
#[derive(Default)]
struct Tally {
    /// How often each kind got each answer.
    answers: BTreeMap<(&'static str, String), usize>,
    faults: BTreeMap<String, usize>,
    hung: Vec<String>,
    slowest: Duration,
}

pub(crate) async fn run(bin: &Path, args: &Args) -> Outcome<()> {
    let [mut classifier, mut generator] = Process::pair_within(bin, &FRUGAL).await?;
    let model = ClassifierClient::connect_lazy(&classifier.url())?;
    let model = model.get_model().await?.model.unwrap_or_default();
    let mut attack = Attack {
        templates: templates::templates(model.input_size.try_into()?),
        pictures: templates::pictures()?,
        urls: [classifier.url(), generator.url()],
        seed: args.seed,
        left: AtomicUsize::new(0),
    };
    let mut tally = Tally::default();
    let mut memory = Vec::new();
    for part in 0..PARTS {
        let requests = args.requests / PARTS;
        attack.left = AtomicUsize::new(requests);
        let began = Instant::now();
        let shared = Arc::new(attack);
        tally.add(all(&shared, args.clients, part).await?);
        attack = Arc::into_inner(shared).ok_or("a client goes on")?;
        let rate = requests as f64 / began.elapsed().as_secs_f64();
        for service in [&mut classifier, &mut generator] {
            if !service.runs()? {
                return Err(format!("the service at {} has ended", service.url()).into());
            }
            service.ready().await?;
        }
        // What has just ended is given back.
        sleep(Duration::from_secs(2)).await;
        let megabytes = [
            classifier.resident_megabytes()?,
            generator.resident_megabytes()?,
        ];
        println!("{requests} requests, {rate:.0} a second: then {megabytes:.1?} MB");
        memory.push(megabytes);
    }
    report(&tally, &memory)
}

async fn all(attack: &Arc<Attack>, clients: usize, part: usize) -> Outcome<Tally> {
    let mut running = JoinSet::new();
    for client in 0..clients {
        let seed = attack.seed ^ ((part * clients + client) as u64) << 32;
        running.spawn(attack.clone().client(Random::new(seed)));
    }
    let mut tally = Tally::default();
    while let Some(one) = running.join_next().await {
        tally.add(one??);
    }
    Ok(tally)
}

impl Attack {
    /// Sends requests until enough have been sent.
    async fn client(self: Arc<Self>, mut random: Random) -> Outcome<Tally> {
        let mut channels = self.channels()?;
        let mut tally = Tally::default();
        let taken = |left: usize| left.checked_sub(1);
        while self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
            .is_ok()
        {
            let (kind, side, call) = self.request(&mut random);
            let channel = match side {
                Side::Classifier => &mut channels[0],
                Side::Generator => &mut channels[1],
            };
            let abandoned = random.below(ABANDONED) == 0;
            let patience = match abandoned {
                true => Duration::from_micros(random.below(3000) as u64),
                false => BOUND,
            };
            let what = format!("{kind}: {}", call.path);
            let sent = Instant::now();
            let answer = timeout(patience, call.send(channel, SECONDS)).await;
            tally.slowest = tally.slowest.max(sent.elapsed());
            match answer {
                Ok(answer) => tally.count(kind, answer?),
                Err(_) if abandoned => tally.count("abandoned", Answer::Reset),
                Err(_) => tally.hung.push(what),
            }
        }
        Ok(tally)
    }

    fn channels(&self) -> Outcome<Vec<Channel>> {
        let lazy = |url: &String| Ok(Endpoint::from_shared(url.clone())?.connect_lazy());
        self.urls.iter().map(lazy).collect()
    }

    /// The next request, its kind, and whom it is for.
    fn request(&self, random: &mut Random) -> (&'static str, Side, Call) {
        let template = &self.templates[random.below(self.templates.len())];
        let lie = |kind, lie: Template| (kind, lie.side, Call::of(lie.path, &lie.messages));
        let (kind, call) = match random.below(8) {
            0 => return lie("lying tensor", lies::lying_tensor(random)),
            1 => return lie("bad picture", lies::bad_picture(&self.pictures, random)),
            2 => return lie("wild fields", lies::wild_fields(random)),
            3 => ("noise", wire::noise(template, random)),
            4 => ("damaged message", wire::damaged(template, random)),
            5 => ("bad frames", wire::bad_frames(template, random)),
            6 => ("odd headers", wire::odd_headers(template, random)),
            _ => ("no such method", wire::elsewhere(template, random)),
        };
        (kind, template.side, call)
    }
}

impl Tally {
    fn count(&mut self, kind: &'static str, answer: Answer) {
        *self.answers.entry((kind, answer.word())).or_default() += 1;
        let Answer::Status(_, message) = &answer else {
            return;
        };
        if answer.blames_the_service() {
            let fault = format!("{kind}: {}: {message}", answer.word());
            *self.faults.entry(fault).or_default() += 1;
        }
    }

    fn add(&mut self, other: Self) {
        for (what, times) in other.answers {
            *self.answers.entry(what).or_default() += times;
        }
        for (what, times) in other.faults {
            *self.faults.entry(what).or_default() += times;
        }
        self.hung.extend(other.hung);
        self.slowest = self.slowest.max(other.slowest);
    }
}

fn report(tally: &Tally, memory: &[[f64; 2]]) -> Outcome<()> {
    for ((kind, answer), times) in &tally.answers {
        println!("{times:7}  {kind}: {answer}");
    }
    println!(
        "slowest {:.1} s, {} hung",
        tally.slowest.as_secs_f64(),
        tally.hung.len()
    );
    for what in tally.hung.iter().take(10) {
        println!("  {what}");
    }
    for (fault, times) in tally.faults.iter().take(20) {
        println!("  {times} times {fault}");
    }
    let first = memory.get(WARM_UP - 1).copied().unwrap_or_default();
    let last = memory.last().copied().unwrap_or_default();
    let growth = [0, 1].map(|i| last[i] / first[i] - 1.0);
    println!(
        "memory grew by {:.1} % and {:.1} %",
        1e2 * growth[0],
        1e2 * growth[1]
    );
    let grown = growth.iter().any(|&growth| growth > GROWTH);
    if grown || !tally.hung.is_empty() || !tally.faults.is_empty() {
        return Err("memory grew, requests hung, or a service took the blame".into());
    }
    Ok(())
}
