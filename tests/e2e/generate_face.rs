//! Finished faces in one reply.

use std::time::Duration;

use deepface_client::v1::generator_service_client::GeneratorServiceClient;
use deepface_client::{Code, GeneratorClient, v1};
use deepface_images::picture_texts;
use deepface_tests::{Proxy, Service, shared};
use image::ImageFormat;
use tokio::time::{sleep, timeout};
use tonic::codec::CompressionEncoding;

/// Two faces of few steps.
fn request() -> v1::GenerateFaceRequest {
    v1::GenerateFaceRequest {
        attributes: v1::GenerateRequest::of(["Male", "smiling"]).attributes,
        settings: Some(settings(4)),
        seeds: vec![9, 3],
        ..Default::default()
    }
}

fn settings(steps: i32) -> v1::GenerationSettings {
    let inversion = v1::InversionSettings {
        steps: Some(steps),
        ..Default::default()
    };
    v1::GenerationSettings {
        inversion: Some(inversion),
        ..Default::default()
    }
}

#[tokio::test]
async fn faces_are_those_of_the_stream() {
    let generator = shared().generator();
    let reply = generator.generate_face(request()).await.unwrap();
    assert_eq!(reply.digest.len(), 64);
    let seeds: Vec<_> = reply.faces.iter().map(|face| face.seed).collect();
    assert_eq!(seeds, [9, 3]);
    for face in reply.faces {
        let request = v1::GenerateRequest {
            attributes: request().attributes,
            settings: request().settings,
            seed: face.seed,
            ..Default::default()
        };
        let mut events = generator.generate(request).await.unwrap();
        let streamed = events.result().await.unwrap();
        let Some(v1::image::Content::Encoded(png)) = streamed.image.unwrap().content else {
            panic!("expected a PNG");
        };
        let [one, other] = [&face.picture, &png].map(|file| image::load_from_memory(file).unwrap());
        assert_eq!(one, other);
        assert_eq!(one.width() as i32, reply.image_size);
        assert_eq!(face.attributes, streamed.attributes);
        assert_eq!((face.loss, face.moved), (streamed.loss, streamed.moved));
        assert_eq!(face.media_type, "image/png");
    }
}

#[tokio::test]
async fn pictures_come_in_every_size_and_format_and_say_what_made_them() {
    let generator = shared().generator();
    let size = generator.generate_face(request()).await.unwrap().image_size;
    for (format, kind, media_type, side) in [
        (v1::FileFormat::Png, ImageFormat::Png, "image/png", 2 * size),
        (v1::FileFormat::Jpeg, ImageFormat::Jpeg, "image/jpeg", 130),
        (v1::FileFormat::Webp, ImageFormat::WebP, "image/webp", 40),
    ] {
        let request = v1::GenerateFaceRequest {
            size: Some(side),
            format: format.into(),
            ..request()
        };
        let reply = generator.generate_face(request).await.unwrap();
        let face = &reply.faces[0];
        assert_eq!(face.media_type, media_type);
        assert_eq!(image::guess_format(&face.picture).unwrap(), kind);
        let picture = image::load_from_memory(&face.picture).unwrap();
        assert_eq!(
            (picture.width(), picture.height()),
            (side as u32, side as u32)
        );
        let texts = picture_texts(&face.picture);
        let text = |name: &str| {
            texts
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, t)| t.as_str())
        };
        assert_eq!(text("seed"), Some("9"));
        assert_eq!(text("statistics-sha256"), Some(reply.digest.as_str()));
        assert!(text("request").unwrap().contains("\"name\":\"smiling\""));
        assert_eq!(text("scale"), (side == 2 * size).then_some("2"));
    }
}

#[tokio::test]
async fn everything_wrong_with_a_request_is_named() {
    let wrong = v1::GenerateFaceRequest {
        attributes: v1::GenerateRequest::of(["Smilling"]).attributes,
        settings: Some(settings(0)),
        seeds: vec![1, 1],
        size: Some(5000),
        format: 77,
        ..Default::default()
    };
    let error = shared().generator().generate_face(wrong).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    let said = error.to_string();
    for field in [
        "attributes[0].name",
        "settings.inversion.steps",
        "seeds[1]",
        "size",
        "format",
    ] {
        assert!(said.contains(field), "{field}: {said}");
    }
}

#[tokio::test]
async fn a_client_that_goes_stops_the_work() {
    let proxy = Proxy::to(shared().classifier.address).await;
    let generator = Service::generator(&proxy.url()).await;
    let client = GeneratorClient::connect_lazy(&generator.url()).unwrap();
    let long = v1::GenerateFaceRequest {
        settings: Some(settings(5000)),
        ..request()
    };
    let call = client.generate_face(long);
    assert!(timeout(Duration::from_secs(1), call).await.is_err());
    let mut sent = proxy.sent();
    for _ in 0..20 {
        sleep(Duration::from_millis(200)).await;
        let now = proxy.sent();
        if now == sent {
            return;
        }
        sent = now;
    }
    panic!("the work continues");
}

#[tokio::test]
async fn compressed_requests_are_read_and_bombs_are_not() {
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let channel = shared().generator.channel();
        let mut client = GeneratorServiceClient::new(channel).send_compressed(encoding);
        let reply = client.generate_face(request()).await.unwrap();
        assert_eq!(reply.get_ref().faces.len(), 2);
        // Zeros shrink to a thousandth.
        let bomb = v1::GenerateFaceRequest {
            keep: vec!["\0".repeat(100 << 20)],
            ..request()
        };
        let refused = client.generate_face(bomb).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    }
}
