//! `morph`: an animation between two requests.

use image::imageops;
use serde_json::Value;

use crate::program::*;

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
        "--output",
        "morph.gif",
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
fn a_morph_requests_rivals_one_after_the_other() {
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
    assert!(
        here.path()
            .join("black-hair-to-blond-hair-seed-0.gif")
            .exists()
    );
}
