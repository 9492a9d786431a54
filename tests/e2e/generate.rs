//! Faces from attributes.

use deepface_client::{Event, v1};
use deepface_tests::shared;
use v1::image::Content;

/// A request of few steps.
fn request(steps: i32, seed: u64) -> v1::GenerateRequest {
    let inversion = v1::InversionSettings {
        steps: Some(steps),
        ..Default::default()
    };
    v1::GenerateRequest::of(["Male", "smiling", "MIDDLE_AGED"])
        .without(["Eyeglasses"])
        .with_inversion(inversion)
        .with_seed(seed)
}

async fn face(request: v1::GenerateRequest) -> v1::Result {
    shared()
        .generator()
        .generate(request)
        .await
        .unwrap()
        .result()
        .await
        .unwrap()
}

fn bytes(image: Option<v1::Image>) -> Vec<u8> {
    match image.and_then(|image| image.content) {
        Some(Content::Encoded(bytes)) => bytes,
        other => panic!("expected a PNG, got {other:?}"),
    }
}

#[tokio::test]
async fn a_face_arrives_with_its_attributes() {
    let every_second = v1::StreamSettings {
        every: Some(2),
        ..Default::default()
    };
    let request = request(5, 1).with_stream(every_second);
    let mut events = shared().generator().generate(request).await.unwrap();
    let Some(Event::Started(started)) = events.next().await.unwrap() else {
        panic!("expected Started first");
    };
    let settings = started.settings.unwrap();
    let (target, inversion) = (settings.target.unwrap(), settings.inversion.unwrap());
    assert_eq!(
        (target.method(), inversion.steps),
        (v1::Method::Regression, Some(5))
    );
    assert!(!target.layer.is_empty() && inversion.learning_rate.is_some());
    let mut steps = Vec::new();
    let result = loop {
        match events.next().await.unwrap().unwrap() {
            Event::Started(_) => panic!("started twice"),
            Event::Iterate(iterate) => {
                let image = image::load_from_memory(&bytes(iterate.image)).unwrap();
                assert_eq!(image.width() as i32, started.image_size);
                assert!(iterate.loss.unwrap().total.is_finite());
                steps.push(iterate.step);
            }
            Event::Result(result) => break result,
        }
    };
    assert_eq!(events.next().await.unwrap(), None);
    assert_eq!(steps, [2, 4, 5], "every second step, and the last");
    assert_eq!(result.steps, 5);
    assert!(result.classifier_us > 0 && result.classifier_us <= result.elapsed_us);
    assert_eq!(result.attributes.len(), 73);
    let requested = |name: &str| {
        let mut all = result.attributes.iter();
        all.find(|attribute| attribute.name == name)
            .unwrap()
            .requested
    };
    assert_eq!(requested("Middle Aged"), Some(true));
    assert_eq!(requested("Eyeglasses"), Some(false));
    assert_eq!(requested("Bald"), None);
    assert!(
        result
            .attributes
            .iter()
            .all(|attribute| (0.0..=1.0).contains(&attribute.probability))
    );
}

#[tokio::test]
async fn a_seed_gives_the_same_face_alone_and_beside_others() {
    let alone = bytes(face(request(4, 7)).await.image);
    let (again, other, beside) = tokio::join!(
        face(request(4, 7)),
        face(request(4, 8)),
        face(request(6, 9))
    );
    assert_eq!(alone, bytes(again.image));
    assert_ne!(alone, bytes(other.image));
    assert_eq!(beside.steps, 6);
}

#[tokio::test]
async fn the_loss_falls() {
    let losses_only = v1::StreamSettings {
        every: Some(1),
        losses_only: true,
        ..Default::default()
    };
    let request = request(20, 1).with_stream(losses_only);
    let mut events = shared().generator().generate(request).await.unwrap();
    let mut losses = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        if let Event::Iterate(iterate) = event {
            assert_eq!(iterate.image, None);
            losses.push(iterate.loss.unwrap().total);
        }
    }
    assert_eq!(losses.len(), 20);
    assert!(losses[19] < 0.8 * losses[0], "{losses:?}");
}

