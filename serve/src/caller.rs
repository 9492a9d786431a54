//! Who a request comes from, by which the service is shared out.

use std::net::{IpAddr, Ipv6Addr};

/// Whoever is entitled to a share of a service. Requests of the same caller share it.
///
/// It is known by its address, not by its port, or a caller would only have to open more connections; of an IPv6
/// address the first half counts, as the other half is free to choose. Whoever identifies callers better puts a
/// `Caller` into the extensions of the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller(Who);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    /// Within this process, over no network.
    Here,
    Address(IpAddr),
}

impl Caller {
    /// The caller of a request.
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        let known = request.extensions().get::<Self>().cloned();
        known.unwrap_or_else(|| Self::at(request.remote_addr().map(|address| address.ip())))
    }

    /// The caller at an address, or the one that needs none.
    fn at(address: Option<IpAddr>) -> Self {
        Self(match address.map(|address| address.to_canonical()) {
            None => Who::Here,
            Some(IpAddr::V6(address)) => {
                let network = address.to_bits() >> 64 << 64;
                Who::Address(Ipv6Addr::from_bits(network).into())
            }
            Some(address) => Who::Address(address),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_caller_and_so_is_an_ipv6_network() {
        let at = |address: &str| Caller::at(Some(address.parse().unwrap()));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
        assert_eq!(at("10.0.0.1"), at("::ffff:10.0.0.1"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:2"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_ne!(at("10.0.0.1"), Caller::at(None));
    }

    #[test]
    fn what_is_known_of_a_request_counts() {
        let mut request = tonic::Request::new(());
        assert_eq!(Caller::of(&request), Caller::at(None));
        let known = Caller::at(Some([10, 0, 0, 1].into()));
        request.extensions_mut().insert(known.clone());
        assert_eq!(Caller::of(&request), known);
    }
}
