//! Host names that stand for several addresses: each becomes a replica of its own.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{net::lookup_host, time::sleep};
use tonic::transport::Uri;

use crate::{
    channel::Connection,
    replica::{Member, Replicas},
};

/// How often names are looked up again.
const INTERVAL: Duration = Duration::from_secs(10);
/// Most addresses of one name that are used.
const MOST: usize = 64;

/// Follows the addresses of all host names among the URLs for as long as the replicas are in use.
pub(crate) fn follow(replicas: &Arc<Replicas>, urls: Vec<Arc<str>>) {
    if urls.iter().any(|url| name(url).is_some()) {
        tokio::spawn(watch(Arc::downgrade(replicas), urls));
    }
}

async fn watch(replicas: Weak<Replicas>, urls: Vec<Arc<str>>) {
    loop {
        let mut found = Vec::new();
        for url in &urls {
            found.push((url.clone(), addresses(url).await));
        }
        let Some(replicas) = replicas.upgrade() else {
            return;
        };
        update(&replicas, &found);
        drop(replicas);
        sleep(INTERVAL).await;
    }
}

/// One member per address of a name that has several, else one per URL. Members that stay keep their connection.
fn update(replicas: &Replicas, found: &[(Arc<str>, Vec<SocketAddr>)]) {
    let before = replicas.members();
    let known = before.first().map(|m| m.connection.credentials.clone());
    let credentials = known.unwrap_or_default();
    let mut members = Vec::new();
    for (url, addresses) in found {
        let mut add = |address: Option<SocketAddr>| {
            let same =
                |m: &&Arc<Member>| m.connection.url == *url && m.connection.address == address;
            let member = match before.iter().find(same) {
                Some(member) => Some(member.clone()),
                None => {
                    let made = Connection::lazy_at(url, address, &credentials);
                    made.ok().map(Member::new)
                }
            };
            members.extend(member);
        };
        match addresses.as_slice() {
            [] | [_] => add(None),
            several => several.iter().copied().map(Some).for_each(add),
        }
    }
    if !members.is_empty() {
        replicas.replace(members);
    }
}

/// The addresses of the host name in a URL, sorted; none if it has none, is an address itself, or cannot be looked up.
async fn addresses(url: &str) -> Vec<SocketAddr> {
    let Some((host, port)) = name(url) else {
        return Vec::new();
    };
    let Ok(found) = lookup_host((host.as_str(), port)).await else {
        return Vec::new();
    };
    let mut found: Vec<_> = found.collect();
    found.sort();
    found.dedup();
    found.truncate(MOST);
    found
}

/// The host and port of a URL whose host is a name. `localhost` is one machine, whatever addresses it has.
fn name(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']);
    let named = host.parse::<IpAddr>().is_err() && host != "localhost";
    named.then(|| Some((host.to_owned(), uri.port_u16()?)))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Pool;

    #[test]
    fn only_names_are_looked_up() {
        let found = name("http://classifier.internal:50051");
        assert_eq!(found, Some(("classifier.internal".to_owned(), 50051)));
        for address in ["http://10.0.0.7:1", "http://[::1]:1", "http://localhost:1"] {
            assert_eq!(name(address), None, "{address}");
        }
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_a_replica_and_those_that_stay_keep_their_connection() {
        let replicas = Pool::lazy(
            "http://127.0.0.1:1,http://10.0.0.1:2",
            &crate::Credentials::default(),
        )
        .unwrap()
        .replicas();
        let url: Arc<str> = "http://127.0.0.1:1".into();
        let other: Arc<str> = "http://10.0.0.1:2".into();
        let kept = replicas.members()[1].clone();
        let address = |last| SocketAddr::from(([10, 0, 0, last], 1));
        let found = [(url.clone(), vec![address(1), address(2)]), (other, vec![])];
        update(&replicas, &found);
        let members = replicas.members();
        assert_eq!(members.len(), 3);
        assert!(Arc::ptr_eq(&members[2], &kept));
        let second = members[1].clone();
        update(&replicas, &[(url, vec![address(2), address(3)])]);
        let members = replicas.members();
        assert!(members.len() == 2 && Arc::ptr_eq(&members[0], &second));
    }
}
