//! Flags and environment of every service.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::quota::Quota;
use crate::security::{Reloaded, Tls, Tokens};
use crate::transport::Limits;
use crate::watch::Patience;
use crate::{ObserveSettings, ServeError, lifetime};

const DRAIN_SECONDS: u64 = 20;
const MAX_CALL_SECONDS: u64 = 3600;
const MAX_CALLS: u16 = 512;
/// Room for a few of the largest requests, of 32 MiB, for each caller.
const MAX_ARRIVING_MIB: u16 = 256;
const MAX_CONNECTIONS: u16 = 512;
const LAME_DUCK_SECONDS: u64 = 3;
const REQUEST_SECONDS: u64 = 30;
const SILENT_SECONDS: u64 = 120;
const UNREAD_SECONDS: u64 = 60;
const IDLE_SECONDS: u64 = 300;
/// Off: a client may lose a call that it makes just then, and not all repeat it.
const MAX_CONNECTION_SECONDS: u64 = 0;
/// Longest time that a flag can set: a week.
const LONGEST: u64 = 604_800;

/// How a service listens and how long its calls may take.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeSettings {
    /// Address to listen on; port 0 takes any free one. Default: 127.0.0.1 and the service's own port.
    #[arg(long, env = "DEEPFACE_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Certificate of the service, and those that lead to its authority (PEM): calls must use TLS. Default: plain text.
    #[arg(
        long,
        env = "DEEPFACE_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,
    /// Key of --tls-cert (PEM). Default: none.
    #[arg(
        long,
        env = "DEEPFACE_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,
    /// Authority that must have signed the certificates of clients (PEM). Default: clients need none.
    #[arg(
        long,
        env = "DEEPFACE_TLS_CLIENT_CA",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_client_ca: Option<PathBuf>,
    /// Tokens that calls must bring, one a line: `NAME SHA256 SCOPES CALLS PIXELS`, as the subcommand `token` makes them. This
    /// file, the certificates and the key may be replaced at any time. Default: calls need none.
    #[arg(long, env = "DEEPFACE_TOKENS", value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Address in plain text with nothing but health checks, for probes that cannot speak TLS, as in Kubernetes. Other
    /// machines may reach it even without --insecure: it shows only whether the service serves. Default: none.
    #[arg(long, env = "DEEPFACE_HEALTH_LISTEN", value_name = "ADDR")]
    pub health_listen: Option<SocketAddr>,
    /// Listen in plain text on an address that other machines can reach.
    #[arg(long, env = "DEEPFACE_INSECURE", action = clap::ArgAction::SetTrue, value_parser = switch)]
    pub insecure: bool,
    /// How long to go on after SIGTERM with a health of NOT_SERVING, in seconds, so that balancers look away before the
    /// port closes.
    #[arg(long, env = "DEEPFACE_LAME_DUCK_SECONDS", value_name = "N", default_value_t = LAME_DUCK_SECONDS,
          value_parser = clap::value_parser!(u64).range(0..=LONGEST))]
    pub lame_duck_seconds: u64,
    /// How long open calls may take to finish after that, in seconds.
    #[arg(long, env = "DEEPFACE_DRAIN_SECONDS", value_name = "N", default_value_t = DRAIN_SECONDS,
          value_parser = clap::value_parser!(u64).range(0..=LONGEST))]
    pub drain_seconds: u64,
    /// Longest time for a call whose client sets no shorter deadline, in seconds. Streams are calls too.
    #[arg(long, env = "DEEPFACE_MAX_CALL_SECONDS", value_name = "N", default_value_t = MAX_CALL_SECONDS,
          value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub max_call_seconds: u64,
    /// Calls that may be open at once, on all connections together; further calls are refused, and clients retry them.
    /// Health checks do not count.
    #[arg(long, env = "DEEPFACE_MAX_CALLS", value_name = "N", default_value_t = MAX_CALLS,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_calls: u16,
    /// Calls that one caller may have open. A caller is a token, else a client certificate, else an address; raise it
    /// where all callers come through one proxy. Default: half of --max-calls.
    #[arg(long, env = "DEEPFACE_MAX_CALLS_PER_CALLER", value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_calls_per_caller: Option<u16>,
    /// Memory for requests that are still arriving, in MiB; what does not fit is refused, and clients retry it. One caller
    /// gets the same part of it as of --max-calls.
    #[arg(long, env = "DEEPFACE_MAX_ARRIVING_MIB", value_name = "N", default_value_t = MAX_ARRIVING_MIB,
          value_parser = clap::value_parser!(u16).range(64..))]
    pub max_arriving_mib: u16,
    /// Connections that may be open at once. Beyond that, one without a call is closed for a new one.
    #[arg(long, env = "DEEPFACE_MAX_CONNECTIONS", value_name = "N", default_value_t = MAX_CONNECTIONS,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_connections: u16,
    /// Connections that one address may have open. Default: half of --max-connections.
    #[arg(long, env = "DEEPFACE_MAX_CONNECTIONS_PER_ADDRESS", value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_connections_per_address: Option<u16>,
    /// How long a request may pause while it arrives, in seconds. All of it may take four times as long.
    #[arg(long, env = "DEEPFACE_REQUEST_SECONDS", value_name = "N", default_value_t = REQUEST_SECONDS,
          value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub request_seconds: u64,
    /// How long a stream may be silent in both directions while the service waits for its client, in seconds.
    #[arg(long, env = "DEEPFACE_SILENT_SECONDS", value_name = "N", default_value_t = SILENT_SECONDS,
          value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub silent_seconds: u64,
    /// How long a reply may go unread, in seconds. After that its stream is reset.
    #[arg(long, env = "DEEPFACE_UNREAD_SECONDS", value_name = "N", default_value_t = UNREAD_SECONDS,
          value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub unread_seconds: u64,
    /// How long a connection may be without a call, in seconds. After that it is closed; clients connect anew.
    #[arg(long, env = "DEEPFACE_IDLE_SECONDS", value_name = "N", default_value_t = IDLE_SECONDS,
          value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub idle_seconds: u64,
    /// Age at which a connection takes no new calls, in seconds, so that clients connect anew and balancers spread them;
    /// open calls go on. 0: never.
    #[arg(long, env = "DEEPFACE_MAX_CONNECTION_SECONDS", value_name = "N", default_value_t = MAX_CONNECTION_SECONDS,
          value_parser = clap::value_parser!(u64).range(0..=LONGEST))]
    pub max_connection_seconds: u64,
    /// What an operator sees of it.
    #[command(flatten)]
    pub observe: ObserveSettings,
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
            tls_cert: None,
            tls_key: None,
            tls_client_ca: None,
            tokens: None,
            health_listen: None,
            insecure: false,
            drain_seconds: DRAIN_SECONDS,
            max_call_seconds: MAX_CALL_SECONDS,
            max_calls: MAX_CALLS,
            lame_duck_seconds: LAME_DUCK_SECONDS,
            max_calls_per_caller: None,
            max_arriving_mib: MAX_ARRIVING_MIB,
            max_connections: MAX_CONNECTIONS,
            max_connections_per_address: None,
            request_seconds: REQUEST_SECONDS,
            silent_seconds: SILENT_SECONDS,
            unread_seconds: UNREAD_SECONDS,
            idle_seconds: IDLE_SECONDS,
            max_connection_seconds: MAX_CONNECTION_SECONDS,
            observe: ObserveSettings::default(),
        }
    }
}

