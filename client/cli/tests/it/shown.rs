//! What a person reads: help, errors and tables, held by snapshots.
//!
//! After a change that is meant, `INSTA_UPDATE=always cargo test --release -p deepface-cli` writes them anew.

use std::path::Path;

use image::{Rgb, RgbImage};
use insta::assert_snapshot;

use crate::program::*;
use crate::transcript::*;

#[test]
fn help_of_every_command() {
    let here = folder();
    let help = |arguments: &[&str]| transcript(here.path(), arguments, OK);
    assert_snapshot!("help", help(&["--help"]));
    for command in [
        "generate",
        "gallery",
        "morph",
        "invert",
        "classify",
        "activations",
        "compare",
        "attributes",
        "evaluate",
        "serve",
        "show",
        "completions",
        "man",
    ] {
        assert_snapshot!(format!("help-{command}"), help(&[command, "--help"]));
    }
}

#[test]
fn wrong_usage_is_explained() {
    let here = folder();
    let wrong: [&[&str]; 24] = [
        &["generate", "Male", "--show"],
        &["generate", "Male", "--show", "--json"],
        &["invert", "a.png", "--conditional", "true"],
        &["generate", "--json"],
        &[],
        &["generat", "Male"],
        &["generate"],
        &["generate", "Male=strong"],
        &["generate", "=2"],
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
        &["classify", "--detect", "--face", "a.png"],
        &["compare", "-", "-"],
        &["serve", "--classifier", "http://localhost:1"],
        &["attributes", "--generator", "localhost"],
        &["evaluate", "--data", ".", "--methods", "magic"],
        &["evaluate", "--data", ".", "--sets", "0"],
    ];
    assert_snapshot!("usage", transcripts(here.path(), &wrong, USAGE));
}

#[test]
fn what_the_generator_refuses_is_explained_in_flags() {
    let here = folder();
    let wrong: [&[&str]; 14] = [
        &["generate", "Female"],
        &["generate", "Male", "--not", "beard", "--keep", "woman"],
        &["generate", "glasses", "no hat", "--json"],
        &["generate", "Male=9"],
        &["generate", "Male", "Eyeglases"],
        &["generate", "Male", "qqqq"],
        &["generate", "Bald", "--not", "Bald"],
        &["generate", "Male", "--steps", "0", "--l2", "101"],
        &["generate", "Male", "--layer", "conv9_9"],
        &["generate", "Male", "--keep", "Male", "--keep", "Smilling"],
        &["generate", "Male", "--paper", "--not", "Bald"],
        &[
            "generate",
            "Male",
            "--method",
            "cgmm-mean",
            "--completeness",
            "0.5",
        ],
        &[
            "generate",
            "Male",
            "--method",
            "class-visualization",
            "--layer",
            "fc7",
        ],
        &[
            "generate",
            "Male",
            "--method",
            "cgmm-sample",
            "--keep",
            "Bald",
        ],
    ];
    assert_snapshot!("refused", transcripts(here.path(), &wrong, USAGE));
    assert_nothing_was_written(here.path());
}

#[test]
fn what_is_refused_of_one_row_or_end_says_of_which() {
    let here = folder();
    let wrong: [&[&str]; 7] = [
        &["morph", "--from", "woman", "--to", "Bald"],
        &["gallery", "Male", "--sweep", "Eyeglases"],
        &["gallery", "Black Hair", "--sweep", "Blond Hair"],
        &["gallery", "Male", "--steps", "0"],
        &["morph", "--from", "Male", "--to", "Smilin"],
        &["morph", "--from", "Male, not Male", "--to", "Bald"],
        &["morph", "--from", "Male=9", "--to", "Bald"],
    ];
    assert_snapshot!("refused-rows", transcripts(here.path(), &wrong, USAGE));
    assert_nothing_was_written(here.path());
}

#[track_caller]
fn assert_nothing_was_written(folder: &Path) {
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

#[test]
fn failures_are_explained() {
    let here = folder();
    std::fs::write(here.path().join("text.png"), "not an image").unwrap();
    let blank = RgbImage::from_pixel(400, 300, Rgb([150; 3]));
    blank.save(here.path().join("blank.png")).unwrap();
    let failing: [&[&str]; 8] = [
        &["classify", "missing.jpg"],
        &["classify", "text.png"],
        &["classify", "text.png", "missing.jpg"],
        &["classify", "--detect", "blank.png"],
        &["compare", "blank.png", "text.png"],
        &["invert", "text.png"],
        &["evaluate", "--data", "."],
        &["attributes", "--generator", "http://127.0.0.1:9"],
    ];
    assert_snapshot!("failures", transcripts(here.path(), &failing, FAILURE));
}

/// Draws a face that is the same on every machine: skin, eyes and a mouth.
fn drawn(folder: &Path) {
    let within = |x: u32, y: u32, (cx, cy): (f32, f32), (rx, ry): (f32, f32)| {
        let (dx, dy) = ((x as f32 - cx) / rx, (y as f32 - cy) / ry);
        dx * dx + dy * dy < 1.0
    };
    let face = RgbImage::from_fn(96, 96, |x, y| {
        let eye = within(x, y, (34.0, 40.0), (7.0, 4.0)) || within(x, y, (62.0, 40.0), (7.0, 4.0));
        if eye {
            Rgb([30, 20, 20])
        } else if within(x, y, (48.0, 68.0), (13.0, 4.0)) {
            Rgb([150, 60, 60])
        } else if within(x, y, (48.0, 48.0), (34.0, 43.0)) {
            Rgb([220, 180, 150])
        } else {
            Rgb([60, 60, 70])
        }
    });
    face.save(folder.join("drawn.png")).unwrap();
}

#[test]
fn attributes_are_listed_for_people_and_programs() {
    let here = folder();
    assert_snapshot!("attributes", transcript(here.path(), &["attributes"], OK));
    let json = transcript(here.path(), &["attributes", "--json"], OK);
    assert_snapshot!("attributes-json", lines(&without_digests(&json)));
}

#[test]
fn images_are_judged_for_people_and_programs() {
    let here = folder();
    drawn(here.path());
    let shown = |arguments: &[&str]| without_numbers(&transcript(here.path(), arguments, OK));
    assert_snapshot!(
        "classify",
        shown(&["classify", "--face", "drawn.png", "--all"])
    );
    let json = shown(&["classify", "--face", "drawn.png", "--json"]);
    assert_snapshot!("classify-json", json.replace(",\"", ",\n  \""));
    assert_snapshot!(
        "compare",
        shown(&["compare", "--face", "drawn.png", "drawn.png"])
    );
}

#[test]
fn a_result_is_told_to_people_and_programs() {
    let here = folder();
    let request = ["generate", "Male", "--not", "Bald", "--keep", "Youth"];
    let shown = |more: &[&str]| {
        let text = transcript(here.path(), &[&request[..], &QUICK, more].concat(), OK);
        without_numbers(&without_digests(&text))
    };
    let people = shown(&[]);
    let (asked, _) = people
        .split_once("\nalso present\n")
        .unwrap_or((&people, ""));
    assert_snapshot!("generate", asked);
    assert_snapshot!("generate-json", lines(&shown(&["--json"])));
}
