//! A TCP proxy between two services that counts the bytes sent, and breaks connections in the ways that networks do.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What the proxy does to its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: bytes pass.
    None,
    /// Ends every connection, old or new, with FIN.
    Cut,
    /// Ends every connection, old or new, with RST.
    Reset,
    /// Keeps connections open and lets nothing through.
    Blackhole,
}

/// A TCP proxy that counts the bytes that one service sends to the other.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    sent: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    fault: watch::Sender<Fault>,
    _stop_on_drop: DropGuard,
}

impl Proxy {
    /// Starts a proxy to a service, on a free port.
    pub async fn to(service: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port is free");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let sent = Arc::new(AtomicU64::new(0));
        let (fault, seen) = watch::channel(Fault::None);
        let stop = CancellationToken::new();
        let (counter, token) = (sent.clone(), stop.clone());
        let connections = Arc::new(AtomicU64::new(0));
        let accepted = connections.clone();
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            while let Ok((client, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::Relaxed);
                let connection = connect(client, service, counter.clone(), seen.clone());
                tokio::spawn(token.clone().run_until_cancelled_owned(connection));
            }
        }));
        Self {
            address,
            sent,
            connections,
            fault,
            _stop_on_drop: stop.drop_guard(),
        }
    }

    /// The URL of the proxy.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes sent to the service so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Breaks all connections, until told otherwise.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

async fn connect(
    client: TcpStream,
    service: SocketAddr,
    sent: Arc<AtomicU64>,
    mut fault: watch::Receiver<Fault>,
) {
    let Ok(server) = TcpStream::connect(service).await else {
        return;
    };
    // Delayed acknowledgements would slow each step by 40 ms.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut client_in, mut client_out) = client.into_split();
    let (mut server_in, mut server_out) = server.into_split();
    let received = AtomicU64::new(0);
    let (up, down) = (fault.clone(), fault.clone());
    let broken = tokio::select! {
        () = pump(&mut client_in, &mut server_out, &sent, up) => Fault::None,
        () = pump(&mut server_in, &mut client_out, &received, down) => Fault::None,
        broken = fault.wait_for(|f| matches!(f, Fault::Cut | Fault::Reset)) => {
            broken.map_or(Fault::None, |broken| *broken)
        }
    };
    if broken == Fault::Reset {
        for half in [&client_out, &server_out] {
            half.as_ref().set_zero_linger().ok();
        }
    }
}

/// Passes bytes on, and none that are under way when connections fall silent.
async fn pump(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    bytes: &AtomicU64,
    mut fault: watch::Receiver<Fault>,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if fault.wait_for(|&f| f != Fault::Blackhole).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
        bytes.fetch_add(n as u64, Ordering::Relaxed);
    }
}
