//! What has happened in the queue, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::lane::Lane;
use super::state::EngineError;

/// Numbers that only grow, and are read at any time.
#[derive(Debug, Default)]
pub struct Counters {
    lanes: [LaneCounters; 2],
}

/// Those of one lane. Times are in nanoseconds.
#[derive(Debug, Default)]
pub struct LaneCounters {
    /// Batches that were computed.
    pub batches: AtomicU64,
    /// Images in them.
    pub images: AtomicU64,
    /// Time in the network.
    pub compute: AtomicU64,
    /// Entries, of one image or several, whose wait has ended in the network.
    pub entries: AtomicU64,
    /// How long they had waited, in all.
    pub queued: AtomicU64,
    /// Entries whose deadline passed while they waited.
    pub expired: AtomicU64,
    /// Entries that could not have been computed before their deadline.
    pub late: AtomicU64,
    /// Entries whose caller went away while they waited.
    pub cancelled: AtomicU64,
    /// Requests refused because the queue was full.
    pub refused_full: AtomicU64,
    /// Requests refused because their caller had its share of it.
    pub refused_share: AtomicU64,
    /// Requests refused because too much was before them for their deadline.
    pub refused_late: AtomicU64,
}

impl Counters {
    /// The counters of a lane.
    pub fn lane(&self, lane: Lane) -> &LaneCounters {
        &self.lanes[lane as usize]
    }
}

impl LaneCounters {
    pub(super) fn computed(&self, images: usize, compute: Duration) {
        add(&self.batches, 1);
        add(&self.images, images as u64);
        add(&self.compute, nanos(compute));
    }

    pub(super) fn waited(&self, time: Duration) {
        add(&self.entries, 1);
        add(&self.queued, nanos(time));
    }

    pub(super) fn refused(&self, why: &EngineError) {
        match why {
            EngineError::Full { .. } => add(&self.refused_full, 1),
            EngineError::Share { .. } => add(&self.refused_share, 1),
            EngineError::Late { .. } => add(&self.refused_late, 1),
            _ => {}
        }
    }
}

pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
