//! A machine whose cores are shared evenly among the jobs that run on it.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A moment or an amount, in seconds, that can be sorted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seconds(pub(super) f64);

impl Eq for Seconds {}

impl PartialOrd for Seconds {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Seconds {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A machine and its running jobs of the kind `J`. A job of width `w` uses up to `w` cores; if the cores do not suffice
/// for all, every job gets the same part of its width.
#[derive(Debug)]
pub(super) struct Machine<J> {
    cores: f64,
    /// What each unit of width has done since the start, in core-seconds.
    progress: f64,
    /// The widths of all running jobs.
    width: f64,
    /// When `progress` was right.
    at: f64,
    /// By the progress at which they end, then in order of arrival.
    jobs: BinaryHeap<Reverse<(Seconds, u64, J)>>,
    arrived: u64,
    /// Core-seconds used.
    pub(super) used: f64,
}

impl<J: Ord + Copy> Machine<J> {
    pub(super) fn new(cores: f64) -> Self {
        Self {
            cores,
            progress: 0.0,
            width: 0.0,
            at: 0.0,
            jobs: BinaryHeap::new(),
            arrived: 0,
            used: 0.0,
        }
    }

    /// Starts a job of so many core-seconds.
    pub(super) fn start(&mut self, now: f64, job: J, work: f64, width: f64) {
        self.advance(now);
        self.width += width;
        self.arrived += 1;
        let end = Seconds(self.progress + work / width);
        self.jobs.push(Reverse((end, self.arrived, job)));
    }

    /// When the next job ends, unless another one starts before.
    pub(super) fn next(&self) -> Option<f64> {
        let Reverse((end, ..)) = self.jobs.peek()?;
        Some(self.at + (end.0 - self.progress).max(0.0) / self.rate())
    }

    /// Ends the job whose time has come. `width` is that of its start.
    pub(super) fn end(&mut self, now: f64, width: impl Fn(J) -> f64) -> Option<J> {
        self.advance(now);
        let Reverse((end, _, job)) = self.jobs.pop()?;
        // Rounding must not let it drift from its jobs.
        self.progress = self.progress.max(end.0);
        self.width -= width(job);
        if self.jobs.is_empty() {
            (self.width, self.progress) = (0.0, 0.0);
        }
        Some(job)
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, now: f64) {
        let passed = now - self.at;
        self.progress += passed * self.rate();
        self.used += passed * self.width.min(self.cores);
        self.at = now;
    }

    /// The part of its width that every job gets.
    fn rate(&self) -> f64 {
        (self.cores / self.width).min(1.0)
    }
}
