//! The bodies of a call, on the clock: the request as it arrives, and the reply as it leaves.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::body::Body;
use tonic::codegen::Bytes;
use tonic::{Code, Status};

use crate::detailed;
use crate::end::End;
use crate::meter::Meter;
use crate::observe::Traffic;
use crate::quota::{Full, Held};
use crate::undecodable;
use crate::watch::Watch;

/// Largest part of a reply that the transport gets at once, in bytes. It keeps a part whole until the client has room
/// for all of it, so a smaller part costs less while the client does not read.
const PART: usize = 256 << 10;

/// The body of a request, which is counted, tells the clock what it waits for, and holds the memory of what is not whole yet.
pub(crate) struct Arriving {
    inner: Body,
    watch: Arc<Watch>,
    meter: Meter,
    memory: Held,
    traffic: Arc<Traffic>,
}

impl Arriving {
    pub(crate) fn new(inner: Body, watch: Arc<Watch>, memory: Held, traffic: Arc<Traffic>) -> Self {
        if inner.is_end_stream() {
            watch.whole();
        }
        Self {
            inner,
            watch,
            meter: Meter::default(),
            memory,
            traffic,
        }
    }

    /// Counts what has arrived, and holds the memory of a message that is not whole.
    fn take(&mut self, frame: &Frame<Bytes>) -> Result<(), Status> {
        if let Some(data) = frame.data_ref() {
            let messages = self.meter.take(data);
            self.traffic.received.add(messages, data.len());
        }
        let held = self.memory.set(self.meter.unfinished());
        held.map_err(too_much)
    }
}

/// The status of a request that there is no memory for.
fn too_much(why: Full) -> Status {
    let (reason, whose, limit) = match why {
        Full::All(limit) => ("REQUESTS_TOO_LARGE", "requests", limit),
        Full::Caller(limit) => (
            "REQUESTS_OF_CALLER_TOO_LARGE",
            "requests of the caller",
            limit,
        ),
    };
    let limit = limit >> 20;
    let message = format!("{whose} that are still arriving hold {limit} MiB, which is the limit");
    let retry = Some(Duration::from_secs(1));
    detailed(Code::ResourceExhausted, reason, &message, retry)
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        match &frame {
            Poll::Pending => self.watch.wants(),
            Poll::Ready(Some(Ok(frame))) => {
                self.watch.came();
                if let Err(status) = self.take(frame) {
                    return Poll::Ready(Some(Err(status)));
                }
            }
            Poll::Ready(None | Some(Err(_))) => self.watch.whole(),
        }
        if self.inner.is_end_stream() {
            self.watch.whole();
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

impl Drop for Arriving {
    /// Nobody waits for the rest.
    fn drop(&mut self) {
        self.watch.whole();
    }
}

/// A response body that ends, with the status in its trailers, when its time is over.
pub(crate) struct Bounded {
    /// `None` once it was ended from outside: dropping it stops the work behind it.
    inner: Option<Body>,
    /// What is left of a frame that is larger than [`PART`].
    rest: Bytes,
    end: End,
    /// The call's share of the limit.
    _place: Option<Held>,
}

impl Bounded {
    pub(crate) fn new(inner: Body, end: End, place: Option<Held>) -> Self {
        end.watch().went();
        Self {
            inner: Some(inner),
            rest: Bytes::new(),
            end,
            _place: place,
        }
    }

    /// The next frame, whole or in parts.
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.rest.is_empty() {
            let part = self.rest.split_to(PART.min(self.rest.len()));
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map(|frame| self.first_part(frame))));
        }
        let status = ready!(self.end.poll(cx));
        self.inner = None;
        let mut trailers = HeaderMap::new();
        let trailers = status.add_header(&mut trailers).map(|()| trailers);
        Poll::Ready(Some(trailers.map(Frame::trailers)))
    }

    fn first_part(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let frame = match frame.into_data() {
            Ok(mut data) => {
                self.rest = data.split_off(PART.min(data.len()));
                return Frame::data(data);
            }
            Err(frame) => frame,
        };
        match frame.into_trailers() {
            Ok(trailers) => Frame::trailers(undecodable::blame_the_client(trailers)),
            Err(frame) => frame,
        }
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.end.watch().asked();
        // A frame that is ready goes first, so that a reply and the end of the call never compete.
        let frame = self.next(cx);
        if frame.is_ready() {
            self.end.watch().went();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
