//! Who makes a call: the unit that quotas and fairness count in.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Who makes a call. The server puts it into the extensions of every request; of the names that are known, the
/// strongest counts: a token, else a client certificate, else the address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// The name of the token that the call came with.
    Token(Arc<str>),
    /// The client certificate of the connection: its SHA-256, in hexadecimal digits.
    Certificate(Arc<str>),
    /// The address of the other end. Of IPv6 only the network of 64 bits, which one machine has to itself.
    Address(IpAddr),
}

impl Caller {
    /// The caller of a request; the unspecified address for one that did not come through a server.
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        let known = request.extensions().get::<Self>().cloned();
        let address = || Some(Self::at(request.remote_addr()?.ip()));
        known.or_else(address).unwrap_or_else(Self::nobody)
    }

    /// The caller of a request that did not come through a server.
    pub(crate) fn nobody() -> Self {
        Self::Address(Ipv4Addr::UNSPECIFIED.into())
    }

    /// The caller at an address.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                Ipv6Addr::from_bits(network).into()
            }
            address => address,
        })
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(name) => write!(f, "token {name}"),
            Self::Certificate(digest) => write!(f, "certificate {digest}"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_one_caller_whatever_its_address() {
        let at = |text: &str| Caller::at(text.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:2"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }

    #[test]
    fn a_request_has_the_caller_that_the_server_gave_it() {
        let mut request = tonic::Request::new(());
        assert_eq!(Caller::of(&request).to_string(), "0.0.0.0");
        let caller = Caller::Token("ci".into());
        request.extensions_mut().insert(caller.clone());
        assert_eq!(Caller::of(&request), caller);
    }
}
