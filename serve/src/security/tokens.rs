//! The list of tokens: a name, the SHA-256 of the secret, and what its holder may do.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use deepface_files::sha256;
use deepface_proto::Scope;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::Reloaded;
use crate::{Allowance, ServeError};

/// Characters of a SHA-256 in hexadecimal digits.
const DIGEST: usize = 64;

/// The words of a line.
const LINE: &str = "NAME SHA256 SCOPES [CALLS [PIXELS]]";

/// One token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// Whose it is.
    pub(crate) name: Arc<str>,
    /// SHA-256 of the secret, in lower-case hexadecimal digits.
    digest: String,
    scopes: Vec<Scope>,
    /// Calls that may be open, where that is not the share of any caller.
    pub(crate) calls: Option<u16>,
    /// Pixels that may be looked at, where they are limited.
    pub(crate) pixels: Option<Allowance>,
}

impl Token {
    /// Whether its holder may call methods of this scope.
    pub(crate) fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// What its holder may do, for messages.
    pub(crate) fn scopes(&self) -> String {
        let names: Vec<_> = self.scopes.iter().map(Scope::to_string).collect();
        names.join(",")
    }
}

/// The tokens that are known.
#[derive(Debug)]
pub(crate) struct Tokens(Vec<Token>);

impl Tokens {
    /// Reads the file of tokens, and makes them follow it.
    ///
    /// # Errors
    /// The file cannot be read, or a line is malformed.
    pub(crate) fn follow(path: &Path) -> Result<Reloaded<Self>, ServeError> {
        Reloaded::load("tokens", vec![path.to_owned()], |files| {
            Self::parse(&String::from_utf8_lossy(&files.concat()))
        })
    }

    /// Reads lines of `NAME SHA256 SCOPES [CALLS [PIXELS]]`, with `-` for no number. `#` starts a comment.
    fn parse(text: &str) -> Result<Self, String> {
        let mut tokens: Vec<Token> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<_> = line
                .split('#')
                .next()
                .unwrap_or("")
                .split_whitespace()
                .collect();
            if words.is_empty() {
                continue;
            }
            // Never the line itself: somebody may have put the secret there.
            let token = token(&words).map_err(|reason| format!("line {number}: {reason}"))?;
            if tokens.iter().any(|other| other.digest == token.digest) {
                return Err(format!("line {number}: the digest occurs twice"));
            }
            tokens.push(token);
        }
        Ok(Self(tokens))
    }

    /// The token with this secret. Takes the same time wherever in the list it is, and whether or not it is there.
    pub(crate) fn find(&self, secret: &str) -> Option<&Token> {
        let digest = sha256(secret.as_bytes());
        let mut found = u32::MAX;
        for (index, token) in (0..).zip(&self.0) {
            let same: Choice = token.digest.as_bytes().ct_eq(digest.as_bytes());
            found.conditional_assign(&index, same);
        }
        self.0.get(usize::try_from(found).ok()?)
    }
}

fn token(words: &[&str]) -> Result<Token, String> {
    let &[name, digest, scopes, ref numbers @ ..] = words else {
        return Err(format!("expected {LINE}"));
    };
    if numbers.len() > 2 {
        return Err(format!("expected {LINE}"));
    }
    if digest.len() != DIGEST || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(format!("expected a SHA-256 of {DIGEST} hexadecimal digits"));
    }
    let numbers = [numbers.first(), numbers.get(1)];
    let [calls, pixels] = numbers.map(|number| number.copied().filter(|&number| number != "-"));
    let calls = calls.map(|calls| at_least_one(calls, "calls, 1 to 65535"));
    let pixels = pixels.map(|pixels| at_least_one(pixels, "pixels a second, 1 to 4294967295"));
    let scopes: Result<_, _> = scopes.split(',').map(str::parse).collect();
    Ok(Token {
        name: name.into(),
        digest: digest.to_ascii_lowercase(),
        scopes: scopes?,
        calls: calls.transpose()?,
        pixels: pixels.transpose()?.map(Allowance::new),
    })
}

fn at_least_one<T: FromStr + Default + PartialEq>(text: &str, what: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number != T::default());
    number.ok_or_else(|| format!("expected a number of {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_secret() {
        let (a, b) = (sha256(b"secret a"), sha256(b"secret b").to_uppercase());
        let text = format!("# ours\nci {a} read,infer 4\n\nyou {b} generate - 9 # theirs\n");
        let tokens = Tokens::parse(&text).unwrap();
        let ci = tokens.find("secret a").unwrap();
        assert_eq!((&*ci.name, ci.calls), ("ci", Some(4)));
        assert!(ci.allows(Scope::Read) && ci.allows(Scope::Infer) && !ci.allows(Scope::Generate));
        assert!(ci.pixels.is_none());
        let you = tokens.find("secret b").unwrap();
        assert_eq!((&*you.name, you.calls), ("you", None));
        assert!(you.pixels.is_some());
        for wrong in ["", "secret", &a] {
            assert!(tokens.find(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_malformed_line_is_named_and_not_repeated() {
        let digest = sha256(b"x");
        for (line, said) in [
            ("ci hunter2 read", "line 2: expected a SHA-256"),
            (&*format!("ci {digest} all"), "line 2: expected read, infer"),
            (&*format!("ci {digest} read 0"), "line 2: expected a number"),
            (
                &*format!("ci {digest} read - many"),
                "line 2: expected a number of pixels",
            ),
            (
                &*format!("ci {digest} read 1 1 1"),
                "line 2: expected NAME SHA256 SCOPES [CALLS [PIXELS]]",
            ),
            ("ci hunter2", "line 2: expected NAME"),
        ] {
            let error = Tokens::parse(&format!("#\n{line}")).unwrap_err();
            assert!(error.starts_with(said), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let twice = format!("a {digest} read\nb {digest} infer");
        assert!(Tokens::parse(&twice).is_err());
    }
}
