//! Flags and environment of every service.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpListener;

use crate::ServeError;

const DRAIN_SECONDS: u64 = 20;
const MAX_CALL_SECONDS: u64 = 3600;
const MAX_CALLS: u16 = 512;

/// How a service listens and how long its calls may take.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeSettings {
    /// Address to listen on; port 0 takes any free one. Default: 127.0.0.1 and the service's own port.
    #[arg(long, env = "DEEPFACE_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Listen in plain text on an address that other machines can reach.
    #[arg(long, env = "DEEPFACE_INSECURE", action = clap::ArgAction::SetTrue, value_parser = switch)]
    pub insecure: bool,
    /// How long open calls may take to finish after SIGTERM, in seconds.
    #[arg(long, env = "DEEPFACE_DRAIN_SECONDS", value_name = "N", default_value_t = DRAIN_SECONDS)]
    pub drain_seconds: u64,
    /// Longest time for a call whose client sets no shorter deadline, in seconds. Streams are calls too.
    #[arg(long, env = "DEEPFACE_MAX_CALL_SECONDS", value_name = "N", default_value_t = MAX_CALL_SECONDS,
          value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub max_call_seconds: u64,
    /// Calls that may be open at once, on all connections together; further calls are refused, and clients retry them.
    /// Each holds its request, of up to 32 MiB. Health checks do not count.
    #[arg(long, env = "DEEPFACE_MAX_CALLS", value_name = "N", default_value_t = MAX_CALLS,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_calls: u16,
}

/// Reads a switch of the environment; empty is off.
fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" | "y" | "t" => Ok(true),
        "" | "0" | "false" | "no" | "off" | "n" | "f" => Ok(false),
        _ => Err("expected 1 or 0, true or false, yes or no, on or off".to_owned()),
    }
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            listen: None,
            insecure: false,
            drain_seconds: DRAIN_SECONDS,
            max_call_seconds: MAX_CALL_SECONDS,
            max_calls: MAX_CALLS,
        }
    }
}

impl ServeSettings {
    /// Binds the listener, on `port` of 127.0.0.1 where no address is given.
    ///
    /// # Errors
    /// The address cannot be bound, or it is not a loopback address and `--insecure` is not given.
    pub async fn bind(&self, port: u16) -> Result<TcpListener, ServeError> {
        let default = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let address = self.listen.unwrap_or(default);
        if !self.insecure && !address.ip().to_canonical().is_loopback() {
            return Err(ServeError::Plaintext(address));
        }
        let bound = TcpListener::bind(address).await;
        bound.map_err(|source| ServeError::Bind { address, source })
    }

    /// How long open calls may take to finish after the signal.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    /// Longest time for a call whose client sets no shorter deadline.
    pub fn max_call(&self) -> Duration {
        Duration::from_secs(self.max_call_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        serve: ServeSettings,
    }

    #[test]
    fn no_flags_are_the_default() {
        let cli = <Cli as clap::Parser>::try_parse_from(["svc"]).unwrap();
        assert_eq!(
            format!("{:?}", cli.serve),
            format!("{:?}", ServeSettings::default())
        );
    }

    #[test]
    fn a_switch_is_written_in_any_usual_way() {
        for on in ["1", "true", "TRUE", "yes", "on"] {
            assert_eq!(switch(on), Ok(true), "{on}");
        }
        for off in ["", "0", "false", "No", "off"] {
            assert_eq!(switch(off), Ok(false), "{off}");
        }
        assert!(switch("maybe").is_err());
        let flag = <Cli as clap::Parser>::try_parse_from(["svc", "--insecure"]);
        assert!(flag.unwrap().serve.insecure);
    }

    #[tokio::test]
    async fn plain_text_stays_on_this_machine() {
        let listen = |address: &str, insecure| ServeSettings {
            listen: Some(address.parse().unwrap()),
            insecure,
            ..Default::default()
        };
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
            let error = listen(address, false).bind(1).await.unwrap_err();
            assert!(
                matches!(error, ServeError::Plaintext(_)),
                "{address}: {error}"
            );
            assert!(error.to_string().contains("--insecure"));
        }
        assert!(listen("127.0.0.1:0", false).bind(1).await.is_ok());
        assert!(listen("0.0.0.0:0", true).bind(1).await.is_ok());
        assert!(ServeSettings::default().bind(0).await.is_ok());
    }
}
