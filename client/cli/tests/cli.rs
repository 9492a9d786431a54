//! The binary as a person or a script meets it: what it prints, writes and answers with, services included.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use image::imageops;
use serde_json::Value;

const OK: i32 = 0;
const FAILURE: i32 = 1;
const USAGE: i32 = 2;
/// Few steps: what is tested here is the command line, not the faces.
const QUICK: [&str; 4] = ["--steps", "3", "--scale", "1"];

fn deepface(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deepface"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("DEEPFACE_GENERATOR")
        .env_remove("DEEPFACE_CLASSIFIER")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
fn expect(output: &Output, code: i32) -> (String, String) {
    let stdout = String::from_utf8(output.stdout.clone()).unwrap();
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "stdout: {stdout}\nstderr: {stderr}"
    );
    (stdout, stderr)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Generates a face into the folder: `face.png`, 3 steps.
fn face(folder: &Path) {
    let arguments = ["generate", "Male", "--output", "face.png"];
    expect(&deepface(folder, &[&arguments[..], &QUICK].concat()), OK);
}

fn png_size(path: &Path) -> (u32, u32) {
    image::open(path).unwrap().into_rgb8().dimensions()
}

#[test]
fn help_teaches_and_is_no_failure() {
    let here = folder();
    let (stdout, _) = expect(&deepface(here.path(), &["--help"]), OK);
    assert!(
        stdout.contains("deepface generate Male Smiling Eyeglasses"),
        "{stdout}"
    );
    let (stdout, _) = expect(&deepface(here.path(), &["generate", "--help"]), OK);
    assert!(
        stdout.contains("--not") && stdout.contains("--paper"),
        "{stdout}"
    );
    for (command, option) in [("gallery", "--sweep"), ("morph", "--boomerang")] {
        let (stdout, _) = expect(&deepface(here.path(), &[command, "--help"]), OK);
        assert!(
            stdout.contains(option) && stdout.contains("Examples"),
            "{stdout}"
        );
    }
    let (stdout, _) = expect(&deepface(here.path(), &["completions", "bash"]), OK);
    assert!(stdout.contains("_deepface"), "{stdout}");
}

#[test]
fn wrong_usage_is_2() {
    let here = folder();
    let wrong: [&[&str]; 19] = [
        &[],
        &["generat", "Male"],
        &["generate"],
        &["generate", "Male=9"],
        &["generate", "Male", "--scale", "0"],
        &["generate", "Male", "--method", "magic"],
        &["gallery", "Male", "--seeds", "0"],
        &["gallery", "Male", "--every", "0"],
        &["gallery", "Male", "--seed", "18446744073709551615"],
        &["morph", "--from", "Male"],
        &["morph", "--from", "Male", "--to", "Bald,"],
        &[
            "morph", "--from", "Male", "--to", "Bald", "--output", "a.png",
        ],
        &["morph", "--from", "Male", "--to", "Bald", "--paper"],
        &["compare", "-", "-"],
        &["serve", "--classifier", "http://localhost:1"],
        &["attributes", "--generator", "localhost"],
        &["evaluate"],
        &["evaluate", "--data", ".", "--methods", "magic"],
        &["evaluate", "--data", ".", "--sets", "0"],
    ];
    for arguments in wrong {
        let (stdout, stderr) = expect(&deepface(here.path(), arguments), USAGE);
        assert!(
            stdout.is_empty() && !stderr.is_empty(),
            "{arguments:?}: {stdout}"
        );
    }
}

#[test]
fn what_the_services_refuse_in_what_was_typed_is_2() {
    let here = folder();
    let (_, stderr) = expect(
        &deepface(here.path(), &["generate", "Male", "Eyeglases"]),
        USAGE,
    );
    assert!(stderr.contains("Eyeglasses"), "a suggestion: {stderr}");
    let (_, stderr) = expect(
        &deepface(here.path(), &["generate", "Bald", "--not", "Bald"]),
        USAGE,
    );
    assert!(stderr.contains("Bald"), "{stderr}");
    expect(
        &deepface(here.path(), &["generate", "Male", "--steps", "0"]),
        USAGE,
    );
    expect(
        &deepface(here.path(), &["generate", "Male", "--layer", "conv9_9"]),
        USAGE,
    );
    let (_, stderr) = expect(
        &deepface(
            here.path(),
            &["generate", "--paper", "Male", "--not", "Bald"],
        ),
        USAGE,
    );
    assert!(stderr.contains("attributes[1].absent"), "{stderr}");
    let wrong: [(&[&str], &str); 5] = [
        (
            &["gallery", "Male", "--sweep", "Eyeglases"],
            "--sweep: unknown attribute \"Eyeglases\"",
        ),
        (
            &["gallery", "Black Hair", "--sweep", "Blond Hair"],
            "row \"with Blond Hair\"",
        ),
        (
            &["gallery", "Male", "--steps", "0"],
            "row \"Male\", seed 0: settings.inversion.steps",
        ),
        (
            &["morph", "--from", "Male", "--to", "Smilin"],
            "--to: unknown attribute \"Smilin\"",
        ),
        (
            &["morph", "--from", "Male, not Male", "--to", "Bald"],
            "--from: attributes[1]",
        ),
    ];
    for (arguments, said) in wrong {
        let (_, stderr) = expect(&deepface(here.path(), arguments), USAGE);
        assert!(stderr.contains(said), "{stderr}");
    }
    assert_eq!(
        std::fs::read_dir(here.path()).unwrap().count(),
        0,
        "nothing was written"
    );
}

#[test]
fn what_fails_is_1() {
    let here = folder();
    let (_, stderr) = expect(
        &deepface(here.path(), &["classify", "missing.jpg"]),
        FAILURE,
    );
    assert!(stderr.contains("missing.jpg"), "{stderr}");
    std::fs::write(here.path().join("text.png"), "no image").unwrap();
    let (_, stderr) = expect(&deepface(here.path(), &["classify", "text.png"]), FAILURE);
    assert!(stderr.contains("text.png"), "{stderr}");
    let (_, stderr) = expect(
        &deepface(here.path(), &["evaluate", "--data", "."]),
        FAILURE,
    );
    assert!(stderr.contains("*_attributes.txt"), "{stderr}");
    let arguments = ["attributes", "--generator", "http://127.0.0.1:9"];
    let (_, stderr) = expect(&deepface(here.path(), &arguments), FAILURE);
    assert!(
        stderr.contains("http://127.0.0.1:9") && stderr.contains("refused"),
        "{stderr}"
    );
}

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
        stdout.contains("male-middle-aged-not-smiling.png"),
        "{stdout}"
    );
    for name in ["Male", "Middle Aged", "Smiling"] {
        assert!(stdout.contains(name), "{name}: {stdout}");
    }
    assert!(
        stderr.is_empty(),
        "no bar where there is no terminal: {stderr}"
    );
    let (width, height) = png_size(&path("male-middle-aged-not-smiling.png"));
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
        (&"male-not-bald.png".into(), &5.into(), &3.into())
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
    let (width, _) = png_size(&here.path().join("male-not-bald.png"));
    assert_eq!(json["image_size"], width);
}

