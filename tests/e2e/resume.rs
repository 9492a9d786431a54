//! A generation outlasts its generator: the client continues the stream with a resume token, and the face is that of an
//! undisturbed run, to the bit.

use std::time::Duration;

use deepface_client::{ClientError, Code, Event, GeneratorClient, v1};
use deepface_tests::{Fault, Proxy, Service, face_image, shared};
use tokio::time::timeout;

const STEPS: i32 = 40;
/// The time a test machine may need for a face and its faults.
const PATIENCE: Duration = Duration::from_secs(120);

fn inversion() -> v1::InversionSettings {
    v1::InversionSettings {
        steps: Some(STEPS),
        ..Default::default()
    }
}

fn request(every: i32) -> v1::GenerateRequest {
    let stream = v1::StreamSettings {
        every: Some(every),
        losses_only: true,
        resume_tokens: true,
        ..Default::default()
    };
    v1::GenerateRequest::of(["Male", "Smiling"])
        .with_seed(5)
        .with_inversion(inversion())
        .with_stream(stream)
}

fn client(url: &str) -> GeneratorClient {
    GeneratorClient::connect_lazy(url).unwrap()
}

/// Follows a stream and calls `disturb` after each iterate.
async fn follow(
    client: &GeneratorClient,
    request: v1::GenerateRequest,
    mut disturb: impl AsyncFnMut(&v1::Iterate),
) -> Result<(Vec<i32>, v1::Result), ClientError> {
    let run = async {
        let mut events = client.generate(request).await?;
        let (mut steps, mut started) = (Vec::new(), 0);
        loop {
            match events.next().await?.expect("a result comes last") {
                Event::Started(_) => started += 1,
                Event::Iterate(iterate) => {
                    steps.push(iterate.step);
                    disturb(&iterate).await;
                }
                Event::Result(result) => {
                    assert_eq!(started, 1);
                    return Ok((steps, result));
                }
            }
        }
    };
    timeout(PATIENCE, run).await.expect("no face hangs")
}

async fn undisturbed() -> v1::Result {
    let client = shared().generator();
    follow(&client, request(10), async |_| ()).await.unwrap().1
}

/// The token of each iterate.
async fn tokens() -> Vec<Vec<u8>> {
    let client = shared().generator().with_resumption(None);
    let mut tokens = Vec::new();
    let run = follow(&client, request(1), async |iterate| {
        tokens.push(iterate.resume_token.clone());
    });
    run.await.unwrap();
    tokens
}

#[tokio::test]
async fn a_token_continues_after_its_step_to_the_same_face() {
    let (expected, tokens) = (undisturbed().await, tokens().await);
    let client = shared().generator().with_resumption(None);
    for step in [1, 17, STEPS] {
        let request = v1::GenerateRequest {
            resume_tokens: vec![tokens[step as usize - 1].clone()],
            ..request(1)
        };
        let (steps, result) = follow(&client, request, async |_| ()).await.unwrap();
        assert_eq!(steps, (step + 1..=STEPS).collect::<Vec<_>>());
        assert_eq!(
            (result.image, result.loss),
            (expected.image.clone(), expected.loss)
        );
    }
}

#[tokio::test]
async fn tokens_of_other_requests_and_damaged_ones_are_refused() {
    let tokens = tokens().await;
    let client = shared().generator().with_resumption(None);
    let mut damaged = tokens[3].clone();
    damaged[300] ^= 4;
    let mut other = request(1);
    other.seed += 1;
    let mut short = request(1);
    short
        .settings
        .as_mut()
        .unwrap()
        .inversion
        .as_mut()
        .unwrap()
        .steps = Some(STEPS - 1);
    for (request, token) in [
        (request(1), damaged),
        (request(1), b"token".to_vec()),
        (other, tokens[3].clone()),
        (short, tokens[3].clone()),
    ] {
        let request = v1::GenerateRequest {
            resume_tokens: vec![token],
            ..request
        };
        let error = follow(&client, request, async |_| ()).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
        assert_eq!(error.violations()[0].field, "resume_tokens[0]");
    }
}

