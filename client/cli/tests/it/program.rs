//! Runs the program in a folder of its own.

use std::path::Path;
use std::process::{Command, Output, Stdio};

pub(crate) const OK: i32 = 0;
pub(crate) const FAILURE: i32 = 1;
pub(crate) const USAGE: i32 = 2;
/// Few steps: these tests are about the command line, not the faces.
pub(crate) const QUICK: [&str; 4] = ["--steps", "3", "--scale", "1"];

pub(crate) fn deepface(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deepface"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("DEEPFACE_GENERATOR")
        .env_remove("DEEPFACE_CLASSIFIER")
        .env_remove("RUST_LOG")
        .env_remove("CLICOLOR_FORCE")
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
pub(crate) fn expect(output: &Output, code: i32) -> (String, String) {
    let stdout = String::from_utf8(output.stdout.clone()).unwrap();
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "stdout: {stdout}\nstderr: {stderr}"
    );
    (stdout, stderr)
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Generates a face into the folder: `face.png`, 3 steps.
pub(crate) fn face(folder: &Path) {
    let arguments = ["generate", "Male", "--output", "face.png"];
    expect(&deepface(folder, &[&arguments[..], &QUICK].concat()), OK);
}

pub(crate) fn png_size(path: &Path) -> (u32, u32) {
    image::open(path).unwrap().into_rgb8().dimensions()
}
