//! A descent outlasts its classifier: cuts, resets, silence, restarts. The face is that of an undisturbed run, to the bit.

use std::time::Duration;

use deepface_client::{ClientError, Code, Event, GeneratorClient, v1};
use deepface_tests::{Fault, Proxy, Service, shared};
use tokio::time::{sleep, timeout};

const STEPS: i32 = 60;
/// The time a test machine may need for a face and its faults.
const PATIENCE: Duration = Duration::from_secs(120);

fn request() -> v1::GenerateRequest {
    let inversion = v1::InversionSettings {
        steps: Some(STEPS),
        ..Default::default()
    };
    let stream = v1::StreamSettings {
        every: Some(1),
        losses_only: true,
        ..Default::default()
    };
    v1::GenerateRequest::of(["Male", "Smiling"])
        .with_seed(5)
        .with_inversion(inversion)
        .with_stream(stream)
}

/// Generates a face, and calls `disturb` with the number of each step.
async fn generate(
    generator: &Service,
    mut disturb: impl AsyncFnMut(i32),
) -> Result<v1::Result, ClientError> {
    let client = GeneratorClient::connect_lazy(&generator.url()).unwrap();
    // What the generator itself cannot mend must show.
    let client = client.with_resumption(None);
    let run = async {
        let mut events = client.generate(request()).await?;
        let mut steps = 0;
        loop {
            match events.next().await?.expect("a result comes last") {
                Event::Started(_) => {}
                Event::Iterate(iterate) => {
                    steps += 1;
                    assert_eq!(iterate.step, steps, "every step is reported once");
                    disturb(steps).await;
                }
                Event::Result(result) => return Ok(result),
            }
        }
    };
    timeout(PATIENCE, run).await.expect("no face hangs")
}

async fn undisturbed() -> v1::Result {
    generate(&shared().generator, async |_| ()).await.unwrap()
}

#[tokio::test]
async fn cuts_and_resets_do_not_change_the_face() {
    let proxy = Proxy::to(shared().classifier.address).await;
    let generator = Service::generator(&proxy.url()).await;
    let face = generate(&generator, async |step| {
        let fault = match step % 20 {
            7 => Fault::Cut,
            15 => Fault::Reset,
            _ => return,
        };
        proxy.set(fault);
        sleep(Duration::from_millis(20)).await;
        proxy.set(Fault::None);
    });
    assert_eq!(face.await.unwrap().image, undisturbed().await.image);
}

#[tokio::test]
async fn a_silent_connection_is_given_up_for_another() {
    let proxy = Proxy::to(shared().classifier.address).await;
    let generator = Service::generator(&proxy.url()).await;
    let face = generate(&generator, async |step| {
        if step == 20 {
            proxy.set(Fault::Blackhole);
            // Longer than a connection may be silent.
            sleep(Duration::from_secs(12)).await;
            proxy.set(Fault::None);
        }
    });
    assert_eq!(face.await.unwrap().image, undisturbed().await.image);
}

#[tokio::test]
async fn a_restarted_classifier_goes_on_with_the_descent() {
    let mut classifier = Some(Service::classifier().await);
    let address = classifier.as_ref().unwrap().address;
    let generator = Service::generator(&classifier.as_ref().unwrap().url()).await;
    let face = generate(&generator, async |step| {
        if step == 10 || step == STEPS {
            classifier.take().unwrap().stop().await;
            sleep(Duration::from_millis(300)).await;
            classifier = Some(Service::classifier_at(address).await);
        }
    });
    assert_eq!(face.await.unwrap().image, undisturbed().await.image);
}

#[tokio::test]
async fn a_classifier_that_stays_away_ends_the_descent_in_time() {
    let mut classifier = Some(Service::classifier().await);
    let url = classifier.as_ref().unwrap().url();
    let generator = Service::generator_with(|settings| {
        settings.classifier = vec![url];
        settings.classifier_patience_seconds = 1;
    });
    let generator = generator.await;
    let error = generate(&generator, async |step| {
        if step == 10 {
            classifier.take().unwrap().stop().await;
        }
    });
    let error = error.await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    assert!(error.to_string().contains("classifier"), "{error}");
}

#[tokio::test]
async fn another_replica_goes_on_when_one_is_killed() {
    let mut killed = Some(Service::classifier().await);
    let urls = vec![killed.as_ref().unwrap().url(), shared().classifier.url()];
    let generator = Service::generator_with(|settings| settings.classifier = urls).await;
    // The first descents share the load; the one on the killed replica moves.
    let both = (0..2).map(|_| generate(&generator, async |_| ()));
    let [first, second] = both.collect::<Vec<_>>().try_into().ok().unwrap();
    let kill = async {
        sleep(Duration::from_millis(100)).await;
        killed.take().unwrap().stop().await;
    };
    let (first, second, ()) = tokio::join!(first, second, kill);
    let expected = undisturbed().await.image;
    assert_eq!(first.unwrap().image, expected);
    assert_eq!(second.unwrap().image, expected);
}
