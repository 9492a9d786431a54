//! `gallery`: one page, and the line for programs.

use serde_json::Value;

use crate::program::*;

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
        stdout.contains("gallery-male-with-smiling-seeds-3-4.html  6 faces: 3 rows of 2 seeds"),
        "{stdout}"
    );
    assert!(stdout.contains("without Smiling"), "{stdout}");
    assert!(stderr.is_empty(), "{stderr}");
    let page =
        std::fs::read_to_string(here.path().join("gallery-male-with-smiling-seeds-3-4.html"))
            .unwrap();
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
    let again = here
        .path()
        .join("gallery-male-with-smiling-seeds-3-4-2.html");
    let again = std::fs::read_to_string(again).unwrap();
    assert!(page == again, "the same command, another page");
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 2);
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
