//! A proxy between two services that counts the bytes sent.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A TCP proxy that counts the bytes that one service sends to the other.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    sent: Arc<AtomicU64>,
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
        let stop = CancellationToken::new();
        let (counter, token) = (sent.clone(), stop.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            while let Ok((client, _)) = listener.accept().await {
                let connection = connect(client, service, counter.clone());
                tokio::spawn(token.clone().run_until_cancelled_owned(connection));
            }
        }));
        Self {
            address,
            sent,
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
}

async fn connect(client: TcpStream, service: SocketAddr, sent: Arc<AtomicU64>) {
    let Ok(server) = TcpStream::connect(service).await else {
        return;
    };
    // Delayed acknowledgements would slow each step by 40 ms.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let received = Arc::new(AtomicU64::new(0));
    tokio::select! {
        () = pump(client_in, server_out, sent) => {}
        () = pump(server_in, client_out, received) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    bytes: Arc<AtomicU64>,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
        bytes.fetch_add(n as u64, Ordering::Relaxed);
    }
}
