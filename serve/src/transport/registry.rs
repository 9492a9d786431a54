//! The open connections: how many there are of each caller, and which gives way when there are too many.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Caller;
use crate::metrics::{self, Gauge, Gauges};

/// Open connections of all servers of the process, for Prometheus.
static CONNECTIONS: LazyLock<Gauge> = LazyLock::new(|| {
    let all: Gauges<0> = metrics::gauges("deepface_connections", "Open connections");
    all.get_or_create_owned(&[])
});

/// What happens on one connection.
#[derive(Debug)]
pub(super) struct Activity(Mutex<Now>);

#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// Calls that are open.
    pub(super) calls: usize,
    /// Since when there are none.
    pub(super) idle: Instant,
    /// Whether the other end has spoken HTTP/2.
    pub(super) spoke: bool,
    /// Whether there has been a call.
    used: bool,
}

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new(Now {
            calls: 0,
            idle: Instant::now(),
            spoke: false,
            used: false,
        }))
    }
}

impl Activity {
    pub(super) fn now(&self) -> Now {
        *self.lock()
    }

    pub(super) fn spoke(&self) {
        self.lock().spoke = true;
    }

    /// Counts a call until what is returned is dropped.
    pub(super) fn call(self: &Arc<Self>) -> InCall {
        let mut now = self.lock();
        now.calls += 1;
        now.used = true;
        InCall(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open call.
pub(super) struct InCall(Arc<Activity>);

impl Drop for InCall {
    fn drop(&mut self) {
        let mut now = self.0.lock();
        now.calls -= 1;
        now.idle = Instant::now();
    }
}

/// The open connections.
#[derive(Clone, Debug)]
pub(super) struct Registry {
    most: usize,
    share: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    caller: Caller,
    activity: Arc<Activity>,
    evicted: CancellationToken,
}

/// An open connection. Dropping it gives its place back.
#[derive(Debug)]
pub(super) struct Place {
    registry: Registry,
    id: u64,
    pub(super) activity: Arc<Activity>,
    /// Cancelled when the connection must give way.
    pub(super) evicted: CancellationToken,
}

impl Registry {
    /// At most `most` connections in all, and `share` of one caller.
    pub(super) fn new(most: usize, share: usize) -> Self {
        // From the start, so that none is shown as 0.
        LazyLock::force(&CONNECTIONS);
        Self {
            most,
            share,
            open: Arc::default(),
        }
    }

    /// A place for a connection. Where there is none, the connection that has been without a call for longest gives
    /// way, first one that never had any. `None` if all have calls.
    pub(super) fn enter(&self, caller: Caller) -> Option<Place> {
        let mut open = self.lock();
        let own = open.connections.values().filter(|c| c.caller == caller);
        if own.count() >= self.share {
            open.evict(|c| c.caller == caller).then_some(())?;
        } else if open.connections.len() >= self.most {
            open.evict(|_| true).then_some(())?;
        }
        let id = open.next;
        open.next += 1;
        let connection = Connection {
            caller,
            activity: Arc::default(),
            evicted: CancellationToken::new(),
        };
        let place = Place {
            registry: self.clone(),
            id,
            activity: connection.activity.clone(),
            evicted: connection.evicted.clone(),
        };
        open.connections.insert(id, connection);
        CONNECTIONS.inc();
        Some(place)
    }

    /// Makes one idle connection give way. False if there is none.
    pub(super) fn evict(&self) -> bool {
        self.lock().evict(|_| true)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn evict(&mut self, of: impl Fn(&Connection) -> bool) -> bool {
        let idle = self.connections.iter().filter(|(_, c)| of(c));
        let idle = idle.map(|(&id, c)| (id, c.activity.now()));
        let idle = idle.filter(|(_, now)| now.calls == 0);
        let Some((id, _)) = idle.min_by_key(|(_, now)| (now.used, now.idle)) else {
            return false;
        };
        if let Some(connection) = self.connections.remove(&id) {
            connection.evicted.cancel();
        }
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.lock().connections.remove(&self.id);
        CONNECTIONS.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(name: &str) -> Caller {
        Caller::Token(name.into())
    }

    #[test]
    fn the_longest_idle_connection_of_the_same_caller_gives_way() {
        let registry = Registry::new(10, 2);
        let other = registry.enter(caller("b")).unwrap();
        let first = registry.enter(caller("a")).unwrap();
        let second = registry.enter(caller("a")).unwrap();
        // It has had a call, so the one that never had any goes first.
        drop(first.activity.call());
        let third = registry.enter(caller("a")).unwrap();
        assert!(second.evicted.is_cancelled());
        assert!(!first.evicted.is_cancelled() && !other.evicted.is_cancelled());
        let calls = [first.activity.call(), third.activity.call()];
        assert!(registry.enter(caller("a")).is_none());
        drop(calls);
        drop(first);
        assert!(registry.enter(caller("a")).is_some());
        assert!(!third.evicted.is_cancelled());
    }

    #[test]
    fn any_idle_connection_gives_way_to_others_at_the_limit() {
        let registry = Registry::new(2, 2);
        let a = registry.enter(caller("a")).unwrap();
        let b = registry.enter(caller("b")).unwrap();
        let _call = a.activity.call();
        let _c = registry.enter(caller("c")).unwrap();
        assert!(b.evicted.is_cancelled() && !a.evicted.is_cancelled());
        assert!(registry.evict());
        assert!(!registry.evict());
    }
}
