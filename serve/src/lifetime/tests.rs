//! Calls end in time, and no more are open than may be.

use std::pin::Pin;

use http_body::{Body as HttpBody, Frame};
use tonic::codegen::Bytes;

use super::*;

/// A body that never yields a frame, and tells when it is dropped.
struct Silent(#[expect(dead_code, reason = "held for its drop")] tokio::sync::oneshot::Sender<()>);

impl HttpBody for Silent {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Pending
    }
}

type Answer = BoxFuture<Response<Body>, Infallible>;

/// A service that answers as a function does.
#[derive(Clone)]
struct By(fn(Request<Body>) -> Answer);

impl Service<Request<Body>> for By {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        (self.0)(request)
    }
}

/// Reads the request, and answers with a body that yields nothing.
fn answers(request: Request<Body>) -> Answer {
    Box::pin(async move {
        read(request).await;
        let (gone, gone_rx) = tokio::sync::oneshot::channel();
        let mut response = Response::new(Body::new(Silent(gone)));
        response.extensions_mut().insert(Arc::new(gone_rx));
        Ok(response)
    })
}

/// Reads the request, and does not answer.
fn never_answers(request: Request<Body>) -> Answer {
    Box::pin(async move {
        read(request).await;
        std::future::pending().await
    })
}

async fn read(request: Request<Body>) {
    assert!(request.extensions().get::<Deadline>().is_some());
    let mut body = request.into_body();
    while !body.is_end_stream() {
        if next(&mut body).await.is_none() {
            return;
        }
    }
}

async fn next(body: &mut Body) -> Option<Result<Frame<Bytes>, Status>> {
    std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
}

fn layer(most: usize, ends: &Ends) -> LifetimeLayer {
    let patience = Patience {
        request: Duration::from_millis(50),
        silent: Duration::from_secs(60),
        unread: Duration::from_secs(60),
    };
    let limits = Limits {
        calls: Quota::new(most, most),
        arriving: Quota::halved(1 << 20),
    };
    LifetimeLayer::new(Duration::from_secs(3600), patience, limits, ends.clone())
}

fn request(path: &str, timeout: &str) -> Request<Body> {
    let request = Request::builder().uri(path);
    let request = request.header("grpc-timeout", timeout);
    request.body(Body::empty()).unwrap()
}

fn call(how: fn(Request<Body>) -> Answer, ends: &Ends) -> Answer {
    layer(1, ends)
        .layer(By(how))
        .call(request("/a.Service/Call", "50m"))
}

async fn next_status(body: &mut Body) -> Code {
    let trailers = next(body).await.unwrap().unwrap().into_trailers().unwrap();
    Status::from_header_map(&trailers).unwrap().code()
}

