//! What a service may ask of its clients: the authority to trust, a certificate, and a token.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, fmt, fs};

use http::HeaderValue;
use tokio::time::{Duration, Instant};

/// The environment variable with the token itself.
pub const TOKEN_VARIABLE: &str = "DEEPFACE_TOKEN";
/// How long a token that was read from a file is used before the file is read again.
const FRESH: Duration = Duration::from_secs(1);

/// How a client proves who it is, and whom it trusts. The default is nothing, for services in plain text, and the
/// system's authorities for others.
///
/// Files are read when they are needed, and again when they change, so they may be replaced at any time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Authorities that may have signed the certificate of the service (PEM), in place of the system's.
    pub ca: Option<PathBuf>,
    /// Certificate of the client (PEM).
    pub cert: Option<PathBuf>,
    /// Key of the certificate (PEM).
    pub key: Option<PathBuf>,
    /// File with the token. Without it, the token is that of the environment, in [`TOKEN_VARIABLE`], if there is one.
    pub token_file: Option<PathBuf>,
}

/// The token that calls bring, which may change.
#[derive(Clone)]
pub(crate) struct Token {
    file: Option<PathBuf>,
    last: Arc<Mutex<Option<(Instant, Bearer)>>>,
}

/// The value of the header; sensitive, so that it is not printed.
type Bearer = Option<HeaderValue>;

impl Token {
    pub(crate) fn of(credentials: &Credentials) -> Self {
        let file = credentials.token_file.clone();
        let last = Arc::default();
        Self { file, last }
    }

    /// The header that calls bring now, or `None` where there is no token.
    ///
    /// # Errors
    /// The file cannot be read or is empty, or the token cannot be in a header.
    pub(crate) fn header(&self) -> Result<Bearer, String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, bearer)) = &*last
            && then.elapsed() < FRESH
        {
            return Ok(bearer.clone());
        }
        let secret = self.read()?;
        match (&*last, secret.as_deref().map(str::trim)) {
            // It is just being written.
            (Some((_, bearer)), Some("")) => return Ok(bearer.clone()),
            (None, Some("")) => return Err("the file with the token is empty".to_owned()),
            _ => {}
        }
        let bearer = secret.map(|secret| bearer(&secret)).transpose()?;
        *last = Some((Instant::now(), bearer.clone()));
        Ok(bearer)
    }

    fn read(&self) -> Result<Option<String>, String> {
        let Some(file) = &self.file else {
            return Ok(env::var(TOKEN_VARIABLE).ok().filter(|t| !t.is_empty()));
        };
        let read = fs::read_to_string(file);
        let secret = read.map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Some(secret))
    }
}

fn bearer(secret: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", secret.trim()))
        .map_err(|_| "the token has characters that a header cannot have".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("file", &self.file).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_is_read_again_and_never_printed() {
        let file = env::temp_dir().join(format!("deepface-token-{}", std::process::id()));
        fs::write(&file, "first\n").unwrap();
        let token = Token::of(&Credentials {
            token_file: Some(file.clone()),
            ..Default::default()
        });
        let header = || token.header().unwrap().unwrap();
        assert_eq!(header().as_bytes(), b"Bearer first");
        assert!(!format!("{:?} {token:?}", header()).contains("first"));
        fs::write(&file, "second").unwrap();
        tokio::time::sleep(FRESH).await;
        assert_eq!(header().as_bytes(), b"Bearer second");
        fs::write(&file, "").unwrap();
        tokio::time::sleep(FRESH).await;
        assert_eq!(header().as_bytes(), b"Bearer second");
        let other = Token::of(&Credentials {
            token_file: Some(file.clone()),
            ..Default::default()
        });
        assert!(other.header().unwrap_err().contains("empty"));
        fs::remove_file(&file).unwrap();
        tokio::time::sleep(FRESH).await;
        assert!(token.header().unwrap_err().contains("deepface-token"));
    }
}