#[test]
fn a_gallery_is_one_page_that_the_same_command_writes_again() {
    let here = folder();
    let arguments = [
        "gallery", "male", "--sweep", "smiling", "--seeds", "2", "--seed", "3",
    ];
    let quick = ["--steps", "5", "--every", "2"];
    let (stdout, stderr) = expect(
        &deepface(here.path(), &[&arguments[..], &quick].concat()),
        OK,
    );
    assert!(
        stdout.contains("gallery.html  6 faces: 3 rows of 2 seeds"),
        "{stdout}"
    );
    assert!(stdout.contains("without Smiling"), "{stdout}");
    assert!(stderr.is_empty(), "{stderr}");
    let page = std::fs::read_to_string(here.path().join("gallery.html")).unwrap();
    assert!(page.contains("<h1>Male: seeds 3 to 4</h1>"));
    assert!(
        page.contains(
            "deepface gallery male --sweep smiling --seeds 2 --seed 3 --steps 5 --every 2<"
        )
    );
    assert_eq!(page.matches("<button").count(), 6);
    // The last step is always among those that are sent.
    assert_eq!(page.matches("data-moments=\"2:").count(), 6);
    assert_eq!(page.matches(" data-end=\"5:").count(), 6);
    expect(
        &deepface(here.path(), &[&arguments[..], &quick].concat()),
        OK,
    );
    let again = std::fs::read_to_string(here.path().join("gallery.html")).unwrap();
    assert!(page == again, "the same command, another page");
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 1);
}

#[test]
fn the_papers_gallery_shows_no_absence_and_tells_programs_what_is_seen() {
    let here = folder();
    let arguments = [
        "gallery", "--sweep", "Male", "--paper", "--seeds", "1", "--json",
    ];
    let (stdout, _) = expect(
        &deepface(here.path(), &[&arguments[..], &["--steps", "3"]].concat()),
        OK,
    );
    let json: Value = serde_json::from_str(&stdout).unwrap();
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{stdout}");
    assert_eq!(rows[0]["label"], "with Male");
    let asked = &rows[0]["faces"][0]["asked"][0];
    assert_eq!(
        (&asked["name"], &asked["requested"]),
        (&"Male".into(), &true.into())
    );
}

