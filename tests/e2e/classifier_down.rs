//! The generator holds no network: without its classifier it reports UNAVAILABLE, and recovers.

use std::time::Duration;

use deepface_client::{ClientError, Code, v1};
use deepface_tests::{Pair, Service};

async fn generate(pair: &Service) -> Result<v1::Result, ClientError> {
    let client = deepface_client::GeneratorClient::connect_lazy(&pair.url())?;
    let inversion = v1::InversionSettings {
        steps: Some(2),
        ..Default::default()
    };
    let request = v1::GenerateRequest::of(["Male"]).with_inversion(inversion);
    client.generate(request).await?.result().await
}

#[tokio::test]
async fn without_its_classifier_the_generator_is_unavailable_until_it_is_back() {
    let Pair {
        classifier,
        generator,
    } = Pair::start().await;
    let before = generate(&generator).await.unwrap();
    let address = classifier.address;
    classifier.stop().await;

    let error = generate(&generator).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    let message = error.to_string();
    assert!(
        message.contains("classifier") && message.contains(&address.to_string()),
        "{message}"
    );
    let client = deepface_client::GeneratorClient::connect_lazy(&generator.url()).unwrap();
    assert_eq!(
        client.list_attributes().await.unwrap().attributes.len(),
        73,
        "calls that need no network still work"
    );

    let _classifier = Service::classifier_at(address).await;
    let after = async {
        loop {
            match generate(&generator).await {
                Ok(result) => return result,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let after = tokio::time::timeout(Duration::from_secs(20), after)
        .await
        .unwrap();
    assert_eq!(after.image, before.image);
}
