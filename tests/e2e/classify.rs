//! Attributes of images.

use deepface_client::{encoded_image, v1};
use deepface_tests::{face_image, face_pixels, png, shared};

async fn model() -> v1::Model {
    shared()
        .classifier()
        .get_model()
        .await
        .unwrap()
        .model
        .unwrap()
}

#[tokio::test]
async fn every_attribute_has_a_probability_and_a_decision() {
    let model = model().await;
    let response = shared()
        .classifier()
        .classify(vec![face_image(100, 1)])
        .await
        .unwrap();
    let [result] = &response.results[..] else {
        panic!("one image, one result");
    };
    assert_eq!((model.groups.len(), result.groups.len()), (42, 42));
    let mut attributes = 0;
    for (group, scores) in model.groups.iter().zip(&result.groups) {
        assert_eq!(group.name, scores.group);
        let sum = scores.none_probability
            + scores
                .attributes
                .iter()
                .map(|score| score.probability)
                .sum::<f32>();
        assert!((sum - 1.0).abs() < 1e-5, "{}: {sum}", group.name);
        for (attribute, score) in group.attributes.iter().zip(&scores.attributes) {
            assert_eq!(attribute.name, score.name);
            assert_eq!(
                score.present,
                score.probability > attribute.threshold,
                "{}",
                score.name
            );
            assert_eq!(
                score.present_balanced,
                score.probability > attribute.balanced_threshold,
                "{}",
                score.name
            );
            attributes += 1;
        }
    }
    assert_eq!(attributes, 73);
    assert!(response.timing.unwrap().compute_us > 0);
}

#[tokio::test]
async fn an_image_gets_the_same_answer_alone_and_beside_others() {
    let client = shared().classifier();
    let images: Vec<_> = (0..5).map(|seed| face_image(100, seed)).collect();
    let together = client.classify(images.clone()).await.unwrap().results;
    for (image, together) in images.into_iter().zip(together) {
        let alone = client
            .classify(vec![image])
            .await
            .unwrap()
            .results
            .remove(0);
        assert_eq!(alone.groups, together.groups);
    }
}

#[tokio::test]
async fn a_file_and_a_tensor_of_the_same_pixels_agree() {
    let size = model().await.input_size as usize;
    let pixels = face_pixels(size, 3);
    let file = encoded_image(png(&pixels), v1::Framing::Face);
    let images = vec![file, face_image(size, 3)];
    let results = shared()
        .classifier()
        .classify(images)
        .await
        .unwrap()
        .results;
    for (a, b) in results[0].groups.iter().zip(&results[1].groups) {
        // A file rounds to steps of 1/255.
        assert!(
            (a.none_probability - b.none_probability).abs() < 0.05,
            "{}",
            a.group
        );
    }
}

#[tokio::test]
async fn an_aligned_photograph_is_cropped_to_its_face() {
    let size = model().await.input_size as usize;
    let face = face_pixels(160, 4);
    let mut photograph = face_pixels(250, 9);
    for c in 0..3 {
        for y in 0..160 {
            let from = (c * 160 + y) * 160;
            let to = (c * 250 + y + 45) * 250 + 45;
            photograph.data[to..to + 160].copy_from_slice(&face.data[from..from + 160]);
        }
    }
    assert!(size <= 250);
    let images = vec![
        encoded_image(png(&photograph), v1::Framing::Unspecified),
        encoded_image(png(&face), v1::Framing::Face),
    ];
    let results = shared()
        .classifier()
        .classify(images)
        .await
        .unwrap()
        .results;
    assert_eq!(results[0].groups, results[1].groups);
}
