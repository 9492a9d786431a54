//! One replica of a service: how many calls it has open, and whether it is left out for its failures.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use deepface_proto::Origin;
use tokio::time::Instant;
use tonic::Request;

use crate::{ClientError, channel::Connection, trace};

/// Failures in a row after which a replica is left out.
const FAILURES: u32 = 3;
/// How long it is left out at first; each time twice as long.
const FIRST_EJECTION: Duration = Duration::from_secs(1);
const LAST_EJECTION: Duration = Duration::from_secs(30);

/// The replicas of a service.
#[derive(Debug)]
pub(crate) struct Replicas {
    /// The URLs as given, separated by commas.
    pub(crate) urls: Arc<str>,
    /// By position of the URL, then by address.
    members: RwLock<Vec<Arc<Member>>>,
    next: AtomicUsize,
}

/// One replica.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) connection: Connection,
    open: AtomicUsize,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    failures: u32,
    ejections: u32,
    ejected_until: Option<Instant>,
}

impl Replicas {
    pub(crate) fn new(urls: String, connections: Vec<Connection>) -> Self {
        Self {
            urls: urls.into(),
            members: RwLock::new(connections.into_iter().map(Member::new).collect()),
            next: AtomicUsize::new(0),
        }
    }

    /// One alone, under its URL, and its address if the URL stands for several.
    pub(crate) fn of(member: Arc<Member>) -> Self {
        let connection = &member.connection;
        let urls = match connection.address {
            None => connection.url.to_string(),
            Some(address) => format!("{} at {address}", connection.url),
        };
        Self {
            urls: urls.into(),
            members: RwLock::new(vec![member]),
            next: AtomicUsize::new(0),
        }
    }

    /// A number that is another one at every call, so that equals take turns.
    pub(crate) fn turn(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn members(&self) -> Vec<Arc<Member>> {
        let members = self.members.read();
        members.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the members, which must not be none.
    pub(crate) fn replace(&self, members: Vec<Arc<Member>>) {
        let mut all = self.members.write().unwrap_or_else(PoisonError::into_inner);
        *all = members;
    }
}

impl Member {
    pub(crate) fn new(connection: Connection) -> Arc<Self> {
        Arc::new(Self {
            connection,
            open: AtomicUsize::new(0),
            standing: Mutex::default(),
        })
    }

    /// Calls that it has open.
    pub(crate) fn load(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How long it is still left out.
    pub(crate) fn ejected(&self, now: Instant) -> Duration {
        let until = self.standing().ejected_until;
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A replica for one call. It counts as loaded until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    member: Arc<Member>,
    origin: Origin,
}

impl Lease {
    pub(crate) fn of(member: Arc<Member>, origin: Origin) -> Self {
        member.open.fetch_add(1, Ordering::Relaxed);
        Self { member, origin }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.member.connection
    }

    /// A request with the headers that name what it is made for.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        self.origin.write(request.metadata_mut());
        trace::write(request.metadata_mut());
        request
    }

    /// Notes that the replica answered.
    pub(crate) fn succeeded(&self) {
        *self.member.standing() = Standing::default();
    }

    /// Notes an error. A replica that cannot be reached or has another network is left out at once, one that is
    /// overloaded after several errors in a row.
    pub(crate) fn failed(&self, error: &ClientError) {
        let gone =
            matches!(error, ClientError::Unreachable { .. }) || error.is_of_another_network();
        if !gone && !error.is_transient() {
            return self.succeeded();
        }
        let mut standing = self.member.standing();
        standing.failures += if gone { FAILURES } else { 1 };
        if standing.failures >= FAILURES {
            let time = FIRST_EJECTION * 2u32.saturating_pow(standing.ejections);
            standing.ejected_until = Some(Instant::now() + time.min(LAST_EJECTION));
            standing.failures = 0;
            standing.ejections = (standing.ejections + 1).min(8);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.member.open.fetch_sub(1, Ordering::Relaxed);
    }
}
