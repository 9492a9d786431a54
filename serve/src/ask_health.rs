//! The subcommand `health`: asks a running service whether it serves, for containers that have no other program.

use std::env;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tonic::Status;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// How long the service may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks a running service in plain text whether it serves. Exit code 0: it does; 1: it does not, or does not answer.
#[derive(Clone, Debug, clap::Args)]
pub struct HealthArgs {
    /// What to ask about: a name in grpc.health.v1. Default: the server as a whole.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Where the service answers in plain text. Default: the port of DEEPFACE_HEALTH_LISTEN, else of DEEPFACE_LISTEN, else
    /// the service's own, on this machine.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
}

/// Why a service is not known to serve.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// It says that it does not, or does not say so in time.
    #[error("{address}: {reason}")]
    NotServing {
        /// Where it was asked.
        address: String,
        /// The status, or why there is none.
        reason: String,
    },
    /// The address in a variable is not one.
    #[error("{variable}: expected IP:PORT, got {value:?}")]
    Variable {
        /// Its name.
        variable: String,
        /// Its value.
        value: String,
    },
    /// There is no runtime, or the answer cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl HealthArgs {
    /// Asks a service (`classifier`, with this port of its own) and writes SERVING to standard output.
    ///
    /// # Errors
    /// It does not serve, does not answer within 3 seconds, or does not know the name.
    pub fn run(&self, service: &str, port: u16) -> Result<(), HealthError> {
        let address = match &self.address {
            Some(address) => address.clone(),
            None => local(service, port)?.to_string(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let name = self.name.clone().unwrap_or_default();
        let asked = runtime.block_on(async {
            let asked = tokio::time::timeout(PATIENCE, ask(&address, name)).await;
            asked.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
        });
        match asked {
            Ok(ServingStatus::Serving) => Ok(writeln!(io::stdout(), "SERVING")?),
            Ok(other) => Err(other.as_str_name().to_owned()),
            Err(reason) => Err(reason),
        }
        .map_err(|reason| HealthError::NotServing { address, reason })
    }
}

async fn ask(address: &str, service: String) -> Result<ServingStatus, String> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|_| "expected HOST:PORT".to_owned())?;
    let channel = endpoint.connect().await.map_err(|error| {
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
        crate::one_line(causes.map(ToString::to_string))
    })?;
    let reply = HealthClient::new(channel)
        .check(HealthCheckRequest { service })
        .await;
    reply
        .map(|reply| reply.get_ref().status())
        .map_err(|status| explained(&status))
}

fn explained(status: &Status) -> String {
    match status.code() {
        tonic::Code::NotFound => "unknown name".to_owned(),
        _ => format!(
            "{}; a service with TLS answers in plain text only at --health-listen",
            status.message()
        ),
    }
}

/// Where a service on this machine answers that has the same environment.
fn local(service: &str, port: u16) -> Result<SocketAddr, HealthError> {
    let own = format!("DEEPFACE_{}", service.to_uppercase());
    for variable in ["HEALTH_LISTEN", "LISTEN"]
        .iter()
        .flat_map(|name| [format!("{own}_{name}"), format!("DEEPFACE_{name}")])
    {
        if let Ok(value) = env::var(&variable) {
            let parsed: Result<SocketAddr, _> = value.parse();
            let address = parsed.map_err(|_| HealthError::Variable { variable, value })?;
            return Ok(reachable(address));
        }
    }
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

/// An address to connect to for one to listen on.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_is_asked_at_the_loopback_address_of_its_family() {
        for (listen, ask) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("192.0.2.1:1", "192.0.2.1:1"),
        ] {
            let address = reachable(listen.parse().unwrap());
            assert_eq!(address.to_string(), ask);
        }
    }
}
