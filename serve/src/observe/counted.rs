//! The body of a reply, whose messages and bytes are counted on their way.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use super::call::Call;
use crate::meter::Meter;

/// The body of a reply. The call ends with it.
pub(super) struct Outgoing {
    inner: Body,
    meter: Meter,
    call: Call,
}

impl Outgoing {
    pub(super) fn new(inner: Body, call: Call) -> Self {
        let meter = Meter::default();
        Self { inner, meter, call }
    }

    fn look_at(&mut self, frame: &Frame<Bytes>) {
        let trailers: Option<&HeaderMap> = frame.trailers_ref();
        if let Some(data) = frame.data_ref() {
            let sent = &self.call.traffic.sent;
            sent.add(self.meter.take(data), data.len());
        } else if let Some(trailers) = trailers {
            self.call.ended_with(trailers);
        }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let span = this.call.span.clone();
        let _within = span.enter();
        let frame = Pin::new(&mut this.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            this.look_at(frame);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