#[tokio::test]
async fn the_client_continues_when_its_generator_is_restarted() {
    let mut generator = Some(Service::generator(&shared().classifier.url()).await);
    let address = generator.as_ref().unwrap().address;
    let client = client(&generator.as_ref().unwrap().url());
    let run = follow(&client, request(1), async |iterate| {
        if iterate.step == 12 {
            generator.take().unwrap().stop().await;
            generator = Some(Service::generator_again(address, &shared().classifier.url()).await);
        }
    });
    let (steps, result) = run.await.unwrap();
    assert_eq!(steps, (1..=STEPS).collect::<Vec<_>>());
    assert_eq!(result.image, undisturbed().await.image);
}

#[tokio::test]
async fn the_client_continues_over_a_connection_that_breaks_before_any_token() {
    let proxy = Proxy::to(shared().generator.address).await;
    let client = client(&proxy.url());
    let mut first = true;
    let run = follow(&client, request(5), async |_| {
        if std::mem::take(&mut first) {
            proxy.set(Fault::Reset);
            tokio::time::sleep(Duration::from_millis(20)).await;
            proxy.set(Fault::None);
        }
    });
    let (steps, result) = run.await.unwrap();
    assert_eq!(steps, (1..=STEPS / 5).map(|i| 5 * i).collect::<Vec<_>>());
    assert_eq!(result.image, undisturbed().await.image);
}

#[tokio::test]
async fn reconstructions_continue_too() {
    let request = || v1::InvertRequest {
        image: Some(face_image(64, 3)),
        inversion: Some(inversion()),
        ..Default::default()
    };
    let mut expected = shared().generator().invert(request()).await.unwrap();
    let expected = expected.result().await.unwrap();
    let proxy = Proxy::to(shared().generator.address).await;
    let mut events = client(&proxy.url()).invert(request()).await.unwrap();
    loop {
        match events.next().await.unwrap().unwrap() {
            Event::Iterate(iterate) if iterate.step == 10 => {
                proxy.set(Fault::Cut);
                tokio::time::sleep(Duration::from_millis(20)).await;
                proxy.set(Fault::None);
            }
            Event::Result(result) => {
                assert_eq!(result.image, expected.image);
                return;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_resume_gets_the_error() {
    let proxy = Proxy::to(shared().generator.address).await;
    let client = client(&proxy.url()).with_resumption(None);
    let run = follow(&client, request(1), async |iterate| {
        if iterate.step == 2 {
            proxy.set(Fault::Cut);
        }
    });
    let error = run.await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error}");
}

#[tokio::test]
async fn the_faces_of_a_count_are_those_of_requests_of_their_own() {
    let client = shared().generator();
    let together = client.generate(request(10).with_count(3)).await.unwrap();
    let together = together.results().await.unwrap();
    assert_eq!(together.len(), 3);
    for (index, face) in (0..).zip(together) {
        let seed = request(10).seed + u64::try_from(index).unwrap();
        let alone = client.generate(request(10).with_seed(seed)).await.unwrap();
        let [alone] = &alone.results().await.unwrap()[..] else {
            panic!("expected one face");
        };
        assert_eq!(face.index, index);
        assert_eq!((&face.image, face.loss), (&alone.image, alone.loss));
    }
}

#[tokio::test]
async fn every_face_of_a_count_continues_over_a_connection_that_breaks() {
    let expected = shared().generator();
    let expected = expected.generate(request(4).with_count(3)).await.unwrap();
    let expected = expected.results().await.unwrap();
    let proxy = Proxy::to(shared().generator.address).await;
    let client = client(&proxy.url());
    let mut events = client.generate(request(4).with_count(3)).await.unwrap();
    let (mut steps, mut results) = (vec![Vec::new(); 3], Vec::new());
    while let Some(event) = events.next().await.unwrap() {
        match event {
            Event::Started(_) => {}
            Event::Iterate(iterate) => {
                let face = &mut steps[usize::try_from(iterate.index).unwrap()];
                face.push(iterate.step);
                if iterate.index == 1 && iterate.step == 20 {
                    proxy.set(Fault::Reset);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    proxy.set(Fault::None);
                }
            }
            Event::Result(result) => results.push(result),
        }
    }
    for steps in steps {
        assert_eq!(steps, (1..=STEPS / 4).map(|i| 4 * i).collect::<Vec<_>>());
    }
    results.sort_by_key(|result| result.index);
    let images = |all: &[v1::Result]| -> Vec<_> {
        all.iter()
            .map(|result| (result.index, result.image.clone()))
            .collect()
    };
    assert_eq!(images(&results), images(&expected));
}
