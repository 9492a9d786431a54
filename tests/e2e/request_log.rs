//! The log line of every call, under one id at both services.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use deepface_client::v1::generator_service_client::GeneratorServiceClient;
use deepface_client::v1::{GenerateRequest, InversionSettings};
use deepface_client::{Origin, v1};
use deepface_tests::{face_image, shared};
use serde_json::Value;
use tonic::{Code, Request};
use tracing::subscriber::set_global_default;

/// What the services of this process log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The log of this process. Other tests log too, so each looks for ids of its own.
    fn get() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            let writer = log.clone();
            let subscriber = tracing_subscriber::fmt()
                .json()
                .flatten_event(true)
                .with_writer(move || writer.clone())
                .finish();
            set_global_default(subscriber).unwrap();
            log
        })
    }

    /// The lines about ended calls.
    fn calls(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).unwrap());
        lines.filter(|l| l["message"] == "call").collect()
    }

    /// A line about a call of a method for a request of this id, which may come a little after its reply.
    async fn call(&self, id: &str, method: &str) -> Value {
        let wanted =
            |l: &Value| l["id"] == id && l["method"].as_str().is_some_and(|m| m.ends_with(method));
        for _ in 0..1000 {
            if let Some(call) = self.calls().into_iter().find(wanted) {
                return call;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "no call of {method} for {id} was logged: {:?}",
            self.calls()
        );
    }
}

fn short() -> GenerateRequest {
    GenerateRequest::of(["Male"]).with_inversion(InversionSettings {
        steps: Some(3),
        ..Default::default()
    })
}

#[tokio::test]
async fn a_generation_is_logged_under_one_id_by_both_services() {
    let (log, pair) = (Log::get(), shared());
    let client = pair.generator().with_origin(Origin::of("order-7").unwrap());
    client
        .generate(short())
        .await
        .unwrap()
        .result()
        .await
        .unwrap();

    let generate = log.call("order-7", "/Generate").await;
    assert_eq!(generate["status"], "OK");
    assert_eq!(generate["level"], "INFO");
    assert_eq!(generate["messages_in"], 1);
    // The start, the last iterate and the result.
    assert_eq!(generate["messages_out"], 3);
    assert!(generate["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(generate["seconds"].as_f64().unwrap() > 0.0);
    assert!(generate["bytes_out"].as_u64() > generate["bytes_in"].as_u64());
    assert_eq!(log.call("order-7", "/Classify").await["status"], "OK");
    let steps = log.call("order-7", "/Differentiate").await;
    assert_eq!([&steps["messages_in"], &steps["messages_out"]], [4, 3]);
    for call in log.calls() {
        let method = call["method"].as_str().unwrap();
        let looks = method.contains("/grpc.health.") || method.ends_with("/GetModel");
        assert!(!looks || call["status"] != "OK", "{call}");
        assert!(
            call.to_string().len() < 600,
            "a line never holds an image: {call}"
        );
    }
}

#[tokio::test]
async fn a_refusal_is_logged_with_its_reason_and_the_reply_says_the_id() {
    let (log, pair) = (Log::get(), shared());
    let mut client = GeneratorServiceClient::connect(pair.generator.url())
        .await
        .unwrap();
    let mut request = Request::new(GenerateRequest::of(["Mail"]));
    let unfit = "x".repeat(65);
    request
        .metadata_mut()
        .insert("x-request-id", unfit.parse().unwrap());
    let refused = client.generate(request).await.unwrap_err();
    let id = refused
        .metadata()
        .get("x-request-id")
        .unwrap()
        .to_str()
        .unwrap();
    assert_eq!(id.len(), 16, "{id}");

    let call = log.call(id, "/Generate").await;
    assert_eq!(call["status"], "INVALID_ARGUMENT");
    assert_eq!(call["reason"], "INVALID_REQUEST");
}

#[tokio::test]
async fn a_call_whose_client_went_away_is_logged_as_cancelled() {
    let (log, pair) = (Log::get(), shared());
    let endless = GenerateRequest::of(["Male"]).with_inversion(InversionSettings {
        steps: Some(5000),
        ..Default::default()
    });
    let client = pair.generator().with_origin(Origin::of("gone").unwrap());
    let mut events = client.generate(endless).await.unwrap();
    events.next().await.unwrap();
    drop(events);
    assert_eq!(log.call("gone", "/Generate").await["status"], "CANCELLED");
    // The generator ends its stream as it goes; the classifier may see that end before the reset.
    let inner = log.call("gone", "/Differentiate").await;
    let status = inner["status"].as_str().unwrap_or_default();
    assert!(["CANCELLED", "OK"].contains(&status), "{status}");
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_logged_as_other() {
    let (log, pair) = (Log::get(), shared());
    // The generator has no such method.
    let mut client =
        v1::classifier_service_client::ClassifierServiceClient::connect(pair.generator.url())
            .await
            .unwrap();
    let mut request = Request::new(v1::ClassifyRequest {
        images: vec![face_image(64, 1)],
        ..Default::default()
    });
    Origin::of("lost").unwrap().write(request.metadata_mut());
    let refused = client.classify(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert_eq!(log.call("lost", "other").await["status"], "UNIMPLEMENTED");
}
