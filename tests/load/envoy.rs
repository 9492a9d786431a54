//! Envoy before the services, by the example of `deploy/envoy.yaml` with other addresses.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::Outcome;

const EXAMPLE: &str = include_str!("../../deploy/envoy.yaml");
/// Addresses of the example: where Envoy listens, the classifiers, and the generators.
const LISTENER: &str = "address: 0.0.0.0, port_value: 50050";
const CLASSIFIERS: [&str; 2] = [
    "address: 10.0.0.7, port_value: 50051",
    "address: 10.0.0.8, port_value: 50051",
];
const GENERATORS: [&str; 2] = [
    "address: 10.0.0.7, port_value: 50052",
    "address: 10.0.0.8, port_value: 50052",
];

/// A running Envoy; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Envoy {
    child: Child,
    _folder: TempDir,
}

impl Envoy {
    /// Starts the program at this path, which listens at `address`.
    pub(crate) fn start(
        program: &Path,
        address: SocketAddr,
        classifiers: [SocketAddr; 2],
        generators: [SocketAddr; 2],
    ) -> Outcome<Self> {
        let mut config = moved(EXAMPLE, LISTENER, address)?;
        let services = CLASSIFIERS.into_iter().zip(classifiers);
        for (from, to) in services.chain(GENERATORS.into_iter().zip(generators)) {
            config = moved(&config, from, to)?;
        }
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("envoy.yaml");
        fs::write(&file, config)?;
        let mut command = Command::new(program);
        command.arg("--config-path").arg(&file);
        // One worker, which sees all calls, and no shared memory with another Envoy.
        command.args(["--concurrency", "1", "--disable-hot-restart"]);
        command.args(["--log-level", "error"]).stdin(Stdio::null());
        let child = command.spawn().map_err(|error| {
            let program = program.display();
            format!("cannot start {program}: {error}; `--envoy PATH` says where Envoy is")
        })?;
        Ok(Self {
            child,
            _folder: folder,
        })
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The configuration with an address of the example replaced.
fn moved(config: &str, from: &str, to: SocketAddr) -> Outcome<String> {
    if config.matches(from).count() != 1 {
        return Err(format!("deploy/envoy.yaml: expected {from:?} once").into());
    }
    let (ip, port) = (to.ip(), to.port());
    Ok(config.replace(from, &format!("address: {ip}, port_value: {port}")))
}
