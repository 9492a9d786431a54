//! A model with attributes of its own, from a data set in CelebA's layout to a generated face.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::Parser;
use classifier_svc::service::ModelSource;
use deepface_client::{ClassifierClient, Event, GeneratorClient, v1};
use deepface_network::train::{self, TrainArgs};
use deepface_tests::{Service, face_image, face_pixels, png};
use generator_svc::fit;
use generator_svc::service::StatisticsSource;

use crate::small_fit;

const ATTRIBUTES: [&str; 5] = [
    "5_o_Clock_Shadow",
    "Attractive",
    "Blond_Hair",
    "Male",
    "Young",
];
const PHOTOGRAPHS: usize = 60;

#[derive(Parser)]
struct Train {
    #[command(flatten)]
    args: TrainArgs,
}

/// A data set of drawn faces with CelebA's three lists. One photograph is damaged.
fn data_set(folder: &Path) {
    let pictures = folder.join("img_align_celeba");
    fs::create_dir(&pictures).unwrap();
    let mut labels = format!("{PHOTOGRAPHS}\n{} \n", ATTRIBUTES.join(" "));
    let (mut people, mut splits) = (String::new(), String::new());
    for i in 0..PHOTOGRAPHS {
        let file = format!("{:06}.jpg", i + 1);
        let _ = write!(labels, "{file}");
        for attribute in 0..ATTRIBUTES.len() {
            let has = (i * 7 + attribute * 3) % 5 < 2;
            let _ = write!(labels, " {:2}", if has { 1 } else { -1 });
        }
        labels.push('\n');
        let _ = writeln!(people, "{file} {}", i / 2);
        let split = if i < 40 { 0 } else { 1 + i % 2 };
        let _ = writeln!(splits, "{file} {split}");
        let face = image::load_from_memory(&png(&face_pixels(178, i as u64))).unwrap();
        let face = face.resize_exact(178, 218, image::imageops::FilterType::Triangle);
        let path = pictures.join(&file);
        face.save_with_format(&path, image::ImageFormat::Jpeg)
            .unwrap();
        if i == 3 {
            fs::write(&path, b"<html>404</html>").unwrap();
        }
    }
    fs::write(folder.join("list_attr_celeba.txt"), labels).unwrap();
    fs::write(folder.join("identity_CelebA.txt"), people).unwrap();
    fs::write(folder.join("list_eval_partition.txt"), splits).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn celeba_trains_serves_fits_and_generates() {
    let folder = tempfile::tempdir().unwrap();
    data_set(folder.path());
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (data, model) = (text(folder.path()), folder.path().join("model.safetensors"));
    let statistics = folder.path().join("model.cgmm.safetensors");
    let groups = folder.path().join("groups.tsv");
    let table =
        "hair\tBlond_Hair\nface\tMale, Young\nshadow\t5_o_Clock_Shadow\ncharm\tAttractive\n";
    fs::write(&groups, table).unwrap();
    let flags = ["--arch=vgg-face-tiny", "--epochs=1", "--batch=8"];
    let line = [
        vec!["train".to_owned(), "--data".into(), data.clone()],
        vec![
            "--output".into(),
            text(&model),
            "--groups".into(),
            text(&groups),
        ],
        flags.map(Into::into).to_vec(),
    ]
    .concat();
    let train = |more: &[&str]| {
        let more = more.iter().map(|&m| m.to_owned());
        let args = Train::parse_from(line.iter().cloned().chain(more)).args;
        tokio::task::spawn_blocking(move || train::run(&args))
    };
    let refused = train(&[]).await.unwrap().unwrap_err().to_string();
    assert!(
        refused.starts_with("1 of 60 photographs cannot be used"),
        "{refused}"
    );
    assert!(refused.contains("000004.jpg"), "{refused}");
    train(&["--skip-unreadable"]).await.unwrap().unwrap();

    let classifier = Service::classifier_of(ModelSource::File(model.clone())).await;
    let client = ClassifierClient::connect_lazy(&classifier.url()).unwrap();
    let served = client.get_model().await.unwrap().model.unwrap();
    let groups: Vec<_> = served.groups.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(groups, ["hair", "face", "shadow", "charm"]);
    let result = client.classify(vec![face_image(64, 1)]).await.unwrap();
    let scores = result.results[0].groups.iter().map(|g| g.attributes.len());
    assert_eq!(scores.collect::<Vec<_>>(), [1, 2, 1, 1]);

    let fit = async |classifiers: &[&Service], output: &Path| {
        let urls: Vec<_> = classifiers.iter().map(|c| c.url()).collect();
        let mut flags = small_fit::flags(folder.path(), &urls.join(","), output);
        flags.push("--skip-unreadable".into());
        fit::run(&small_fit::parse(&flags)).await
    };
    fit(&[&classifier], &statistics).await.unwrap();
    // Several classifiers make the same file, if they serve the same network.
    let again = folder.path().join("again.cgmm.safetensors");
    let second = Service::classifier_of(ModelSource::File(model)).await;
    let other = Service::classifier().await;
    let refused = fit(&[&classifier, &other], &again).await.unwrap_err();
    let expected = "--classifier: all replicas must serve the same: ";
    assert!(refused.to_string().starts_with(expected), "{refused}");
    fit(&[&classifier, &second], &again).await.unwrap();
    assert!(fs::read(&again).unwrap() == fs::read(&statistics).unwrap());

    let source = StatisticsSource::File(statistics);
    let generator = Service::generator_of(source, &classifier.url()).await;
    let client = GeneratorClient::connect_lazy(&generator.url()).unwrap();
    let listed = client.list_attributes().await.unwrap().attributes;
    let names: Vec<_> = listed
        .iter()
        .map(|a| (a.name.as_str(), a.group.as_str()))
        .collect();
    assert_eq!(names[1], ("Male", "face"));
    assert_eq!(names.len(), ATTRIBUTES.len());
    let request = v1::GenerateRequest {
        settings: Some(v1::GenerationSettings {
            inversion: Some(v1::InversionSettings {
                steps: Some(3),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..v1::GenerateRequest::of(["young", "5 o' clock shadow"]).without(["Male"])
    };
    let mut events = client.generate(request).await.unwrap();
    let mut result = None;
    while let Some(event) = events.next().await.unwrap() {
        if let Event::Result(done) = event {
            result = Some(done);
        }
    }
    let result = result.unwrap();
    assert_eq!(result.attributes.len(), ATTRIBUTES.len());
    let asked = result.attributes.iter().filter(|a| a.requested.is_some());
    assert_eq!(asked.count(), 3);
}
