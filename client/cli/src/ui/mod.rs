//! The page of `deepface serve --ui`: its files, and its calls of the services, over plain HTTP on this machine alone.
//!
//! A browser cannot speak gRPC, so the calls come as gRPC-Web and are passed on to the services over gRPC, streams and
//! cancellation included. There is no token and no TLS here: whoever reaches the address may use the services. So only
//! loopback addresses are taken, and only requests that are addressed to them: a page of another site cannot call.

mod calls;
mod files;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tonic::body::Body;

use self::calls::Calls;
use self::files::Files;

/// Connections at once; further ones wait to be accepted. A browser opens about six.
const MOST: usize = 64;
/// How long the head of a request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause after a connection that could not be accepted, as without free descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// The page, bound to its address.
pub(crate) struct Ui {
    listener: TcpListener,
    address: SocketAddr,
}

impl Ui {
    /// Binds the address.
    ///
    /// # Errors
    /// It is in use, or other machines can reach it.
    pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        if !address.ip().to_canonical().is_loopback() {
            bail!(
                "--ui: expected a loopback address, such as 127.0.0.1:50050, got {address}: the page asks for no token; to \
                 offer it to others, put a proxy with TLS and authentication before it"
            );
        }
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("--ui: cannot listen on {address}"))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where a browser finds it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves the page for as long as it is polled, for services at these addresses, the classifier's first.
    ///
    /// # Errors
    /// The addresses are not those of services.
    pub(crate) async fn serve(self, services: [SocketAddr; 2]) -> anyhow::Result<Infallible> {
        let page = Arc::new(Page {
            hosts: hosts(self.address),
            files: Files::of(services[1]),
            calls: Calls::to(services)?,
        });
        let room = Arc::new(Semaphore::new(MOST));
        loop {
            let place = room.clone().acquire_owned().await?;
            match self.listener.accept().await {
                Ok((socket, _)) => {
                    let page = page.clone();
                    tokio::spawn(async move {
                        let _place = place;
                        page.connection(socket).await;
                    });
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// What a browser on this machine may call an address of this machine.
fn hosts(address: SocketAddr) -> Vec<String> {
    let port = address.port();
    vec![address.to_string(), format!("localhost:{port}")]
}

struct Page {
    /// What the address is called.
    hosts: Vec<String>,
    files: Files,
    calls: Calls,
}

impl Page {
    async fn connection(self: Arc<Self>, socket: TcpStream) {
        let answer = |request| {
            let page = self.clone();
            async move { Ok::<_, Infallible>(page.answer(request).await) }
        };
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(socket), service_fn(answer))
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "a connection to the page failed");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if !self.is_meant(request.headers()) {
            return plain(
                StatusCode::MISDIRECTED_REQUEST,
                "this page is for the browser of this machine\n",
            );
        }
        match *request.method() {
            Method::GET | Method::HEAD => self.files.answer(request.uri().path()),
            Method::POST => self.calls.answer(request).await,
            _ => plain(StatusCode::METHOD_NOT_ALLOWED, "expected GET or POST\n"),
        }
    }

    /// Whether the request is addressed to this page, and comes from it: a name of another site may lead here.
    fn is_meant(&self, headers: &HeaderMap) -> bool {
        let text = |name| {
            headers
                .get(name)
                .map(|value| value.to_str().unwrap_or_default())
        };
        let known = |host: &str| self.hosts.iter().any(|known| known == host);
        let from = text(header::ORIGIN).map(|origin| origin.strip_prefix("http://"));
        text(header::HOST).is_some_and(known) && from.is_none_or(|host| host.is_some_and(known))
    }
}

/// An answer in words.
fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let body = http_body_util::Full::new(bytes::Bytes::from_static(text.as_bytes()));
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn other_machines_are_not_served() {
        for address in ["0.0.0.0:0", "192.168.1.1:0", "[::]:0"] {
            let refused = Ui::bind(address.parse().unwrap()).await.err().unwrap();
            assert!(refused.to_string().contains("loopback"), "{refused}");
        }
    }

    #[tokio::test]
    async fn pages_of_other_sites_are_not_answered() {
        let address: SocketAddr = "127.0.0.1:50050".parse().unwrap();
        let page = Page {
            hosts: hosts(address),
            files: Files::of(address),
            calls: Calls::to([address, address]).unwrap(),
        };
        let meant = |host: Option<&str>, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            page.is_meant(&headers)
        };
        assert!(meant(Some("127.0.0.1:50050"), None));
        assert!(meant(
            Some("localhost:50050"),
            Some("http://localhost:50050")
        ));
        for (host, origin) in [
            (None, None),
            (Some("evil.example:50050"), None),
            (Some("localhost:80"), None),
            (Some("localhost:50050"), Some("http://evil.example")),
            (Some("localhost:50050"), Some("https://localhost:50050")),
            (Some("localhost:50050"), Some("null")),
        ] {
            assert!(!meant(host, origin), "{host:?} {origin:?}");
        }
    }
}
