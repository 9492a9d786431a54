//! The queue before the network, and which entries go next.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use super::entry::Entry;
use super::state::EngineError;

/// The waiting entries. Their number is bounded by the permits that they hold.
pub(super) struct Queue {
    arriving: mpsc::Receiver<Entry>,
    waiting: VecDeque<Entry>,
    max_batch: usize,
}

impl Queue {
    pub(super) fn new(arriving: mpsc::Receiver<Entry>, max_batch: usize) -> Self {
        Self {
            arriving,
            waiting: VecDeque::new(),
            max_batch,
        }
    }

    /// Waits for work and takes the batch that goes next: the entry at the head, and those behind it that can be
    /// computed with it, up to `max_batch` images. `None` once every sender is gone.
    pub(super) fn next(&mut self) -> Option<Vec<Entry>> {
        loop {
            if self.waiting.is_empty() {
                self.waiting.push_back(self.arriving.blocking_recv()?);
            }
            while let Ok(entry) = self.arriving.try_recv() {
                self.waiting.push_back(entry);
            }
            self.drop_dead();
            if let Some(head) = self.waiting.pop_front() {
                return Some(self.batch(head));
            }
        }
    }

    /// Drops the entries whose caller is gone, and answers those whose deadline has passed.
    fn drop_dead(&mut self) {
        let alive = |e: &Entry| !e.reply.is_closed() && !e.deadline.passed();
        let (alive, dead) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(alive);
        self.waiting = alive;
        for entry in Vec::from(dead) {
            // The caller may be gone.
            entry.reply.send(Err(EngineError::Expired)).ok();
        }
    }

    fn batch(&mut self, head: Entry) -> Vec<Entry> {
        let mut room = self.max_batch.saturating_sub(head.n);
        let mut batch = vec![head];
        let mut i = 0;
        while i < self.waiting.len() && room > 0 {
            if !batch[0].task.joins(&self.waiting[i].task) {
                i += 1;
                continue;
            }
            // The first that does not fit ends the batch: those behind it must not overtake it.
            if self.waiting[i].n > room {
                break;
            }
            let Some(entry) = self.waiting.remove(i) else {
                break;
            };
            room -= entry.n;
            batch.push(entry);
        }
        batch
    }
}
