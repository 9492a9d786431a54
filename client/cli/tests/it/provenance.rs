//! What a picture says of itself, and making it again.

use std::fs;

use serde_json::Value;

use crate::program::*;

#[test]
fn a_face_says_what_made_it_and_can_be_made_again() {
    let here = folder();
    let path = |name: &str| here.path().join(name);
    let run = |arguments: &[&str]| expect(&deepface(here.path(), arguments), OK).0;
    let request = ["male", "Smiling=1.5", "--not", "Bald", "--keep", "Youth"];
    let settings = ["--seed", "18446744073709551615", "--variety", "0.3"];
    let output = ["--steps", "4", "--scale", "2", "--output", "face.png"];
    run(&[&["generate"], &request[..], &settings, &output].concat());

    let made: Value = serde_json::from_str(&run(&["show", "face.png", "--json"])).unwrap();
    assert_eq!(made["synthetic"], true);
    assert_eq!(made["seed"], "18446744073709551615");
    assert_eq!(made["request"]["keep"][0], "Youth");
    assert_eq!(made["request"]["settings"]["target"]["variety"], 0.3);
    assert_eq!(made["settings"]["method"], "regression");
    for digest in ["digest", "classifier_digest"] {
        assert_eq!(made[digest].as_str().unwrap().len(), 64);
    }
    let shown = run(&["show", "face.png"]);
    let start = "face.png  a synthetic face: male, Smiling=1.5, not Bald\n";
    assert!(shown.starts_with(start), "{shown}");
    assert!(
        shown.contains("deepface generate --like face.png"),
        "{shown}"
    );

    run(&["generate", "--like", "face.png", "--output", "again.png"]);
    let again = fs::read(path("again.png")).unwrap();
    assert!(again == fs::read(path("face.png")).unwrap());

    // A format that loses pixels still says what made it.
    run(&["generate", "--like", "face.png", "--output", "face.jpg"]);
    run(&["generate", "--like", "face.jpg", "--output", "third.png"]);
    assert!(again == fs::read(path("third.png")).unwrap());

    let other = ["--seed", "5", "--json"];
    let line = run(&[&["generate", "--like", "again.png"], &other[..]].concat());
    let line: Value = serde_json::from_str(&line).unwrap();
    let name = "male-smiling=1.5-not-bald-keep-youth-seed-5.png";
    assert_eq!((&line["file"], &line["steps"]), (&name.into(), &4.into()));
    let pixels = |name: &str| image::open(path(name)).unwrap().into_rgb8();
    assert!(pixels(name) != pixels("face.png"));
    assert_eq!(pixels(name).dimensions(), pixels("face.png").dimensions());
}

#[test]
fn a_face_of_other_models_is_not_made_again() {
    let here = folder();
    face(here.path());
    let path = here.path().join("face.png");
    let shown = expect(&deepface(here.path(), &["show", "face.png", "--json"]), OK).0;
    let made: Value = serde_json::from_str(&shown).unwrap();
    let digest = made["digest"].as_str().unwrap();
    // The chunks are plain text, but each has a checksum: write the picture anew.
    let about = deepface_images::About {
        photographed: false,
        texts: deepface_images::picture_texts(&fs::read(&path).unwrap())
            .into_iter()
            .map(|(name, text)| (name, text.replace(digest, &"0".repeat(64))))
            .collect(),
        ..Default::default()
    };
    let picture = image::open(&path).unwrap().into_rgb8();
    let format = deepface_images::PictureFormat::Png;
    let other = deepface_images::encode_picture(&picture, format, &about).unwrap();
    fs::write(here.path().join("other.png"), other).unwrap();
    let again = ["generate", "--like", "other.png"];
    let (_, stderr) = expect(&deepface(here.path(), &again), FAILURE);
    let expected = format!(
        "statistics {}, but the generator has {digest}",
        "0".repeat(64)
    );
    assert!(stderr.contains(&expected), "{stderr}");
}

#[test]
fn pictures_of_others_and_reconstructions_are_told_apart() {
    let here = folder();
    image::RgbImage::new(4, 4)
        .save(here.path().join("plain.png"))
        .unwrap();
    for arguments in [
        &["show", "plain.png"][..],
        &["generate", "--like", "plain.png"],
    ] {
        let (_, stderr) = expect(&deepface(here.path(), arguments), FAILURE);
        assert!(stderr.contains("does not say what made it"), "{stderr}");
    }
    face(here.path());
    let invert = ["invert", "--face", "face.png", "--output", "inverted.webp"];
    expect(&deepface(here.path(), &[&invert[..], &QUICK].concat()), OK);
    let (stdout, _) = expect(&deepface(here.path(), &["show", "inverted.webp"]), OK);
    assert!(stdout.contains("a reconstruction of an image"), "{stdout}");
    let like = ["generate", "--like", "inverted.webp"];
    let (_, stderr) = expect(&deepface(here.path(), &like), FAILURE);
    assert!(stderr.contains("made by `deepface invert`"), "{stderr}");
    let files = ["show", "plain.png", "face.png"];
    let (stdout, stderr) = expect(&deepface(here.path(), &files), FAILURE);
    assert!(
        stdout.contains("face.png  a synthetic face: Male"),
        "{stdout}"
    );
    assert!(
        stderr.ends_with("error: 1 of 2 files do not say what made them\n"),
        "{stderr}"
    );
}
