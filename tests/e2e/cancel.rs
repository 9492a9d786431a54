//! Who stops listening stops the work.

use std::time::Duration;

use deepface_client::{Event, GeneratorClient, attributes, v1};
use deepface_tests::{Proxy, Service, shared};
use tokio::time::sleep;

#[tokio::test]
async fn a_dropped_stream_stops_within_a_step() {
    let proxy = Proxy::to(shared().classifier.address).await;
    let generator = Service::generator(&proxy.url()).await;
    let client = GeneratorClient::connect_lazy(&generator.url()).unwrap();
    let request = v1::GenerateRequest {
        attributes: attributes(["Male"], [""; 0]),
        settings: Some(v1::GenerationSettings {
            inversion: Some(v1::InversionSettings {
                steps: Some(5000),
                ..Default::default()
            }),
            ..Default::default()
        }),
        stream: Some(v1::StreamSettings {
            every: 1,
            losses_only: true,
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut events = client.generate(request).await.unwrap();
    let mut size = 0;
    let mut steps = 0;
    while steps < 5 {
        match events.next().await.unwrap().unwrap() {
            Event::Started(started) => size = started.image_size as u64,
            Event::Iterate(iterate) => steps = iterate.step,
            Event::Result(_) => panic!("5000 steps cannot be done"),
        }
    }
    let before = proxy.sent();
    drop(events);
    // Wait until nothing is sent for a while that would hold many steps.
    let mut after = proxy.sent();
    loop {
        sleep(Duration::from_millis(300)).await;
        let now = proxy.sent();
        if now == after {
            break;
        }
        after = now;
        assert!(after - before < 100 * 12 * size * size, "the work goes on");
    }
    let image = 4 * 3 * size * size;
    // The step that was under way when the stream was dropped, and one more while the news travels.
    let more = (after - before) / image;
    assert!(more <= 2, "{more} more steps were sent");
}
