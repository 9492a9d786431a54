//! An authority that signs certificates for tests, in files.

use std::path::{Path, PathBuf};

use deepface_client::Credentials;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

/// An authority, and the folder of what it signed.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The certificate (PEM).
    pub cert: PathBuf,
    /// The key (PEM).
    pub key: PathBuf,
}

impl Authority {
    /// A new authority.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be made");
        let own = params.self_signed(&key).expect("it can be signed");
        let folder = tempfile::tempdir().expect("a folder can be made");
        write(&folder.path().join("ca.pem"), &own.pem());
        let issuer = Issuer::new(params, key);
        Self { issuer, folder }
    }

    /// The certificate of the authority.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Signs a certificate for this machine. One of the same name is replaced.
    pub fn signs(&self, name: &str) -> Signed {
        self.sign(name, false)
    }

    /// Signs a certificate that is no longer good.
    pub fn signs_expired(&self, name: &str) -> Signed {
        self.sign(name, true)
    }

    /// The credentials of a client that trusts this authority.
    pub fn trusted(&self) -> Credentials {
        Credentials {
            ca: Some(self.ca()),
            ..Default::default()
        }
    }

    /// The path of another file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sign(&self, name: &str, expired: bool) -> Signed {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).expect("the names are good");
        if expired {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().expect("a key can be made");
        let signed = params.signed_by(&key, &self.issuer);
        let signed = signed.expect("it can be signed");
        let pair = Signed {
            cert: self.file(&format!("{name}.pem")),
            key: self.file(&format!("{name}.key")),
        };
        write(&pair.key, &key.serialize_pem());
        write(&pair.cert, &signed.pem());
        pair
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Signed {
    /// Adds the pair to the credentials of a client.
    #[must_use]
    pub fn of(&self, mut credentials: Credentials) -> Credentials {
        credentials.cert = Some(self.cert.clone());
        credentials.key = Some(self.key.clone());
        credentials
    }
}

/// Replaces a file as a whole.
fn write(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("the folder can be written");
    std::fs::rename(&new, path).expect("the folder can be written");
}