#[tokio::test]
async fn a_deadline_ends_a_call_without_response() {
    let response = call(never_answers, &Ends::default()).await.unwrap();
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_deadline_ends_a_silent_stream_and_the_work_behind_it() {
    let started = tokio::time::Instant::now();
    let mut response = call(answers, &Ends::default()).await.unwrap();
    let gone: Arc<tokio::sync::oneshot::Receiver<()>> = response.extensions_mut().remove().unwrap();
    let mut gone = Arc::into_inner(gone).unwrap();
    let body = response.body_mut();
    assert_eq!(next_status(body).await, Code::DeadlineExceeded);
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert!(matches!(
        gone.try_recv(),
        Err(tokio::sync::oneshot::error::TryRecvError::Closed)
    ));
    let end = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
    assert!(end.is_none());
}

#[tokio::test]
async fn a_cut_ends_streams_with_unavailable() {
    let ends = Ends::default();
    let mut response = call(answers, &ends).await.unwrap();
    ends.all.cancel();
    assert_eq!(next_status(response.body_mut()).await, Code::Unavailable);
}

#[tokio::test]
async fn calls_beyond_the_limit_are_refused_and_health_checks_are_not() {
    let mut service = layer(1, &Ends::default()).layer(By(answers));
    let mut open = async |path| {
        let response = service.call(request(path, "1M")).await.unwrap();
        // An accepted call reports its end in its trailers.
        let code = Status::from_header_map(response.headers()).map(|s| s.code());
        (response, code)
    };
    let (first, none) = open("/a.Service/Call").await;
    assert_eq!(none, None);
    let (refused, code) = open("/b.Service/Call").await;
    assert_eq!(code, Some(Code::ResourceExhausted));
    let status = Status::from_header_map(refused.headers()).unwrap();
    assert!(status.message().contains("1 calls are open"), "{status}");
    assert!(tonic_types::StatusExt::get_details_retry_info(&status).is_some());
    let (_health, none) = open("/grpc.health.v1.Health/Check").await;
    assert_eq!(none, None);
    drop(first);
    assert_eq!(open("/a.Service/Call").await.1, None);
}

#[tokio::test]
async fn a_call_that_never_answered_frees_its_place() {
    let mut service = layer(1, &Ends::default()).layer(By(never_answers));
    for _ in 0..2 {
        let response = service
            .call(request("/a.Service/Call", "10m"))
            .await
            .unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }
}

#[tokio::test]
async fn a_request_that_does_not_arrive_frees_its_place() {
    let mut service = layer(1, &Ends::default()).layer(By(answers));
    for _ in 0..2 {
        let (gone, _rx) = tokio::sync::oneshot::channel();
        let request = request("/a.Service/Call", "1H").map(|_| Body::new(Silent(gone)));
        let response = service.call(request).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(status.message(), "the request did not arrive in time");
    }
}

/// The head of a message of `length` bytes and the first mebibyte of it.
fn begun(length: u32) -> Bytes {
    let mut data = vec![0; 5 + (1 << 20)];
    data[1..5].copy_from_slice(&length.to_be_bytes());
    data.into()
}

#[tokio::test]
async fn requests_that_arrive_hold_so_much_memory_and_give_it_back() {
    let ends = Ends::default();
    let layer = layer(9, &ends);
    let send = async |length: u32| {
        let body = Body::new(Once(Some(begun(length))));
        let request = request("/a.Service/Call", "1H").map(|_| body);
        let mut service = layer.layer(By(reads_a_frame));
        let response = service.call(request).await.unwrap();
        Status::from_header_map(response.headers()).map(|status| status.code())
    };
    // A caller may hold half a mebibyte, but a message that is whole is not held here.
    assert_eq!(send(2 << 20).await, Some(Code::ResourceExhausted));
    assert_eq!(send(1 << 20).await, None);
    let mut memory = layer.limits.arriving.none(&Caller::nobody());
    assert_eq!(memory.set(512 << 10), Ok(()), "nothing came back");
}

/// Reads a frame, and answers with what is wrong with it, if anything.
fn reads_a_frame(request: Request<Body>) -> Answer {
    Box::pin(async move {
        let frame = next(&mut request.into_body()).await;
        let wrong = frame.unwrap().err();
        Ok(wrong.map_or_else(Response::default, Status::into_http))
    })
}

#[tokio::test]
async fn a_malformed_deadline_is_refused() {
    let mut service = layer(1, &Ends::default()).layer(By(answers));
    let response = service.call(request("/a.Service/Call", "soon")).await;
    let status = Status::from_header_map(response.unwrap().headers()).unwrap();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_large_reply_leaves_in_parts() {
    let ends = Ends::default();
    let mut service = layer(1, &ends).layer(By(answers_large));
    let response = service.call(request("/a.Service/Call", "1H")).await;
    let mut body = response.unwrap().into_body();
    let mut sizes = Vec::new();
    while !body.is_end_stream() {
        sizes.push(
            next(&mut body)
                .await
                .unwrap()
                .unwrap()
                .into_data()
                .unwrap()
                .len(),
        );
    }
    assert_eq!(sizes, [256 << 10, 256 << 10, 1]);
}

/// Answers with one frame of half a mebibyte and a byte.
fn answers_large(_: Request<Body>) -> Answer {
    let data = Bytes::from(vec![0; (512 << 10) + 1]);
    Box::pin(async move { Ok(Response::new(Body::new(Once(Some(data))))) })
}

/// One frame.
struct Once(Option<Bytes>);

impl HttpBody for Once {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.take().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}
