//! The memory of images on their way to the network: files that wait to be decoded, and faces that wait for the rest of
//! their request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deepface_serve::Caller;

use super::status::Refusal;

/// A number of bytes, of which one caller may hold half.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    most: usize,
    held: Arc<Mutex<HashMap<Caller, usize>>>,
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    memory: Memory,
    caller: Caller,
    bytes: usize,
}

impl Memory {
    /// So many bytes in all.
    pub(super) fn new(most: usize) -> Self {
        let held = Arc::default();
        Self { most, held }
    }

    /// Holds some bytes for a caller.
    ///
    /// # Errors
    /// [`Refusal::Memory`].
    pub(super) fn hold(&self, caller: &Caller, bytes: usize) -> Result<Held, Refusal> {
        let mut held = Held {
            memory: self.clone(),
            caller: caller.clone(),
            bytes: 0,
        };
        held.grow(bytes)?;
        Ok(held)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Caller, usize>> {
        // Nothing panics while it holds the lock.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Holds more.
    ///
    /// # Errors
    /// [`Refusal::Memory`].
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let mut table = self.memory.table();
        let all: usize = table.values().sum();
        let theirs = table.get(&self.caller).copied().unwrap_or(0);
        let most = self.memory.most;
        if all.saturating_add(bytes) > most || theirs.saturating_add(bytes) > most / 2 {
            return Err(Refusal::Memory);
        }
        self.bytes += bytes;
        table.insert(self.caller.clone(), theirs + bytes);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut table = self.memory.table();
        let theirs = table.remove(&self.caller).unwrap_or(0);
        let left = theirs.saturating_sub(self.bytes);
        if left > 0 {
            table.insert(self.caller.clone(), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_holds_half_at_most_and_all_comes_back() {
        let caller = Caller::of(&tonic::Request::new(()));
        let memory = Memory::new(100);
        let mut first = memory.hold(&caller, 30).unwrap();
        let second = memory.hold(&caller, 20).unwrap();
        assert!(matches!(first.grow(1), Err(Refusal::Memory)));
        assert!(matches!(memory.hold(&caller, 1), Err(Refusal::Memory)));
        drop(second);
        first.grow(20).unwrap();
        drop(first);
        assert!(memory.table().is_empty());
    }
}
