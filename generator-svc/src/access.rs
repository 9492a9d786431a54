//! What the classifier may ask of this service as its client.

use std::path::PathBuf;

use deepface_client::Credentials;

/// Certificate and token for the classifier.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ClassifierAccess {
    /// Authority that must have signed the certificate of an https classifier (PEM). Default: those that the system trusts.
    #[arg(long, env = "DEEPFACE_CLASSIFIER_CA", value_name = "FILE")]
    pub classifier_ca: Option<PathBuf>,
    /// Certificate to show to an https classifier (PEM). Default: none.
    #[arg(
        long,
        env = "DEEPFACE_CLASSIFIER_CERT",
        value_name = "FILE",
        requires = "classifier_key"
    )]
    pub classifier_cert: Option<PathBuf>,
    /// Key of --classifier-cert (PEM). Default: none.
    #[arg(
        long,
        env = "DEEPFACE_CLASSIFIER_KEY",
        value_name = "FILE",
        requires = "classifier_cert"
    )]
    pub classifier_key: Option<PathBuf>,
    /// File with the token to bring to the classifier: it needs the scopes read and infer. Default: the token in the
    /// variable DEEPFACE_TOKEN, if it is set.
    #[arg(long, env = "DEEPFACE_CLASSIFIER_TOKEN_FILE", value_name = "FILE")]
    pub classifier_token_file: Option<PathBuf>,
}

impl ClassifierAccess {
    /// What a client of the classifier needs.
    pub fn credentials(&self) -> Credentials {
        Credentials {
            ca: self.classifier_ca.clone(),
            cert: self.classifier_cert.clone(),
            key: self.classifier_key.clone(),
            token_file: self.classifier_token_file.clone(),
        }
    }
}

impl From<Credentials> for ClassifierAccess {
    fn from(credentials: Credentials) -> Self {
        Self {
            classifier_ca: credentials.ca,
            classifier_cert: credentials.cert,
            classifier_key: credentials.key,
            classifier_token_file: credentials.token_file,
        }
    }
}
