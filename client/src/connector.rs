//! Connections by TCP, and by TLS over it where the URL says https.

use std::future::Future;
use std::io::{self, Error, ErrorKind};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

use crate::Credentials;

/// Connects by TLS. It reads the files of its credentials for each connection, so that they may be replaced.
#[derive(Clone, Debug)]
pub(crate) struct Encrypted {
    credentials: Credentials,
    /// The name that the certificate of the service must have: the host of the URL.
    host: String,
}

impl Encrypted {
    /// Connects to a host that must prove to have this name.
    pub(crate) fn to(host: &str, credentials: Credentials) -> Self {
        let host = host.trim_matches(['[', ']']).to_owned();
        Self { credentials, host }
    }

    async fn connect(self, to: Uri) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
        let host = to.host().unwrap_or_default().trim_matches(['[', ']']);
        let socket = TcpStream::connect((host, to.port_u16().unwrap_or(443))).await?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from(self.host.clone())
            .map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
        let connector = TlsConnector::from(Arc::new(config(&self.credentials)?));
        let stream = connector.connect(name, socket).await?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(Error::other("the service does not speak HTTP/2 over TLS"));
        }
        Ok(TokioIo::new(stream))
    }
}

impl Service<Uri> for Encrypted {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        Box::pin(self.clone().connect(to))
    }
}

fn config(credentials: &Credentials) -> io::Result<ClientConfig> {
    let roots = match &credentials.ca {
        Some(path) => roots(certificates(path)?),
        None => roots(rustls_native_certs::load_native_certs().certs),
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Error::other)?
        .with_root_certificates(roots);
    let mut config = match (&credentials.cert, &credentials.key) {
        (Some(cert), Some(key)) => {
            let pem = PrivateKeyDer::from_pem_slice(&read(key)?);
            let secret = pem.map_err(|error| named(key, error))?;
            let chosen = builder.with_client_auth_cert(certificates(cert)?, secret);
            chosen.map_err(|error| named(cert, error))?
        }
        (None, None) => builder.with_no_client_auth(),
        _ => {
            return Err(Error::other(
                "a certificate needs its key, and a key its certificate",
            ));
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// Those of the certificates that can be authorities; systems keep some that cannot.
fn roots(certificates: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    roots
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    match all {
        Ok(all) if all.is_empty() => Err(named(path, "expected certificates in PEM")),
        Ok(all) => Ok(all),
        Err(error) => Err(named(path, error)),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| named(path, error))
}

fn named(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::other(format!("{}: {error}", path.display()))
}
