//! Similarity of two faces.

use deepface_tests::{face_image, shared};

#[tokio::test]
async fn a_face_is_most_similar_to_itself() {
    let client = shared().classifier();
    let same = client
        .compare(face_image(100, 1), face_image(100, 1))
        .await
        .unwrap();
    assert!(
        same.cosine > 0.9999 && same.similarity_percent > 99.99,
        "{same:?}"
    );
    let one_way = client
        .compare(face_image(100, 1), face_image(100, 30))
        .await
        .unwrap();
    let other_way = client
        .compare(face_image(100, 30), face_image(100, 1))
        .await
        .unwrap();
    assert!(one_way.cosine < 0.999, "{one_way:?}");
    assert!((one_way.cosine - other_way.cosine).abs() < 1e-6);
    assert_eq!(one_way.similarity_percent, 100.0 * one_way.cosine.max(0.0));
}
