//! Dropping a stream stops its work.

use std::time::Duration;

use deepface_client::{Event, GeneratorClient, v1};
use deepface_tests::{Proxy, Service, shared};
use tokio::time::sleep;

#[tokio::test]
async fn a_dropped_stream_stops_within_a_step() {
    let proxy = Proxy::to(shared().classifier.address).await;
    let generator = Service::generator(&proxy.url()).await;
    let client = GeneratorClient::connect_lazy(&generator.url()).unwrap();
    let inversion = v1::InversionSettings {
        steps: Some(5000),
        ..Default::default()
    };
    let stream = v1::StreamSettings {
        every: Some(1),
        losses_only: true,
        ..Default::default()
    };
    let request = v1::GenerateRequest::of(["Male"])
        .with_inversion(inversion)
        .with_stream(stream);
    let model = shared().classifier().get_model().await.unwrap().model;
    let size = model.unwrap().input_size as u64;
    let mut events = client.generate(request).await.unwrap();
    let mut steps = 0;
    while steps < 5 {
        match events.next().await.unwrap().unwrap() {
            Event::Started(_) => {}
            Event::Iterate(iterate) => steps = iterate.step,
            Event::Result(_) => panic!("5000 steps are not done yet"),
        }
    }
    let before = proxy.sent();
    drop(events);
    // Wait until nothing was sent for long enough to hold many steps.
    let mut after = proxy.sent();
    loop {
        sleep(Duration::from_millis(300)).await;
        let now = proxy.sent();
        if now == after {
            break;
        }
        after = now;
        assert!(
            after - before < 100 * 12 * size * size,
            "the work continues"
        );
    }
    let image = 4 * 3 * size * size;
    // The step under way when the stream was dropped, and one more while the cancellation travels.
    let more = (after - before) / image;
    assert!(more <= 2, "{more} more steps were sent");
}
