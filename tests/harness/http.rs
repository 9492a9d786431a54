//! One plain HTTP request, as `curl` sends it to the metrics of a service.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a request line, such as `GET /metrics HTTP/1.1`, and gives the whole reply, headers included.
///
/// # Errors
/// Nobody listens there, or the reply is cut off or not text.
pub async fn http(address: SocketAddr, line: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("{line}\r\nHost: test\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    Ok(reply)
}
