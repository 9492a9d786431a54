//! `generate`: pictures, and the line for programs.

use serde_json::Value;

use crate::program::*;

#[test]
fn generate_writes_a_face_a_sheet_and_an_animation() {
    let here = folder();
    let path = |name: &str| here.path().join(name);
    let pictures = ["--sheet", "sheet.png", "--gif", "steps.gif", "--every", "1"];
    let arguments = [
        "generate",
        "male",
        "middle_aged",
        "--not",
        "Smiling",
        "--steps",
        "3",
    ];
    let (stdout, stderr) = expect(
        &deepface(here.path(), &[&arguments[..], &pictures].concat()),
        OK,
    );
    assert!(
        stdout.contains("male-middle-aged-not-smiling-seed-0.png"),
        "{stdout}"
    );
    for name in ["Male", "Middle Aged", "Smiling"] {
        assert!(stdout.contains(name), "{name}: {stdout}");
    }
    assert!(
        stderr.is_empty(),
        "no bar where there is no terminal: {stderr}"
    );
    let (width, height) = png_size(&path("male-middle-aged-not-smiling-seed-0.png"));
    assert!(
        width == height && (200..=320).contains(&width),
        "{width}x{height}"
    );
    assert!(png_size(&path("sheet.png")).0 > width);
    assert!(
        std::fs::read(path("steps.gif"))
            .unwrap()
            .starts_with(b"GIF89a")
    );
}

#[test]
fn the_papers_method_is_one_flag() {
    let here = folder();
    let arguments = ["generate", "Male", "--paper", "--json"];
    let (stdout, _) = expect(
        &deepface(here.path(), &[&arguments[..], &QUICK].concat()),
        OK,
    );
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["settings"]["method"], "cgmm-mean");
    assert_eq!(json["settings"]["parametrization"], "pixels");
}

#[test]
fn generate_tells_programs_everything_in_one_line() {
    let here = folder();
    let arguments = [
        "generate",
        "Male",
        "--not",
        "Bald",
        "--json",
        "--seed",
        "5",
        "--optimizer",
        "sgd",
    ];
    let (stdout, _) = expect(
        &deepface(here.path(), &[&arguments[..], &QUICK].concat()),
        OK,
    );
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&json["file"], &json["seed"], &json["steps"]),
        (&"male-not-bald-seed-5.png".into(), &5.into(), &3.into())
    );
    assert_eq!(json["settings"]["optimizer"], "sgd");
    let attributes = json["attributes"].as_array().unwrap();
    assert_eq!(attributes.len(), 73);
    let requested = |name: &str| {
        let attribute = attributes
            .iter()
            .find(|attribute| attribute["name"] == name)
            .unwrap();
        attribute.get("requested").cloned()
    };
    assert_eq!(requested("Male"), Some(true.into()));
    assert_eq!(requested("Bald"), Some(false.into()));
    assert_eq!(requested("Smiling"), None);
    let (width, _) = png_size(&here.path().join("male-not-bald-seed-5.png"));
    assert_eq!(json["image_size"], width);
}
