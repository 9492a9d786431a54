//! The replicas of a service that a client may ask: the one with the fewest open calls among those that answer.

use std::sync::Arc;

use deepface_proto::Origin;
use tokio::time::Instant;

use crate::{
    ClientError, Credentials,
    channel::Connection,
    names,
    replica::{Lease, Member, Replicas},
};

/// The replicas of a service, and what they are asked for. Clones share the replicas.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    replicas: Arc<Replicas>,
    origin: Origin,
}

impl Pool {
    /// Connects on first use to one or more services of the same kind, `http://HOST:PORT`, separated by commas. A host
    /// name may stand for several addresses.
    pub(crate) fn lazy(urls: &str, credentials: &Credentials) -> Result<Self, ClientError> {
        let urls: Vec<&str> = urls.split(',').map(str::trim).collect();
        let connections = urls.iter().map(|url| Connection::lazy(url, credentials));
        let connections = connections.collect::<Result<Vec<_>, _>>()?;
        let names: Vec<_> = connections.iter().map(|c| c.url.clone()).collect();
        let replicas = Arc::new(Replicas::new(names.join(","), connections));
        names::follow(&replicas, names);
        Ok(Self {
            replicas,
            origin: Origin::default(),
        })
    }

    /// Names what later calls are made for.
    pub(crate) fn set_origin(&mut self, origin: Origin) {
        self.origin = origin;
    }

    pub(crate) fn urls(&self) -> &str {
        &self.replicas.urls
    }

    #[cfg(test)]
    pub(crate) fn replicas(self) -> Arc<Replicas> {
        self.replicas
    }

    /// A pool of one for each replica that is known now. They share what is known of the replicas' load and failures.
    pub(crate) fn each(&self) -> Vec<Self> {
        let alone = |member: Arc<Member>| Self {
            replicas: Arc::new(Replicas::of(member)),
            origin: self.origin.clone(),
        };
        self.replicas.members().into_iter().map(alone).collect()
    }

    /// Takes the least loaded replica. One that was ejected is taken only if all are.
    pub(crate) fn take(&self) -> Lease {
        let now = Instant::now();
        let members = self.replicas.members();
        let turn = self.replicas.turn();
        let rank = |i: usize| {
            let member = &members[i];
            let (load, order) = (member.load(), i + turn);
            (member.ejected(now), load, order % members.len())
        };
        let best = (0..members.len()).min_by_key(|&i| rank(i)).unwrap_or(0);
        let member = members[best].clone();
        Lease::of(member, self.origin.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> ClientError {
        ClientError::Unreachable {
            url: "http://localhost:1".into(),
            reason: "it is gone".into(),
        }
    }

    fn url(lease: &Lease) -> String {
        lease.connection().url.to_string()
    }

    #[tokio::test]
    async fn calls_go_to_the_least_loaded_replica() {
        let pool = Pool::lazy(
            "127.0.0.1:1, 127.0.0.1:2,http://127.0.0.1:3",
            &Credentials::default(),
        )
        .unwrap();
        let mut first: Vec<_> = (0..3).map(|_| pool.take()).collect();
        let mut urls: Vec<_> = first.iter().map(url).collect();
        urls.sort();
        assert_eq!(urls.join(","), pool.urls());
        let free = url(&first.remove(1));
        assert_eq!(url(&pool.take()), free);
    }

    #[tokio::test]
    async fn each_replica_can_be_asked_alone() {
        let pool = Pool::lazy("127.0.0.1:1,127.0.0.1:2", &Credentials::default()).unwrap();
        let each = pool.each();
        let urls: Vec<_> = each.iter().map(Pool::urls).collect();
        assert_eq!(urls, ["http://127.0.0.1:1", "http://127.0.0.1:2"]);
        let _calls = [each[1].take(), each[1].take()];
        for _ in 0..2 {
            let lease = pool.take();
            assert_eq!(url(&lease), "http://127.0.0.1:1", "the other one is busy");
            drop(lease);
        }
    }

    #[tokio::test]
    async fn a_replica_that_is_gone_is_left_out_until_all_are() {
        let pool = Pool::lazy("127.0.0.1:1,127.0.0.1:2", &Credentials::default()).unwrap();
        let gone = pool.take();
        gone.failed(&unreachable());
        for _ in 0..4 {
            // However many calls the other one has.
            std::mem::forget(pool.take());
        }
        let other = pool.take();
        assert_ne!(url(&other), url(&gone));
        other.failed(&unreachable());
        other.failed(&unreachable());
        assert_eq!(url(&pool.take()), url(&gone), "it comes back first");
        other.succeeded();
        assert_eq!(url(&pool.take()), url(&other));
    }
}
