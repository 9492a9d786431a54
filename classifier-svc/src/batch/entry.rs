//! A piece of work in the queue, and its result.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deepface_serve::{Caller, Deadline};
use tokio::sync::oneshot;

use super::lane::Kind;
use super::passage::Passage;
use super::room::Admission;
use super::state::EngineError;
use deepface_network::Objective;

/// The computation on the images of an entry.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// The probabilities: one array.
    Classify,
    /// The activations of these layers: an array each.
    Activations(Arc<[usize]>),
    /// Loss and gradient, and the activations of some layers: the gradient's array, then one per layer.
    Differentiate {
        objectives: Arc<[Objective]>,
        return_layers: Arc<[usize]>,
        /// The layer up to which the network is computed.
        reach: usize,
    },
}

impl Task {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Classify => Kind::Classify,
            Self::Activations(_) => Kind::Activations,
            Self::Differentiate { .. } => Kind::Differentiate,
        }
    }

    /// Whether the images of both can go through the network in one call. Steps can where they reach equally far: further
    /// would be in vain for one of them.
    pub(super) fn joins(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Classify, Self::Classify) => true,
            (Self::Activations(a), Self::Activations(b)) => a == b,
            (Self::Differentiate { reach: a, .. }, Self::Differentiate { reach: b, .. }) => a == b,
            _ => false,
        }
    }
}

/// Whose turn it is in a lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Caller(Caller),
    /// A stream of steps, by its number.
    Stream(u64),
}

/// Images that wait for the network, and where the result goes.
pub(super) struct Entry {
    /// `[n, 3, S, S]`.
    pub(super) images: Vec<f32>,
    pub(super) n: usize,
    pub(super) task: Task,
    pub(super) deadline: Deadline,
    pub(super) owner: Owner,
    /// When its call arrived.
    pub(super) since: Instant,
    pub(super) passage: Passage,
    pub(super) reply: oneshot::Sender<Result<Done, EngineError>>,
    /// The room that the images take in the queue, released with the entry.
    pub(super) _room: Admission,
}

impl Entry {
    /// Ends it without a result.
    pub(super) fn refuse(self, why: EngineError) {
        // The caller may be gone.
        self.reply.send(Err(why)).ok();
    }
}

/// The result of an entry.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) output: Output,
    /// When its batch went into the network.
    pub(super) started: Instant,
    /// Time in the network, of the whole batch.
    pub(super) compute: Duration,
}

/// The results for some images, whatever the task.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Output {
    /// Per image, the terms of the loss. Empty where none was asked for.
    pub(super) losses: Vec<Vec<f64>>,
    /// Arrays whose first dimension counts the images.
    pub(super) arrays: Vec<Vec<f32>>,
}

impl Output {
    /// Splits off the results of the first `n` of `of` images.
    pub(super) fn take(&mut self, n: usize, of: usize) -> Self {
        let front = |array: &mut Vec<f32>| {
            let rest = array.split_off(array.len() / of * n);
            std::mem::replace(array, rest)
        };
        Self {
            losses: self.losses.drain(..n.min(self.losses.len())).collect(),
            arrays: self.arrays.iter_mut().map(front).collect(),
        }
    }

    /// Appends the results of further images.
    pub(super) fn append(&mut self, mut other: Self) {
        if self.arrays.is_empty() {
            *self = other;
            return;
        }
        self.losses.append(&mut other.losses);
        for (array, more) in self.arrays.iter_mut().zip(&mut other.arrays) {
            array.append(more);
        }
    }
}
