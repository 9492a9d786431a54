//! TLS by rustls: the certificate of the server, and where one is asked for, of its clients.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deepface_files::sha256;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::Reloaded;
use crate::{Caller, ServeError};

/// HTTP/2, which is all that the server speaks.
const PROTOCOL: &[u8] = b"h2";

/// The configuration of new connections.
pub(crate) type Tls = Reloaded<ServerConfig>;

impl Tls {
    /// Reads a chain of certificates and its key, and the authority that must have signed those of the clients.
    ///
    /// # Errors
    /// A file cannot be read, or is not what it should be.
    pub(crate) fn of(
        cert: &Path,
        key: &Path,
        client_ca: Option<&Path>,
    ) -> Result<Self, ServeError> {
        let paths = [Some(cert), Some(key), client_ca].into_iter().flatten();
        Self::load("TLS", paths.map(Path::to_owned).collect(), config)
    }
}

/// Makes the handshake. `None` where it fails or takes longer than `limit`.
pub(crate) async fn accept(
    tls: &Tls,
    socket: TcpStream,
    limit: Duration,
) -> Option<TlsStream<TcpStream>> {
    let acceptor = TlsAcceptor::from(tls.get());
    match timeout(limit, acceptor.accept(socket)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}

/// The caller by its certificate, where it showed one.
pub(crate) fn certified(stream: &TlsStream<TcpStream>) -> Option<Caller> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    Some(Caller::Certificate(sha256(certificate).into()))
}

fn config(files: &[Vec<u8>]) -> Result<ServerConfig, String> {
    let [cert, key, client_ca @ ..] = files else {
        return Err("a certificate and a key are needed".to_owned());
    };
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match client_ca.first() {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let roots = Arc::new(roots(authority)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            let verifier = verifier.map_err(|error| format!("--tls-client-ca: {error}"))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("--tls-key: {error}"))?;
    let mut config = builder
        .with_single_cert(certificates(cert, "--tls-cert")?, key)
        .map_err(|error| format!("--tls-cert and --tls-key: {error}"))?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

fn roots(authority: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authority, "--tls-client-ca")? {
        let added = roots.add(certificate);
        added.map_err(|error| format!("--tls-client-ca: {error}"))?;
    }
    Ok(roots)
}

fn certificates(pem: &[u8], flag: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err(format!("{flag}: expected certificates in PEM")),
        Ok(all) => Ok(all),
        Err(error) => Err(format!("{flag}: {error}")),
    }
}
