//! The connection to a service: lazy HTTP/2 that reconnects by itself.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use deepface_proto::http2;
use deepface_proto::v1::classifier_service_client::ClassifierServiceClient;
use deepface_proto::v1::generator_service_client::GeneratorServiceClient;
use http::{Request, Response, header::AUTHORIZATION};
use tonic::{Status, body::Body, transport, transport::Endpoint};
use tower_service::Service;

use crate::{ClientError, Credentials, connector::Encrypted, credentials::Token};

/// Largest reply to read, in bytes: five conv1_2 activations of a 224-pixel network. gRPC's default of 4 MiB is too
/// small for one.
pub const MAX_DECODED_BYTES: usize = 80 << 20;
/// Largest request to send, in bytes.
pub const MAX_ENCODED_BYTES: usize = http2::MAX_REQUEST_BYTES;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a service is asked whether it is still there while a call is open. Frozen or cut off, it is given up within
/// ten seconds, however long the call itself may take.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// How long it may take to answer.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to one service, and its URL for error messages. Cloning shares the connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) channel: Channel,
    pub(crate) url: Arc<str>,
    /// The one address of the URL's host that it is to, if the host has several.
    pub(crate) address: Option<SocketAddr>,
    /// What the service may ask for.
    pub(crate) credentials: Credentials,
}

impl Connection {
    /// Connects on first use. `url` is `http://HOST:PORT`, `HOST:PORT` for short, or `https://HOST:PORT`.
    pub(crate) fn lazy(url: &str, credentials: &Credentials) -> Result<Self, ClientError> {
        Self::lazy_at(url, None, credentials)
    }

    /// As [`Connection::lazy`], at one of the addresses that the host of the URL stands for.
    pub(crate) fn lazy_at(
        url: &str,
        address: Option<SocketAddr>,
        credentials: &Credentials,
    ) -> Result<Self, ClientError> {
        let bad = |reason: &str| ClientError::Url {
            url: url.to_owned(),
            reason: reason.to_owned(),
        };
        let full = match url.split_once("://") {
            None => format!("http://{url}"),
            Some(("http" | "https", _)) => url.to_owned(),
            Some(_) => return Err(bad("expected http://HOST:PORT or https://HOST:PORT")),
        };
        let endpoint =
            Endpoint::from_shared(full.clone()).map_err(|error| bad(&error.to_string()))?;
        if endpoint.uri().port().is_none() {
            return Err(bad("the port is missing; expected http://HOST:PORT"));
        }
        let scheme = endpoint.uri().scheme_str().unwrap_or("http").to_owned();
        let host = endpoint.uri().host().unwrap_or_default().to_owned();
        let endpoint = match address {
            None => endpoint,
            Some(address) => {
                let origin = endpoint.uri().clone();
                let at = Endpoint::from_shared(format!("{scheme}://{address}"));
                at.map_err(|error| bad(&error.to_string()))?.origin(origin)
            }
        };
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .initial_stream_window_size(http2::STREAM_WINDOW)
            .initial_connection_window_size(http2::CONNECTION_WINDOW)
            .max_frame_size(http2::MAX_FRAME);
        let inner = if scheme == "https" {
            let connector = Encrypted::to(&host, credentials.clone());
            endpoint.connect_with_connector_lazy(connector)
        } else {
            endpoint.connect_lazy()
        };
        let token = Token::of(credentials);
        Ok(Self {
            channel: Channel { inner, token },
            url: full.into(),
            address,
            credentials: credentials.clone(),
        })
    }

    /// The error of a failed call on this connection.
    pub(crate) fn error(&self, status: &Status) -> ClientError {
        ClientError::from_status(&self.url, status)
    }
}

/// Calls of a classifier over this connection.
pub(crate) fn classifier(channel: Channel) -> ClassifierServiceClient<Channel> {
    ClassifierServiceClient::new(channel)
        .max_decoding_message_size(MAX_DECODED_BYTES)
        .max_encoding_message_size(MAX_ENCODED_BYTES)
}

/// Calls of a generator over this connection.
pub(crate) fn generator(channel: Channel) -> GeneratorServiceClient<Channel> {
    GeneratorServiceClient::new(channel)
        .max_decoding_message_size(MAX_DECODED_BYTES)
        .max_encoding_message_size(MAX_ENCODED_BYTES)
}

/// A connection whose calls bring the token, if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    inner: transport::Channel,
    token: Token,
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let ready = self.inner.poll_ready(cx);
        ready.map_err(|error| Status::from_error(error.into()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.token.header() {
            Ok(Some(token)) => {
                request.headers_mut().insert(AUTHORIZATION, token);
            }
            Ok(None) => {}
            Err(reason) => {
                return Box::pin(std::future::ready(Err(Status::unauthenticated(reason))));
            }
        }
        let reply = self.inner.call(request);
        Box::pin(async move {
            reply
                .await
                .map_err(|error| Status::from_error(error.into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_scheme_is_optional_and_the_port_is_required() {
        let none = Credentials::default();
        assert_eq!(
            &*Connection::lazy("localhost:1", &none).unwrap().url,
            "http://localhost:1"
        );
        assert!(Connection::lazy("https://localhost:1", &none).is_ok());
        for bad in ["ftp://localhost:1", "localhost", "http://", "a b:1", ""] {
            let error = Connection::lazy(bad, &none).unwrap_err();
            assert!(matches!(error, ClientError::Url { .. }), "{bad}: {error}");
        }
    }
}
