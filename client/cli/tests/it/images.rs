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
    let (face, failed) = stdout.trim().split_once('\n').unwrap();
    let json: Value = serde_json::from_str(failed).unwrap();
    assert_eq!(json["image"], "no.png");
    assert!(
        json["error"].as_str().unwrap().contains("cannot read"),
        "{json}"
    );
    let json: Value = serde_json::from_str(face).unwrap();
    assert_eq!(json["image"], "face.png");
    assert_eq!(json["attributes"].as_object().unwrap().len(), 73);
    assert!(json["attributes"]["Male"].as_f64().unwrap() <= 1.0 && json["present"].is_array());
    assert!(stderr.contains("1 of 2"), "{stderr}");

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
        (
            &"face-inverted-conv3_3-seed-0.png".into(),
            &"conv3_3".into()
        )
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

    let stdout = run(&["classify", "--json", "photograph.png"]);
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
    let second = run(&["classify", "--only", "2", "--json", "photograph.png"]);
    let second: Value = serde_json::from_str(&second).unwrap();
    assert_eq!(second, lines[1]);
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
    let pairs = json["pairs"].as_array().unwrap();
    assert_eq!((pairs.len(), &pairs[0]["cosine"]), (4, &1.0.into()));
    assert_eq!(json["first_face"], json["second_face"]);

    let arguments = ["invert", "photograph.png", "--json"];
    let stdout = run(&[&arguments[..], &QUICK].concat());
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["face"], lines[0]["face"]);

    let output = ["--layer", "fc7", "--output", "fc7.safetensors"];
    let every = ["activations", "photograph.png", "--all-faces"];
    run(&[&every, &output[..]].concat());
    let file = std::fs::read(here.path().join("fc7.safetensors")).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&file).unwrap();
    let faces = &metadata.metadata().as_ref().unwrap()["faces"];
    let faces: Vec<Value> = serde_json::from_str(faces).unwrap();
    assert_eq!(faces, [lines[0]["face"].clone(), lines[1]["face"].clone()]);

    let stdout = run(&["compare", "--json", "fc7.safetensors", "photograph.png"]);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    let pairs = json["pairs"].as_array().unwrap();
    assert_eq!((pairs.len(), &pairs[0]["cosine"]), (4, &1.0.into()));
}

#[test]
fn one_bad_image_does_not_end_a_batch() {
    let here = folder();
    face(here.path());
    std::fs::write(here.path().join("text.png"), "not an image").unwrap();
    let images = ["face.png", "text.png", "missing.png", "face.png"];
    let run = |arguments: &[&str]| {
        let arguments = [&arguments[..1], &images, &arguments[1..]].concat();
        expect(&deepface(here.path(), &arguments), FAILURE)
    };
    let (stdout, stderr) = run(&["classify", "--json", "--face"]);
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let named: Vec<_> = lines
        .iter()
        .map(|line| line["image"].as_str().unwrap())
        .collect();
    assert_eq!(named, images);
    let failed: Vec<_> = lines.iter().map(|line| line["error"].is_string()).collect();
    assert_eq!(failed, [false, true, true, false]);
    assert!(stderr.contains("2 of 4 images"), "{stderr}");

    let (_, stderr) = run(&[
        "activations",
        "--face",
        "--layer",
        "fc7",
        "--output",
        "fc7.safetensors",
    ]);
    assert!(
        stderr.contains("text.png") && stderr.contains("missing.png"),
        "{stderr}"
    );
    let file = std::fs::read(here.path().join("fc7.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    assert_eq!(tensors.tensor("fc7").unwrap().shape()[0], 2);
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&file).unwrap();
    assert_eq!(
        metadata.metadata().as_ref().unwrap()["images"],
        r#"["face.png","face.png"]"#
    );
}

#[test]
fn a_picture_without_a_face_is_not_answered_silently() {
    let here = folder();
    let blank = image::RgbImage::from_pixel(250, 250, image::Rgb([150; 3]));
    blank.save(here.path().join("blank.png")).unwrap();
    let (_, stderr) = expect(&deepface(here.path(), &["classify", "blank.png"]), FAILURE);
    assert!(stderr.contains("no face was found"), "{stderr}");
    let (_, stderr) = expect(
        &deepface(here.path(), &["classify", "--aligned", "blank.png"]),
        OK,
    );
    assert!(
        stderr.contains("warning: blank.png: no face") && stderr.contains("--detect"),
        "{stderr}"
    );
    let arguments = ["classify", "--aligned", "--json", "blank.png"];
    let (stdout, stderr) = expect(&deepface(here.path(), &arguments), OK);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&json["warnings"][0]["kind"], stderr.as_str()),
        (&"no_face".into(), "")
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_name_that_is_not_text_does_not_end_a_batch() {
    use std::os::unix::ffi::OsStrExt;

    let here = folder();
    face(here.path());
    let odd = std::ffi::OsStr::from_bytes(b"bad\xff\xfename.png");
    std::fs::copy(here.path().join("face.png"), here.path().join(odd)).unwrap();
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_deepface"));
    program
        .args(["classify", "--face", "--json", "face.png"])
        .arg(odd)
        .arg("face.png");
    let output = program.current_dir(here.path()).output().unwrap();
    let (stdout, _) = expect(&output, OK);
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["image"], "bad\u{fffd}\u{fffd}name.png");
    assert_eq!(lines[1]["image_bytes"], "YmFk//5uYW1lLnBuZw==");
    assert_eq!(lines[2]["image"], "face.png");
    assert!(lines[2].get("image_bytes").is_none());
}
