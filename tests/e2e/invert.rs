//! Reconstruction of an image from its activations.

use deepface_client::{Event, v1};
use deepface_tests::{face_image, shared};

#[tokio::test]
async fn inversion_approaches_the_activations_of_an_image() {
    for layer in ["conv3_3", "fc6", ""] {
        let request = v1::InvertRequest {
            image: Some(face_image(100, 2)),
            layer: layer.to_owned(),
            inversion: Some(v1::InversionSettings {
                steps: Some(15),
                ..Default::default()
            }),
            stream: Some(v1::StreamSettings {
                every: Some(1),
                losses_only: true,
                ..Default::default()
            }),
            ..Default::default()
        };
        let mut events = shared().generator().invert(request).await.unwrap();
        let (mut objectives, mut result) = (Vec::new(), None);
        while let Some(event) = events.next().await.unwrap() {
            match event {
                Event::Started(started) => {
                    let used = started.settings.unwrap().target.unwrap().layer;
                    assert!(
                        used == layer || (layer.is_empty() && !used.is_empty()),
                        "{used}"
                    );
                }
                Event::Iterate(iterate) => objectives.push(iterate.loss.unwrap().objective),
                Event::Result(done) => result = Some(done),
            }
        }
        assert!(
            objectives[14] < 0.9 * objectives[0],
            "{layer}: {objectives:?}"
        );
        let result = result.unwrap();
        assert_eq!((result.steps, result.attributes.len()), (15, 73));
        assert!(
            result
                .attributes
                .iter()
                .all(|attribute| attribute.requested.is_none())
        );
    }
}
