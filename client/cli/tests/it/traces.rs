//! The trace of one command, as a collector gets it.

use std::process::Command;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::program::{QUICK, folder};

/// A collector of OpenTelemetry that keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let spans = resources.flat_map(|r| r.scope_spans).flat_map(|s| s.spans);
        self.0.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start(&self) -> String {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", incoming.local_addr().unwrap());
        let server = Server::builder().add_service(TraceServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(incoming));
        url
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_command_to_the_network() {
    let collector = Collector::default();
    let url = collector.start().await;
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_deepface"));
    command
        .args(["generate", "Male", "--output", "face.png"])
        .args(QUICK)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        .current_dir(folder.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");

    let spans = collector.0.lock().unwrap().clone();
    let named = |name: &str| -> Vec<&Span> { spans.iter().filter(|s| s.name == name).collect() };
    let [root] = named("deepface")[..] else {
        panic!("expected one command, got {spans:?}");
    };
    let [generate] = named("/deepface.v1.GeneratorService/Generate")[..] else {
        panic!("expected one Generate, got {spans:?}");
    };
    let [stream] = named("/deepface.v1.ClassifierService/Differentiate")[..] else {
        panic!("expected one Differentiate, got {spans:?}");
    };
    assert!(root.parent_span_id.is_empty());
    assert_eq!(generate.parent_span_id, root.span_id);
    assert_eq!(stream.parent_span_id, generate.span_id);
    for name in ["queue", "compute"] {
        let of_the_stream = named(name)
            .into_iter()
            .filter(|s| s.parent_span_id == stream.span_id);
        assert_eq!(of_the_stream.count(), 3, "{name}: one for each step");
    }
    let made = spans.iter().filter(|s| s.trace_id == root.trace_id);
    assert!(made.count() >= 10, "{spans:?}");
}
