//! What Prometheus reads from a running pair.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use classifier_svc::service::ModelSource;
use classifier_svc::settings::Settings;
use deepface_client::Event;
use deepface_client::v1::{
    GenerateRequest, InversionSettings, StreamSettings, classifier_service_server::SERVICE_NAME,
};
use deepface_serve::{ObserveSettings, ServeSettings, wait_until_serving};
use deepface_tests::{Service, http, shared};
use tokio::net::TcpListener;

async fn free() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Starts a classifier that shows the metrics of this process; returns its URL and where they are.
async fn with_metrics() -> (String, SocketAddr) {
    let metrics = free().await.local_addr().unwrap();
    let serve = ServeSettings {
        observe: ObserveSettings {
            metrics: Some(metrics),
            ..Default::default()
        },
        ..Default::default()
    };
    let settings = Settings {
        serve,
        ..Default::default()
    };
    let listener = free().await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let forever = std::future::pending();
        classifier_svc::service::serve(listener, ModelSource::Embedded, &settings, forever).await
    });
    wait_until_serving(address, SERVICE_NAME, std::time::Duration::from_secs(60))
        .await
        .unwrap();
    (format!("http://{address}"), metrics)
}

async fn scrape(metrics: SocketAddr) -> String {
    let reply = http(metrics, "GET /metrics HTTP/1.1").await.unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("openmetrics-text"), "{head}");
    assert!(body.ends_with("# EOF\n"), "{body}");
    body.to_owned()
}

/// The value of the first sample whose line starts like this.
fn value(text: &str, start: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(start));
    let line = line.unwrap_or_else(|| panic!("no {start} in {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Makes a face by a pair with metrics, has another refused, and returns the scrape.
async fn scrape_after_a_face() -> (String, SocketAddr) {
    let (classifier, metrics) = with_metrics().await;
    let generator = Service::generator(&classifier).await;
    let client = deepface_client::GeneratorClient::connect_lazy(&generator.url()).unwrap();
    let request = GenerateRequest::of(["Male"]).with_inversion(InversionSettings {
        steps: Some(3),
        ..Default::default()
    });
    let face = client.generate(request).await.unwrap().result().await;
    face.unwrap();
    let refused = client.generate(GenerateRequest::of(["Mail"])).await;
    refused.unwrap_err();
    // The streams to the classifier end a moment after their replies.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    (scrape(metrics).await, metrics)
}

#[tokio::test]
async fn a_scrape_after_a_face_shows_what_it_took() {
    let (text, metrics) = scrape_after_a_face().await;
    let generate = "method=\"/deepface.v1.GeneratorService/Generate\"";
    let differentiate = "method=\"/deepface.v1.ClassifierService/Differentiate\"";
    for (start, least) in [
        (
            format!("deepface_call_seconds_count{{{generate},status=\"OK\"}}"),
            1.0,
        ),
        (
            format!("deepface_call_seconds_count{{{generate},status=\"INVALID_ARGUMENT\"}}"),
            1.0,
        ),
        (
            format!("deepface_received_bytes_total{{{differentiate}}}"),
            3.0 * 3.0 * 64.0 * 64.0,
        ),
        (
            format!("deepface_sent_bytes_total{{{differentiate}}}"),
            3.0 * 3.0 * 64.0 * 64.0,
        ),
        (format!("deepface_calls_in_flight{{{generate}}}"), 0.0),
        (
            "deepface_refusals_total{reason=\"INVALID_REQUEST\"}".into(),
            1.0,
        ),
        ("deepface_queue_seconds_count{lane=\"bulk\"}".into(), 3.0),
        (
            "deepface_queue_seconds_count{lane=\"interactive\"}".into(),
            1.0,
        ),
        (
            "deepface_compute_seconds_count{kind=\"differentiate\"}".into(),
            3.0,
        ),
        ("deepface_queue_depth{lane=\"bulk\"}".into(), 0.0),
        ("deepface_batch_size_count".into(), 4.0),
        ("deepface_steps_total".into(), 3.0),
        ("deepface_sessions".into(), 0.0),
        ("deepface_resumes_total{of=\"classifier\"}".into(), 0.0),
        // Of this test's client, and of the generator.
        ("deepface_connections".into(), 2.0),
        ("deepface_model_info{name=".into(), 1.0),
        ("deepface_statistics_info{digest=".into(), 1.0),
        (
            "deepface_serving{service=\"deepface.v1.GeneratorService\"}".into(),
            0.0,
        ),
    ] {
        let value = value(&text, &start);
        assert!(value >= least, "{start} {value}");
    }
    if cfg!(target_os = "linux") {
        assert!(value(&text, "process_resident_memory_bytes") > 1e6);
        assert!(value(&text, "process_open_fds") > 3.0);
    }
    for (line, status) in [("GET / HTTP/1.1", "404"), ("POST /metrics HTTP/1.1", "405")] {
        let reply = http(metrics, line).await.unwrap();
        assert!(reply.starts_with(&format!("HTTP/1.1 {status}")), "{reply}");
    }
}

#[tokio::test]
async fn a_face_that_is_continued_by_its_token_is_counted() {
    let (_, metrics) = with_metrics().await;
    let client = shared().generator();
    let request = GenerateRequest::of(["Male"]).with_stream(StreamSettings {
        every: Some(2),
        resume_tokens: true,
        ..Default::default()
    });
    let request = request.with_inversion(InversionSettings {
        steps: Some(4),
        ..Default::default()
    });
    let mut events = client.generate(request.clone()).await.unwrap();
    let token = loop {
        if let Some(Event::Iterate(iterate)) = events.next().await.unwrap() {
            break iterate.resume_token;
        }
    };
    drop(events);
    let continued = GenerateRequest {
        resume_tokens: vec![token],
        ..request
    };
    let name = "deepface_resumes_total{of=\"client\"}";
    let face = client.generate(continued).await.unwrap().result().await;
    face.unwrap();
    // Other tests of this process may continue faces too.
    assert!(value(&scrape(metrics).await, name) >= 1.0);
}

#[tokio::test]
async fn metrics_stay_on_this_machine_unless_the_network_is_trusted() {
    let settings = Settings {
        serve: ServeSettings {
            observe: ObserveSettings {
                metrics: Some("0.0.0.0:0".parse().unwrap()),
                ..Default::default()
            },
            ..Default::default()
        },
        ..Default::default()
    };
    let forever = std::future::pending();
    let served =
        classifier_svc::service::serve(free().await, ModelSource::Embedded, &settings, forever)
            .await;
    let error = served.unwrap_err().to_string();
    assert!(error.starts_with("--metrics: 0.0.0.0:0"), "{error}");
}

/// The names of metrics that a text mentions.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|w| w.starts_with("deepface_") || w.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_metric_of_the_dashboard_and_the_alerts_exists() {
    let (text, _) = scrape_after_a_face().await;
    let mut known = BTreeSet::new();
    for line in text.lines().filter_map(|l| l.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        known.extend(endings.iter().map(|ending| format!("{name}{ending}")));
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");
    for file in ["grafana.json", "alerts.yaml"] {
        let text = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
        let used = names(&text);
        assert!(used.len() >= 5, "{file}: {used:?}");
        let unknown: Vec<_> = used.difference(&known).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?} of {known:?}");
    }
}
