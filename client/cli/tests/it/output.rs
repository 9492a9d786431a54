//! Where results go: streams, links, endings, names, and what is not overwritten.

use std::fs;
use std::path::Path;

use crate::program::*;

const GENERATE: [&str; 2] = ["generate", "Male"];

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<_> = entries.map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

#[track_caller]
fn generate(folder: &Path, more: &[&str], code: i32) -> (String, String) {
    let arguments = [&GENERATE[..], &QUICK, more].concat();
    expect(&deepface(folder, &arguments), code)
}

#[test]
fn default_names_say_what_made_a_face_and_nothing_is_overwritten() {
    let here = folder();
    for more in [
        &["--seed", "1"][..],
        &["--seed", "2"],
        &["--paper"],
        &["--steps", "4", "--seed", "2"],
    ] {
        // A flag may be given only once.
        let quick: &[&str] = if more[0] == "--steps" { &[] } else { &QUICK };
        let arguments = [&GENERATE[..], quick, more].concat();
        expect(&deepface(here.path(), &arguments), OK);
    }
    let expected = [
        "male-paper-seed-0.png",
        "male-seed-1.png",
        "male-seed-2-2.png",
        "male-seed-2.png",
    ];
    assert_eq!(names(here.path()), expected);
}

#[test]
fn an_existing_file_is_kept_unless_forced() {
    let here = folder();
    let face = here.path().join("face.png");
    fs::write(&face, "precious").unwrap();
    let (_, stderr) = generate(here.path(), &["--output", "face.png"], FAILURE);
    let expected = "error: cannot write face.png: it exists already; --force replaces it\n";
    assert_eq!(stderr, expected);
    assert_eq!(fs::read(&face).unwrap(), b"precious");
    generate(here.path(), &["--output", "face.png", "--force"], OK);
    png_size(&face);
}

#[test]
fn the_ending_decides_the_format() {
    let here = folder();
    let starts = |name: &str, magic: &[u8]| {
        let more = ["--json", "--output", name];
        let (stdout, _) = generate(here.path(), &more, OK);
        assert!(stdout.contains(&format!("\"file\":\"{name}\"")), "{stdout}");
        let file = fs::read(here.path().join(name)).unwrap();
        assert!(file.starts_with(magic), "{name}");
    };
    starts("face.png", b"\x89PNG");
    starts("face.JPG", b"\xff\xd8\xff");
    starts("face.jpeg", b"\xff\xd8\xff");
    starts("face.webp", b"RIFF");
    for (flag, name, expected) in [
        ("--output", "face.bmp", ".png, .jpg, .jpeg or .webp"),
        ("--output", "face", ".png, .jpg, .jpeg or .webp"),
        ("--sheet", "steps.gif", ".png, .jpg, .jpeg or .webp"),
        ("--gif", "steps.png", ".gif"),
    ] {
        let (_, stderr) = generate(here.path(), &[flag, name], USAGE);
        let said =
            format!("error: {flag}: expected a name that ends in {expected}, got \"{name}\"\n");
        assert_eq!(stderr, said);
    }
}

#[test]
fn a_place_that_cannot_be_written_is_refused_before_the_work() {
    let here = folder();
    let many = ["--steps", "5000"];
    let wrong: [&[&str]; 4] = [
        &["generate", "Male", "--output", "no/such/a.png"],
        &["generate", "Male", "--gif", "no/such/a.gif"],
        &["gallery", "Male", "--output", "no/such/a.html"],
        &[
            "morph",
            "--from",
            "Male",
            "--to",
            "Bald",
            "--sheet",
            "no/such/a.png",
        ],
    ];
    for arguments in wrong {
        let (_, stderr) = expect(
            &deepface(here.path(), &[arguments, &many].concat()),
            FAILURE,
        );
        let name = arguments.last().unwrap();
        let said = format!("error: cannot write {name}: the folder \"no/such\" does not exist\n");
        assert_eq!(stderr, said);
    }
    let same = ["--output", "a.png", "--sheet", "./a.png"];
    let (_, stderr) = generate(here.path(), &same, USAGE);
    assert!(
        stderr.contains("--sheet: expected another place than that of --output"),
        "{stderr}"
    );
    assert!(names(here.path()).is_empty());
}

#[test]
fn standard_output_gets_the_picture_and_standard_error_the_summary() {
    let here = folder();
    for name in ["-", "/dev/stdout"] {
        if cfg!(not(target_os = "linux")) && name != "-" {
            continue;
        }
        let output = deepface(
            here.path(),
            &[&GENERATE[..], &QUICK, &["--json", "--output", name]].concat(),
        );
        assert_eq!(output.status.code(), Some(OK));
        let picture = image::load_from_memory(&output.stdout).unwrap();
        assert_eq!(picture.width(), picture.height());
        let summary: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(summary["file"], name);
    }
    assert!(names(here.path()).is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_fifo_is_written_and_stays() {
    use std::os::unix::fs::FileTypeExt;
    let here = folder();
    let fifo = here.path().join("p");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || fs::read(fifo).unwrap()
    });
    let (stdout, _) = generate(here.path(), &["--json", "--output", "p"], OK);
    assert!(stdout.contains("\"file\":\"p\""));
    image::load_from_memory(&reader.join().unwrap()).unwrap();
    assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
    assert_eq!(names(here.path()), ["p"]);
}

#[cfg(unix)]
#[test]
fn links_and_modes_survive() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let here = folder();
    let path = |name: &str| here.path().join(name);
    fs::write(path("target.png"), "old").unwrap();
    fs::set_permissions(path("target.png"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("target.png", path("link.png")).unwrap();
    generate(here.path(), &["--output", "link.png", "--force"], OK);
    assert!(path("link.png").is_symlink());
    png_size(&path("target.png"));
    assert_eq!(
        fs::metadata(path("target.png")).unwrap().mode() & 0o777,
        0o600
    );
    assert_eq!(names(here.path()), ["link.png", "target.png"]);
}