#[test]
fn a_morph_leads_from_one_generated_face_to_another() {
    let here = folder();
    let path = |name: &str| here.path().join(name);
    let quick = ["--steps", "5", "--scale", "1", "--seed", "4"];
    let run =
        |arguments: &[&str]| expect(&deepface(here.path(), &[arguments, &quick].concat()), OK);
    run(&["generate", "Bald", "Male", "--output", "first.png"]);
    run(&[
        "generate",
        "Male",
        "Smiling=1.5",
        "--not",
        "Bald",
        "--output",
        "last.png",
    ]);
    let requests = [
        "morph",
        "--from",
        "Bald, Male",
        "--to",
        "male, Smiling=1.5, not bald",
    ];
    let output = [
        "--frames",
        "4",
        "--fps",
        "10",
        "--boomerang",
        "--sheet",
        "sheet.png",
    ];
    let (stdout, stderr) = run(&[&requests[..], &output].concat());
    assert!(stdout.contains("morph.gif  6 frames"), "{stdout}");
    assert!(stderr.is_empty(), "{stderr}");

    let file = std::fs::File::open(path("morph.gif")).unwrap();
    let mut gif = gif::DecodeOptions::new().read_info(file).unwrap();
    let mut delays = Vec::new();
    while let Some(frame) = gif.read_next_frame().unwrap() {
        delays.push(frame.delay);
    }
    assert_eq!(delays, [80, 10, 10, 80, 10, 10]);

    // Four frames are two rows of two, with gaps of 4 pixels.
    let sheet = image::open(path("sheet.png")).unwrap().into_rgb8();
    let face = |name: &str| image::open(path(name)).unwrap().into_rgb8();
    let (first, last) = (face("first.png"), face("last.png"));
    let side = first.width();
    let tile = |column: u32, row: u32| {
        let at = |i: u32| 4 + i * (side + 4);
        imageops::crop_imm(&sheet, at(column), at(row), side, side).to_image()
    };
    assert!(tile(0, 0) == first && tile(1, 1) == last);
    assert!(tile(1, 0) != first && tile(0, 1) != last && first != last);
}

#[test]
fn a_morph_asks_for_rivals_one_after_the_other() {
    let here = folder();
    let requests = [
        "morph",
        "--from",
        "Black Hair",
        "--to",
        "Blond Hair",
        "--json",
    ];
    let (stdout, _) = expect(
        &deepface(
            here.path(),
            &[&requests[..], &["--frames", "5"], &QUICK].concat(),
        ),
        OK,
    );
    let json: Value = serde_json::from_str(&stdout).unwrap();
    let asked = |i: usize| json["frames"][i]["requested"].clone();
    assert_eq!(asked(1), serde_json::json!({"Black Hair": 0.5}));
    assert_eq!(asked(3), serde_json::json!({"Blond Hair": 0.5}));
    assert_eq!(asked(4), serde_json::json!({"Blond Hair": 1.0}));
    assert!(here.path().join("morph.gif").exists());
}

#[test]
fn images_can_be_classified_compared_inverted_and_looked_into() {
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

    let blank = image::RgbImage::from_pixel(400, 300, image::Rgb([150; 3]));
    blank.save(here.path().join("blank.png")).unwrap();
    let output = deepface(here.path(), &["classify", "--detect", "blank.png"]);
    let (_, stderr) = expect(&output, FAILURE);
    assert!(
        stderr.contains("blank.png") && stderr.contains("no face was found"),
        "{stderr}"
    );
    let both = ["classify", "--detect", "--face", "face.png"];
    expect(&deepface(here.path(), &both), USAGE);
}

#[test]
fn attributes_are_listed_by_group() {
    let here = folder();
    let (stdout, _) = expect(&deepface(here.path(), &["attributes", "--json"]), OK);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["attributes"].as_array().unwrap().len(), 73);
    assert!(
        json["layers"]
            .as_array()
            .unwrap()
            .contains(&json["defaults"]["layer"])
    );
    let (stdout, _) = expect(&deepface(here.path(), &["attributes"]), OK);
    assert!(stdout.contains("hair color\n  Black Hair"), "{stdout}");
}

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_deepface"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let (_, stderr) = expect(&output, OK);
    assert!(stderr.is_empty(), "{stderr}");
}
