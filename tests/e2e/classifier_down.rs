//! The generator holds no network: without its classifier it can say so, and nothing else.

use std::time::Duration;

use deepface_client::{ClientError, Code, attributes, v1};
use deepface_tests::{Pair, Service};

async fn generate(pair: &Service) -> Result<v1::Result, ClientError> {
    let client = deepface_client::GeneratorClient::connect_lazy(&pair.url())?;
    let inversion = v1::InversionSettings {
        steps: Some(2),
        ..Default::default()
    };
    let request = v1::GenerateRequest {
        attributes: attributes(["Male"], [""; 0]),
        settings: Some(v1::GenerationSettings {
            inversion: Some(inversion),
            ..Default::default()
        }),
        ..Default::default()
    };
    client.generate(request).await?.result().await
}

#[tokio::test]
async fn without_its_classifier_the_generator_says_so_until_it_is_back() {
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
        "what needs no network goes on"
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
