//! The subcommand `token`: makes a random token, and the line for the list of those that are known.

use std::io::{self, Write};
use std::path::PathBuf;

use deepface_files::sha256;
use deepface_proto::Scope;

/// Makes a random token, writes it to a file that only you can read, and prints the line for --tokens of a service.
#[derive(Clone, Debug, clap::Args)]
pub struct TokenArgs {
    /// Whose token it is: one word, which logs and refusals show.
    #[arg(value_parser = word)]
    name: String,
    /// What its holder may do: read, infer, generate, separated by commas.
    #[arg(
        long,
        value_name = "SCOPES",
        value_delimiter = ',',
        default_value = "read"
    )]
    scopes: Vec<Scope>,
    /// Calls that it may have open at once. Default: as many as any caller.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    calls: Option<u16>,
    /// Pixels a second of the images that it may send, or have generated. Default: as many as it likes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pixels: Option<u32>,
    /// New file for the token.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

impl TokenArgs {
    /// Writes the token to the file, and the line to standard output.
    ///
    /// # Errors
    /// The file exists or cannot be written, or standard output cannot.
    pub fn run(&self) -> io::Result<()> {
        let secret = hex(&rand::random::<[u8; 32]>());
        let mut file = private(&self.output).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", self.output.display()))
        })?;
        writeln!(file, "{secret}")?;
        file.sync_all()?;
        writeln!(io::stdout(), "{}", self.line(&secret))
    }

    fn line(&self, secret: &str) -> String {
        let scopes: Vec<_> = self.scopes.iter().map(Scope::to_string).collect();
        let (name, digest) = (&self.name, sha256(secret.as_bytes()));
        let line = format!("{name} {digest} {}", scopes.join(","));
        match (self.calls, self.pixels) {
            (None, None) => line,
            (Some(calls), None) => format!("{line} {calls}"),
            (None, Some(pixels)) => format!("{line} - {pixels}"),
            (Some(calls), Some(pixels)) => format!("{line} {calls} {pixels}"),
        }
    }
}

/// Opens a new file that only its owner can read.
fn private(path: &PathBuf) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn word(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if text.is_empty() || !text.chars().all(good) {
        return Err("expected one word of letters, digits, and -_.@".to_owned());
    }
    Ok(text.to_owned())
}
