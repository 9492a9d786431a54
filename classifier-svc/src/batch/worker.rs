//! The model thread.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Inference;
use super::entry::{Done, Entry, Output, Task};
use super::passage;
use super::queue::Queue;
use super::state::{EngineError, State};
use deepface_network::{Differentiated, ModelError, Part};

/// Panics after which the model is loaded again; one more within [`REMEMBERED`] ends the service.
const MOST_PANICS: usize = 3;
/// How long a panic counts.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Loads the network and computes until every sender is gone, keeping `state` up to date.
///
/// After a panic the callers of that batch see their reply dropped, and the network is loaded anew, because the old one
/// may be torn; entries that wait stay in the queue. A model that panics too often, or cannot be loaded, ends in
/// [`State::Failed`].
pub(super) fn run<N: Inference, E: Display>(
    load: impl Fn() -> Result<N, E>,
    mut queue: Queue,
    state: &watch::Sender<State>,
) {
    let mut panics = Panics::default();
    let end = loop {
        let worked = catch_unwind(AssertUnwindSafe(|| {
            let mut network = load().map_err(|e| e.to_string())?;
            state.send_replace(State::Ready(Arc::new(network.info().clone())));
            work(&mut network, &mut queue).map_err(|e| e.to_string())
        }));
        match worked {
            Ok(Ok(())) => break State::Stopped,
            Ok(Err(reason)) => break State::Failed(reason.into()),
            Err(panic) => {
                let reason = format!("the model thread panicked: {}", text(&*panic));
                if panics.too_many(Instant::now()) {
                    break State::Failed(reason.into());
                }
                tracing::error!("{reason}; loading the model again");
                state.send_replace(State::Loading);
            }
        }
    };
    state.send_replace(end);
}

/// The last panics of the model thread.
#[derive(Default)]
struct Panics(VecDeque<Instant>);

impl Panics {
    /// Notes a panic, and says whether there have been more than [`MOST_PANICS`] in the last [`REMEMBERED`].
    fn too_many(&mut self, now: Instant) -> bool {
        self.0.push_back(now);
        self.0.retain(|&then| now.duration_since(then) < REMEMBERED);
        self.0.len() > MOST_PANICS
    }
}

/// Computes batch by batch.
///
/// # Errors
/// The device failed, and can no longer be trusted.
fn work(network: &mut impl Inference, queue: &mut Queue) -> Result<(), Arc<ModelError>> {
    while let Some(mut batch) = queue.next() {
        let _spans: Vec<_> = batch.iter_mut().map(|e| e.passage.compute()).collect();
        let started = Instant::now();
        let computed = compute(network, &mut batch);
        let took = started.elapsed();
        queue.computed(&batch, took);
        let images = batch.iter().map(|entry| entry.n).sum();
        passage::computed(batch[0].task.kind(), images, took);
        match computed {
            Ok(outputs) => deliver(batch, outputs, (started, took)),
            Err(error) => fail(batch, Arc::new(error))?,
        }
    }
    Ok(())
}

/// The result of every entry of a batch.
fn compute(network: &mut impl Inference, batch: &mut [Entry]) -> Result<Vec<Output>, ModelError> {
    let images = match &mut *batch {
        [one] => std::mem::take(&mut one.images),
        all => all
            .iter_mut()
            .flat_map(|e| std::mem::take(&mut e.images))
            .collect(),
    };
    let n = batch.iter().map(|e| e.n).sum();
    let arrays = match &batch[0].task {
        Task::Classify => vec![network.probabilities(&images, n)?],
        Task::Activations(layers) => network.activations(&images, n, layers)?,
        Task::Differentiate { .. } => return differentiate(network, &images, batch),
    };
    let losses = Vec::new();
    let (mut all, mut left) = (Output { losses, arrays }, n);
    let each = batch.iter().map(|entry| {
        let output = all.take(entry.n, left);
        left -= entry.n;
        output
    });
    Ok(each.collect())
}

fn differentiate(
    network: &mut impl Inference,
    images: &[f32],
    batch: &[Entry],
) -> Result<Vec<Output>, ModelError> {
    let parts: Vec<_> = batch.iter().filter_map(part).collect();
    let results = network.differentiate(images, &parts)?;
    let output = |result: Differentiated| Output {
        losses: result.losses,
        arrays: std::iter::once(result.gradient)
            .chain(result.activations)
            .collect(),
    };
    Ok(results.into_iter().map(output).collect())
}

fn part(entry: &Entry) -> Option<Part<'_>> {
    match &entry.task {
        Task::Differentiate {
            objectives,
            return_layers,
            ..
        } => Some(Part {
            n: entry.n,
            objectives,
            return_layers,
        }),
        _ => None,
    }
}

/// Gives every entry of a batch its part, and when the batch was started and how long it took.
fn deliver(batch: Vec<Entry>, outputs: Vec<Output>, (started, compute): (Instant, Duration)) {
    for (entry, output) in batch.into_iter().zip(outputs) {
        let done = Done {
            output,
            started,
            compute,
        };
        // The caller may be gone.
        entry.reply.send(Ok(done)).ok();
    }
}

/// Tells everyone why there is no result.
///
/// # Errors
/// The device failed.
fn fail(batch: Vec<Entry>, error: Arc<ModelError>) -> Result<(), Arc<ModelError>> {
    for entry in batch {
        entry.refuse(EngineError::Model(error.clone()));
    }
    match *error {
        ModelError::Device(_) | ModelError::Candle(_) => Err(error),
        _ => Ok(()),
    }
}

/// The message of a panic.
fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("for an unknown reason")
}
