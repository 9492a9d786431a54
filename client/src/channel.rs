//! The connection to a service: lazy HTTP/2 that reconnects by itself.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use deepface_proto::http2;
use deepface_proto::v1::classifier_service_client::ClassifierServiceClient;
use deepface_proto::v1::generator_service_client::GeneratorServiceClient;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use crate::ClientError;

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
}

impl Connection {
    /// Connects on first use. `url` is `http://HOST:PORT`, or `HOST:PORT` for short.
    pub(crate) fn lazy(url: &str) -> Result<Self, ClientError> {
        Self::lazy_at(url, None)
    }

    /// As [`Connection::lazy`], at one of the addresses that the host of the URL stands for.
    pub(crate) fn lazy_at(url: &str, address: Option<SocketAddr>) -> Result<Self, ClientError> {
        let bad = |reason: &str| ClientError::Url {
            url: url.to_owned(),
            reason: reason.to_owned(),
        };
        let full = match url.split_once("://") {
            None => format!("http://{url}"),
            Some(("http", _)) => url.to_owned(),
            Some(("https", _)) => return Err(bad("TLS is not supported; use http://HOST:PORT")),
            Some(_) => return Err(bad("expected http://HOST:PORT")),
        };
        let endpoint =
            Endpoint::from_shared(full.clone()).map_err(|error| bad(&error.to_string()))?;
        if endpoint.uri().port().is_none() {
            return Err(bad("the port is missing; expected http://HOST:PORT"));
        }
        let endpoint = match address {
            None => endpoint,
            Some(address) => {
                let origin = endpoint.uri().clone();
                let at = Endpoint::from_shared(format!("http://{address}"));
                at.map_err(|error| bad(&error.to_string()))?.origin(origin)
            }
        };
        let channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .initial_stream_window_size(http2::STREAM_WINDOW)
            .initial_connection_window_size(http2::CONNECTION_WINDOW)
            .max_frame_size(http2::MAX_FRAME)
            .connect_lazy();
        Ok(Self {
            channel,
            url: full.into(),
            address,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_scheme_is_optional_and_the_port_is_required() {
        assert_eq!(
            &*Connection::lazy("localhost:1").unwrap().url,
            "http://localhost:1"
        );
        for bad in [
            "https://localhost:1",
            "ftp://localhost:1",
            "localhost",
            "http://",
            "a b:1",
            "",
        ] {
            let error = Connection::lazy(bad).unwrap_err();
            assert!(matches!(error, ClientError::Url { .. }), "{bad}: {error}");
        }
    }
}
