//! Raw calls: any path, headers and bytes, below what a gRPC client would let through.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Method, Request};
use http_body::{Body as HttpBody, Frame};
use tonic::body::Body;
use tonic::codegen::{Bytes, Service};
use tonic::transport::Channel;
use tonic::{Code, Status};

/// A request as it goes over the wire.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    /// Besides those of every gRPC call, or in their place.
    pub(super) headers: Vec<(&'static str, Vec<u8>)>,
    /// The body, in its pieces.
    pub(super) body: Vec<Vec<u8>>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    /// With a status of gRPC, and its message.
    Status(i32, String),
    /// With one of HTTP alone.
    Http(u16),
    /// The stream was reset, or the connection ended.
    Reset,
}

impl Call {
    /// A call of a method with these messages.
    pub(super) fn of(path: &str, messages: &[Vec<u8>]) -> Self {
        Self {
            method: Method::POST,
            path: path.to_owned(),
            headers: Vec::new(),
            body: messages.iter().map(|message| framed(message)).collect(),
        }
    }

    /// Sends the call, whose service has `seconds` to answer, and reads the whole reply.
    ///
    /// # Errors
    /// The request cannot be written down, or there is no connection.
    pub(super) async fn send(
        self,
        channel: &mut Channel,
        seconds: u64,
    ) -> Result<Answer, tonic::transport::Error> {
        poll_fn(|cx| channel.poll_ready(cx)).await?;
        let mut request = Request::new(Body::new(Pieces(self.body.into())));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert("te", HeaderValue::from_static("trailers"));
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        let limit = format!("{seconds}S").parse();
        headers.insert(
            "grpc-timeout",
            limit.unwrap_or(HeaderValue::from_static("1S")),
        );
        for (name, value) in self.headers {
            // What is no header in any protocol stays away.
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let Ok(response) = channel.call(request).await else {
            return Ok(Answer::Reset);
        };
        let (head, mut body) = response.into_parts();
        let mut status = Status::from_header_map(&head.headers);
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            match frame {
                Ok(frame) => {
                    let trailers = frame.trailers_ref();
                    status = trailers.and_then(Status::from_header_map).or(status);
                }
                Err(_) => return Ok(Answer::Reset),
            }
        }
        Ok(match status {
            Some(status) => Answer::Status(status.code().into(), status.message().to_owned()),
            None => Answer::Http(head.status.as_u16()),
        })
    }
}

impl Answer {
    /// A word for the table.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Status(code, _) => format!("{:?}", Code::from_i32(*code)),
            Self::Http(status) => format!("HTTP {status}"),
            Self::Reset => "reset".to_owned(),
        }
    }

    /// The status of a service that takes the blame, if it is one.
    pub(super) fn blames_the_service(&self) -> bool {
        let Self::Status(code, _) = self else {
            return false;
        };
        let code = Code::from_i32(*code);
        matches!(code, Code::Internal | Code::Unknown | Code::DataLoss)
    }
}

/// A message after its prefix.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], message].concat()
}

/// A body of these pieces.
struct Pieces(VecDeque<Vec<u8>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.0.pop_front();
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece.into()))))
    }
}
