//! Arguments of `serve`.

use std::net::{Ipv4Addr, SocketAddr};

use clap::Args;

const AFTER_HELP: &str = "\
Examples:
  deepface serve
  deepface serve --ui                        # and a page in the browser
  deepface serve --classifier-listen 127.0.0.1:0 --generator-listen 127.0.0.1:0
  deepface serve --generator-listen 0.0.0.0:50052 --insecure

Each service is also a separate program (classifier-svc, generator-svc) with more settings.";

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ServeArgs {
    /// Address of the classifier; port 0 takes any free one.
    #[arg(long, value_name = "ADDR", default_value_t = local(50051))]
    pub(crate) classifier_listen: SocketAddr,
    /// Address of the generator; port 0 takes any free one.
    #[arg(long, value_name = "ADDR", default_value_t = local(50052))]
    pub(crate) generator_listen: SocketAddr,
    /// Also serve a page for the browser: choose attributes, watch faces arrive, classify photographs. ADDR must be a
    /// loopback address. Default: no page; without ADDR: 127.0.0.1:50050.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:50050")]
    pub(crate) ui: Option<SocketAddr>,
    /// Listen in plain text on addresses that other machines can reach.
    #[arg(long)]
    pub(crate) insecure: bool,
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
