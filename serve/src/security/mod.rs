//! Who may call: TLS, tokens, and files that can be replaced while the service runs.
//!
//! `reloaded` follows the files, `tls` makes the configuration of rustls, `tokens` reads the list of tokens, `access`
//! checks each call before its body is read, and `issue` makes a token.

mod access;
mod issue;
mod reloaded;
mod tls;
mod tokens;

pub(crate) use access::AccessLayer;
pub use issue::TokenArgs;
pub(crate) use reloaded::Reloaded;
pub(crate) use tls::{Tls, accept, certified};
pub(crate) use tokens::Tokens;
