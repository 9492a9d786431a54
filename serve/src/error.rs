//! Why a server cannot run.

use std::net::SocketAddr;

/// Why a server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is reachable from other machines, and the connection would be in plain text.
    #[error(
        "{0} can be reached from other machines: pass --tls-cert and --tls-key, listen on a loopback address \
         (127.0.0.1, [::1]), or pass --insecure where the network itself is trusted"
    )]
    Plaintext(SocketAddr),
    /// The address of the metrics is reachable from other machines.
    #[error(
        "--metrics: {0} can be reached from other machines: use a loopback address, or pass --insecure where the \
         network itself is trusted"
    )]
    PlainMetrics(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A certificate, key or list of tokens cannot be used.
    #[error("{what}: {reason}")]
    Security {
        /// What it is.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// The descriptors of the contract cannot be served.
    #[error("cannot serve reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// Signal handlers cannot be installed.
    #[error("cannot handle signals")]
    Signal(#[source] std::io::Error),
}
