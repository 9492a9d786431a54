//! The queue before the network, and which entries go next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::entry::{Entry, Owner};
use super::lane::Lane;
use super::pace::Pace;
use super::state::EngineError;
use crate::fair::FairLine;

/// The waiting entries. Their number is bounded by the room that they hold.
pub(super) struct Queue {
    arriving: mpsc::Receiver<Entry>,
    lanes: [FairLine<Owner, Entry>; 2],
    /// The time that each lane has had in the network, over its weight; only the difference counts.
    spent: [Duration; 2],
    max_batch: usize,
    pace: Arc<Pace>,
}

impl Queue {
    pub(super) fn new(arriving: mpsc::Receiver<Entry>, max_batch: usize, pace: Arc<Pace>) -> Self {
        Self {
            arriving,
            lanes: Default::default(),
            spent: Default::default(),
            max_batch,
            pace,
        }
    }

    /// Waits for work and takes the batch that goes next: an entry, and those behind it in its lane that can be computed
    /// with it. `None` once every sender is gone.
    pub(super) fn next(&mut self) -> Option<Vec<Entry>> {
        loop {
            if self.lanes.iter().all(|lane| lane.len() == 0) {
                let entry = self.arriving.blocking_recv()?;
                self.push(entry);
            }
            while let Ok(entry) = self.arriving.try_recv() {
                self.push(entry);
            }
            self.drop_dead();
            let lane = self.lane();
            if let Some(head) = self.lanes[lane as usize].take(|_| true) {
                return Some(self.batch(lane, head));
            }
        }
    }

    /// Notes what a batch has taken.
    pub(super) fn computed(&mut self, batch: &[Entry], took: Duration) {
        let kind = batch[0].task.kind();
        let n = batch.iter().map(|entry| entry.n).sum();
        self.pace.learn(kind, n, took);
        let lane = kind.lane();
        self.spent[lane as usize] += took / lane.weight();
    }

    fn push(&mut self, entry: Entry) {
        let lane = entry.task.kind().lane();
        let line = &mut self.lanes[lane as usize];
        if line.len() == 0 {
            // A lane that had no work has saved nothing up.
            let other = self.spent[lane.other() as usize];
            let spent = &mut self.spent[lane as usize];
            *spent = (*spent).max(other);
        }
        line.push(entry.owner.clone(), entry.since, entry.n as u64, entry);
    }

    /// The lane that goes next: the one that has had less of its share.
    fn lane(&self) -> Lane {
        let waiting = |lane: &Lane| self.lanes[*lane as usize].len() > 0;
        let lanes = Lane::ALL.into_iter().filter(waiting);
        let next = lanes.min_by_key(|lane| self.spent[*lane as usize]);
        next.unwrap_or(Lane::Interactive)
    }

    /// Drops the entries whose caller is gone, and answers those that can't be computed before their deadline.
    fn drop_dead(&mut self) {
        let now = Instant::now();
        let pace = &self.pace;
        let late = |e: &Entry| e.deadline.at().into_std() < now + pace.of(e.task.kind(), e.n);
        for lane in Lane::ALL {
            let line = &mut self.lanes[lane as usize];
            for entry in line.remove(|e| !e.reply.is_closed() && !late(e)) {
                entry.passage.dropped(entry.reply.is_closed());
                if entry.deadline.passed() {
                    entry.refuse(EngineError::Expired);
                } else if !entry.reply.is_closed() {
                    pace.doubt(entry.task.kind());
                    let wait = pace.of(entry.task.kind(), entry.n);
                    entry.refuse(EngineError::Late { wait });
                }
            }
        }
    }

    /// An entry with those that can be computed with it: as many as go together and let all of them be done in time.
    fn batch(&mut self, lane: Lane, head: Entry) -> Vec<Entry> {
        let kind = head.task.kind();
        let most = match lane {
            Lane::Interactive => self.max_batch,
            Lane::Bulk => self.max_batch.min(self.pace.steps()),
        };
        let now = Instant::now();
        let mut n = head.n;
        let mut due = head.deadline.at();
        let mut batch = vec![head];
        let line = &mut self.lanes[lane as usize];
        while n < most {
            let joins = |entry: &Entry| batch[0].task.joins(&entry.task);
            let Some(next) = line.first(joins) else { break };
            let (all, first) = (n + next.n, due.min(next.deadline.at()));
            // The first that does not fit ends the batch: those behind it must not overtake it.
            if all > most || now + self.pace.of(kind, all) > first.into_std() {
                break;
            }
            let Some(next) = line.take(joins) else { break };
            (n, due) = (all, first);
            batch.push(next);
        }
        batch
    }
}