#[tokio::test]
async fn every_method_and_parametrization_makes_a_face() {
    use v1::{Method, Optimizer, Parametrization};
    for method in [
        Method::Regression,
        Method::CgmmMean,
        Method::CgmmSample,
        Method::ClassVisualization,
    ] {
        for parametrization in [Parametrization::Prior, Parametrization::Pixels] {
            let mut request = request(2, 3);
            // The cGMM methods take present attributes only.
            request.attributes.retain(|a| !a.absent);
            let settings = request.settings.get_or_insert_default();
            settings.target.get_or_insert_default().set_method(method);
            let inversion = settings.inversion.get_or_insert_default();
            inversion.set_parametrization(parametrization);
            inversion.set_optimizer(Optimizer::Sgd);
            let result = face(request).await;
            assert_eq!(result.steps, 2, "{method:?} {parametrization:?}");
            image::load_from_memory(&bytes(result.image)).unwrap();
        }
    }
}

#[tokio::test]
async fn the_papers_preset_is_the_papers_settings_spelled_out() {
    let spelled_out = v1::GenerationSettings {
        target: Some(v1::TargetSettings {
            method: v1::Method::CgmmMean.into(),
            exaggeration: Some(0.0),
            variety: Some(0.0),
            likelihood: Some(0.0),
            ..Default::default()
        }),
        inversion: Some(v1::InversionSettings {
            parametrization: v1::Parametrization::Pixels.into(),
            optimizer: v1::Optimizer::Sgd.into(),
            start: v1::Start::Noise.into(),
            steps: Some(9),
            regularizers: Some(v1::Regularizers {
                total_variation: Some(0.0),
                l2: Some(0.0),
                jitter: Some(2),
                blur_sigma: Some(0.5),
                blur_every: Some(4),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut preset = request(9, 5).settings.unwrap();
    preset.set_preset(v1::Preset::Paper);
    let [spelled_out, preset, default] = [spelled_out, preset, request(9, 5).settings.unwrap()]
        .map(|settings| async {
            let request = v1::GenerateRequest {
                settings: Some(settings),
                ..v1::GenerateRequest::of(["Male", "smiling"]).with_seed(5)
            };
            bytes(face(request).await.image)
        });
    let (spelled_out, preset, default) = tokio::join!(spelled_out, preset, default);
    assert_eq!(preset, spelled_out);
    assert_ne!(preset, default);
}

#[tokio::test]
async fn a_target_is_the_layers_shape_and_completes_the_request() {
    let client = shared().generator();
    let list = client.list_attributes().await.unwrap();
    assert_eq!(list.attributes.len(), 73);
    let layer = list.defaults.unwrap().target.unwrap().layer;
    let model = shared()
        .classifier()
        .get_model()
        .await
        .unwrap()
        .model
        .unwrap();
    assert_eq!(
        list.classifier_digest, model.digest,
        "the statistics match the served model"
    );
    let shape = model
        .layers
        .into_iter()
        .find(|known| known.name == layer)
        .unwrap()
        .shape;
    let request = v1::GetTargetRequest {
        attributes: vec![
            v1::RequestedAttribute::present("Senior"),
            v1::RequestedAttribute::absent("Male"),
        ],
        // What is expected, not what one person has.
        target: Some(v1::TargetSettings {
            variety: Some(0.0),
            ..Default::default()
        }),
        ..Default::default()
    };
    let target = client.get_target(request).await.unwrap();
    assert_eq!((target.layer, target.target.unwrap().shape), (layer, shape));
    assert!(target.relative_deviation > 0.0);
    let value = |name: &str| {
        target
            .completed
            .iter()
            .find(|attribute| attribute.name == name)
            .unwrap()
    };
    assert_eq!(
        (value("Senior").value, value("Senior").requested),
        (1.0, true)
    );
    assert_eq!((value("Male").value, value("Male").requested), (0.0, true));
    let gray = value("Gray Hair");
    let share = list
        .attributes
        .iter()
        .find(|info| info.name == "Gray Hair")
        .unwrap()
        .frequency;
    assert!(
        !gray.requested && gray.value > share,
        "the old are grey more often: {} > {share}",
        gray.value
    );
}
