//! What kinds of work there are, and who asks for it.

use std::time::Instant;

use deepface_serve::{Allowance, Caller, Deadline};

/// A call, as far as its turn in the queue goes.
#[derive(Clone, Debug)]
pub struct Call {
    /// Whose it is.
    pub caller: Caller,
    /// When it arrived: of what belongs to one caller, the older goes first.
    pub arrived: Instant,
    /// When its result is due.
    pub deadline: Deadline,
    /// The pixels that it may have looked at.
    pub allowance: Allowance,
}

/// Work that waits in a line of its own, so that neither waits long for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Somebody waits for an answer.
    Interactive,
    /// Steps of descents, of which many follow one another.
    Bulk,
}

impl Lane {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 2] = [Self::Interactive, Self::Bulk];

    /// The name, for people and monitors.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Bulk => "bulk",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Interactive => Self::Bulk,
            Self::Bulk => Self::Interactive,
        }
    }

    /// The share of the network's time that it gets while both have work: three quarters and one.
    pub(super) fn weight(self) -> u32 {
        match self {
            Self::Interactive => 3,
            Self::Bulk => 1,
        }
    }
}

/// What is computed. Each kind has a pace of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Probabilities.
    Classify,
    /// Activations of some layers.
    Activations,
    /// Losses and gradients.
    Differentiate,
}

impl Kind {
    /// The line in which it waits.
    pub fn lane(self) -> Lane {
        match self {
            Self::Classify | Self::Activations => Lane::Interactive,
            Self::Differentiate => Lane::Bulk,
        }
    }
}
