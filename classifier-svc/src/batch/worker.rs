//! The model thread.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Inference;
use super::entry::{Done, Entry, Output, Task};
use super::queue::Queue;
use super::state::{EngineError, State};
use deepface_network::ModelError;

/// Loads the network and computes until every sender is gone, keeping `state` up to date. A panic ends in
/// [`State::Failed`], and waiting callers see their reply dropped.
pub(super) fn run<N: Inference, E: Display>(
    load: impl FnOnce() -> Result<N, E>,
    queue: Queue,
    state: &watch::Sender<State>,
) {
    let worked = catch_unwind(AssertUnwindSafe(|| {
        let mut network = load().map_err(|e| e.to_string())?;
        state.send_replace(State::Ready(Arc::new(network.info().clone())));
        work(&mut network, queue).map_err(|e| e.to_string())
    }));
    let end = match worked {
        Ok(Ok(())) => State::Stopped,
        Ok(Err(reason)) => State::Failed(reason.into()),
        Err(panic) => State::Failed(format!("the model thread panicked: {}", text(&*panic)).into()),
    };
    state.send_replace(end);
}

/// Computes batch by batch.
///
/// # Errors
/// The device failed, and can no longer be trusted.
fn work(network: &mut impl Inference, mut queue: Queue) -> Result<(), Arc<ModelError>> {
    while let Some(batch) = queue.next() {
        compute(network, batch)?;
    }
    Ok(())
}

fn compute(network: &mut impl Inference, mut batch: Vec<Entry>) -> Result<(), Arc<ModelError>> {
    let n = batch.iter().map(|e| e.n).sum();
    let images = match batch.as_mut_slice() {
        [one] => std::mem::take(&mut one.images),
        all => all
            .iter_mut()
            .flat_map(|e| std::mem::take(&mut e.images))
            .collect(),
    };
    let started = Instant::now();
    match call(network, &batch[0].task, &images, n) {
        Ok(output) => {
            deliver(batch, output, n, started.elapsed());
            Ok(())
        }
        Err(error) => {
            let error = Arc::new(error);
            for entry in batch {
                // The caller may be gone.
                entry
                    .reply
                    .send(Err(EngineError::Model(error.clone())))
                    .ok();
            }
            match *error {
                ModelError::Device(_) | ModelError::Candle(_) => Err(error),
                _ => Ok(()),
            }
        }
    }
}

fn call(
    network: &mut impl Inference,
    task: &Task,
    images: &[f32],
    n: usize,
) -> Result<Output, ModelError> {
    Ok(match task {
        Task::Classify => Output {
            losses: Vec::new(),
            arrays: vec![network.probabilities(images, n)?],
        },
        Task::Activations(layers) => Output {
            losses: Vec::new(),
            arrays: network.activations(images, n, layers)?,
        },
        Task::Differentiate {
            objectives,
            return_layers,
        } => {
            let result = network.differentiate(images, n, objectives, return_layers)?;
            let arrays = std::iter::once(result.gradient).chain(result.activations);
            Output {
                losses: result.losses,
                arrays: arrays.collect(),
            }
        }
    })
}

/// Gives every entry of a batch of `n` images its part.
fn deliver(batch: Vec<Entry>, mut output: Output, n: usize, compute: Duration) {
    let mut left = n;
    for entry in batch {
        let output = output.take(entry.n, left);
        left -= entry.n;
        // The caller may be gone.
        entry.reply.send(Ok(Done { output, compute })).ok();
    }
}

/// The message of a panic.
fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("for an unknown reason")
}