impl ServeSettings {
    /// Binds the listener, on `port` of 127.0.0.1 where no address is given.
    ///
    /// # Errors
    /// The address cannot be bound, or it is not a loopback address, and neither TLS nor `--insecure` is given.
    pub async fn bind(&self, port: u16) -> Result<TcpListener, ServeError> {
        let default = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let address = self.listen.unwrap_or(default);
        if !self.insecure && self.tls_cert.is_none() && !address.ip().to_canonical().is_loopback() {
            return Err(ServeError::Plaintext(address));
        }
        listen(address).await
    }

    /// Binds the port of health checks alone, where there is one.
    pub(crate) async fn bind_health(&self) -> Result<Option<TcpListener>, ServeError> {
        match self.health_listen {
            Some(address) => {
                let listener = listen(address).await?;
                tracing::info!("health checks on {address}");
                Ok(Some(listener))
            }
            None => Ok(None),
        }
    }

    /// The certificates, read from their files; `None` for plain text.
    pub(crate) fn tls(&self) -> Result<Option<Tls>, ServeError> {
        let pair = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
        let load = |(cert, key)| Tls::of(cert, key, self.tls_client_ca.as_deref());
        pair.map(load).transpose()
    }

    /// The tokens, read from their file; `None` where calls need none.
    pub(crate) fn tokens(&self) -> Result<Option<Reloaded<Tokens>>, ServeError> {
        self.tokens.as_deref().map(Tokens::follow).transpose()
    }

    /// How long to go on, NOT_SERVING, after the signal.
    pub fn lame_duck(&self) -> Duration {
        Duration::from_secs(self.lame_duck_seconds)
    }

    /// How long open calls may take to finish after that.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    /// Longest time for a call whose client sets no shorter deadline.
    pub fn max_call(&self) -> Duration {
        Duration::from_secs(self.max_call_seconds)
    }

    /// What calls share.
    pub(crate) fn limits(&self) -> lifetime::Limits {
        let calls = usize::from(self.max_calls);
        let share = share(self.max_calls_per_caller, self.max_calls);
        let arriving = usize::from(self.max_arriving_mib) << 20;
        lifetime::Limits {
            calls: Quota::new(calls, share),
            arriving: Quota::new(arriving, arriving / calls * share.min(calls)),
        }
    }

    /// How long a call may wait for its client.
    pub(crate) fn patience(&self) -> Patience {
        Patience {
            request: Duration::from_secs(self.request_seconds),
            silent: Duration::from_secs(self.silent_seconds),
            unread: Duration::from_secs(self.unread_seconds),
        }
    }

    /// The limits of connections.
    pub(crate) fn connections(&self) -> Limits {
        let age = self.max_connection_seconds;
        Limits {
            most: self.max_connections.into(),
            share: share(self.max_connections_per_address, self.max_connections),
            idle: Duration::from_secs(self.idle_seconds),
            unread: Duration::from_secs(self.unread_seconds),
            age: (age > 0).then(|| Duration::from_secs(age)),
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| ServeError::Bind { address, source })
}

/// A number as set, or half of the whole.
fn share(set: Option<u16>, whole: u16) -> usize {
    set.unwrap_or(whole.div_ceil(2)).into()
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
