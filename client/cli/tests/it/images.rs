//! `classify`, `compare`, `invert` and `activations`: commands that take images.

use std::path::Path;

use image::imageops;
use serde_json::Value;

use crate::program::*;

#[test]
fn images_are_classified_compared_inverted_and_written_as_activations() {
    let here = folder();
    face(here.path());
    let (stdout, stderr) = expect(
        &deepface(
            here.path(),
            &["classify", "--face", "--json", "face.png", "no.png"],
        ),
        FAILURE,
    );
    let json: Value = serde_json::from_str(stdout.trim()).unwrap();
    assert_eq!(json["image"], "face.png");
    assert_eq!(json["attributes"].as_object().unwrap().len(), 73);
    assert!(json["attributes"]["Male"].as_f64().unwrap() <= 1.0 && json["present"].is_array());
    assert!(
        stderr.contains("no.png") && stderr.contains("1 of 2"),
        "{stderr}"
    );

    let (stdout, _) = expect(
        &deepface(
            here.path(),
            &["compare", "--face", "--json", "face.png", "face.png"],
        ),
        OK,
    );
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert!(
        json["similarity_percent"].as_f64().unwrap() > 99.9,
        "{stdout}"
    );

    let arguments = [
        "invert", "--face", "face.png", "--layer", "conv3_3", "--json",
    ];
    let (stdout, _) = expect(
        &deepface(here.path(), &[&arguments[..], &QUICK].concat()),
        OK,
    );
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&json["file"], &json["settings"]["layer"]),
        (&"face-inverted.png".into(), &"conv3_3".into())
    );

    let arguments = [
        "activations",
        "--face",
        "face.png",
        "face.png",
        "--layer",
        "fc7",
        "--layer",
        "conv4_3",
    ];
    let output = ["--type", "f16", "--output", "faces.safetensors"];
    expect(
        &deepface(here.path(), &[&arguments[..], &output].concat()),
        OK,
    );
    let file = std::fs::read(here.path().join("faces.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    let fc7 = tensors.tensor("fc7").unwrap();
    assert_eq!((fc7.dtype(), fc7.shape()[0]), (safetensors::Dtype::F16, 2));
    let (first, second) = fc7.data().split_at(fc7.data().len() / 2);
    assert_eq!(first, second);
    assert_eq!(tensors.tensor("conv4_3").unwrap().shape().len(), 4);
}

/// The face of the folder twice, in `photograph.png`: as it is, and at half its size to its right.
fn photograph(folder: &Path) {
    let face = image::open(folder.join("face.png")).unwrap().into_rgb8();
    let face = imageops::resize(&face, 256, 256, imageops::FilterType::CatmullRom);
    let half = imageops::resize(&face, 128, 128, imageops::FilterType::Triangle);
    let mut photograph = image::RgbImage::from_pixel(500, 300, image::Rgb([150; 3]));
    imageops::replace(&mut photograph, &face, 20, 20);
    imageops::replace(&mut photograph, &half, 330, 80);
    photograph.save(folder.join("photograph.png")).unwrap();
}

#[test]
fn faces_are_found_in_photographs() {
    let here = folder();
    face(here.path());
    photograph(here.path());
    let run = |arguments: &[&str]| expect(&deepface(here.path(), arguments), OK).0;

    let stdout = run(&["classify", "--detect", "--json", "photograph.png"]);
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let widths = lines.iter().map(|line| line["face"]["width"].as_i64());
    let widths: Vec<_> = widths.map(Option::unwrap).collect();
    assert!(widths.len() == 2 && widths[0] > widths[1], "{widths:?}");
    for line in &lines {
        assert_eq!(
            (&line["faces"], &line["image"]),
            (&2.into(), &"photograph.png".into())
        );
        assert_eq!(line["attributes"].as_object().unwrap().len(), 73);
    }
    let stdout = run(&["classify", "--detect", "photograph.png"]);
    assert!(
        stdout.contains("photograph.png  face 2 of 2 at "),
        "{stdout}"
    );

    let stdout = run(&[
        "compare",
        "--detect",
        "--json",
        "photograph.png",
        "photograph.png",
    ]);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&json["first_face"], &json["second_face"]),
        (&lines[0]["face"], &lines[0]["face"])
    );

    let arguments = ["invert", "--detect", "photograph.png", "--json"];
    let stdout = run(&[&arguments[..], &QUICK].concat());
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["face"], lines[0]["face"]);

    let output = ["--layer", "fc7", "--output", "fc7.safetensors"];
    run(&[&["activations", "--detect", "photograph.png"], &output[..]].concat());
    let file = std::fs::read(here.path().join("fc7.safetensors")).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&file).unwrap();
    let faces = &metadata.metadata().as_ref().unwrap()["faces"];
    assert_eq!(
        serde_json::from_str::<Value>(faces).unwrap()[0],
        lines[0]["face"]
    );
}
