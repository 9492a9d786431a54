//! Every kind of place that results may go to.

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn check(path: &Path, existing: Existing) -> Result<Destination, String> {
    Destination::check(path, &["png", "jpg", "webp"], existing).map_err(said)
}

/// An error with its cause.
fn said(error: OutputError) -> String {
    let cause = std::error::Error::source(&error);
    let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
    format!("{error}{cause}")
}

#[test]
fn a_file_is_written_whole_and_nothing_else_is_left() {
    let here = folder();
    let path = here.path().join("a.png");
    let to = check(&path, Existing::Replace).unwrap();
    assert!(names(here.path()).is_empty(), "a check changes nothing");
    assert_eq!(to.write(b"first, longer").unwrap(), path);
    to.write(b"second").unwrap();
    let failed = to.write_with(|temporary| {
        fs::write(temporary, b"third")?;
        Err(io::Error::other("half-way"))
    });
    let expected = format!("cannot write {}: half-way", path.display());
    assert_eq!(said(failed.unwrap_err()), expected);
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(names(here.path()), ["a.png"]);
}

#[test]
fn a_file_with_content_is_replaced_only_if_that_was_said() {
    let here = folder();
    let path = here.path().join("a.png");
    fs::write(&path, b"precious").unwrap();
    let refused = check(&path, Existing::unless_forced(false)).unwrap_err();
    assert!(
        refused.ends_with("a.png: it exists already; --force replaces it"),
        "{refused}"
    );
    let to = check(&path, Existing::unless_forced(true)).unwrap();
    to.write(b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    // As `mktemp` makes it.
    fs::write(&path, b"").unwrap();
    let to = check(&path, Existing::Refuse).unwrap();
    to.write(b"first").unwrap();
    // Made by somebody else after the check.
    let late = to.write(b"second").unwrap_err();
    assert_eq!(late.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"first");
}

#[test]
fn a_number_is_added_to_a_name_that_is_taken() {
    let here = folder();
    let path = here.path().join("a.b.png");
    let numbered = || check(&path, Existing::Number).unwrap();
    let (first, late) = (numbered(), numbered());
    let last = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(last(first.write(b"1").unwrap()), "a.b.png");
    assert_eq!(numbered().path(), here.path().join("a.b-2.png"));
    assert_eq!(last(numbered().write(b"2").unwrap()), "a.b-2.png");
    // Its name was free when it was checked.
    assert_eq!(last(late.write(b"3").unwrap()), "a.b-3.png");
    assert_eq!(names(here.path()), ["a.b-2.png", "a.b-3.png", "a.b.png"]);
}

#[test]
fn places_that_cannot_be_written_are_refused_before_the_work() {
    let here = folder();
    let refused = |name: &str| check(&here.path().join(name), Existing::Replace).unwrap_err();
    let missing = refused("no/such/a.png");
    assert!(missing.contains("no/such\" does not exist"), "{missing}");
    assert!(!missing.contains(".deepface-"), "{missing}");
    fs::write(here.path().join("file"), b"x").unwrap();
    assert!(refused("file/a.png").starts_with("cannot write "));
    for name in ["", ".", "new/", "new/.."] {
        let said = refused(name);
        assert!(said.contains("got a folder"), "{name:?}: {said}");
    }
    assert!(check(Path::new(""), Existing::Replace).is_err());
    let said = refused("a.bmp");
    let expected = "expected a name that ends in .png, .jpg or .webp, got ";
    assert!(said.starts_with(expected), "{said}");
    assert!(refused("png").starts_with(expected));
    let upper = check(&here.path().join("a.JPG"), Existing::Refuse).unwrap();
    assert_eq!(upper.ending(), "jpg");
}

#[test]
fn a_folder_is_made_and_checked_at_once() {
    let here = folder();
    make_folder_of(&here.path().join("c/d/file")).unwrap();
    assert!(here.path().join("c/d").is_dir());
    check_folder(&here.path().join("a/b")).unwrap();
    assert!(here.path().join("a/b").is_dir());
    fs::write(here.path().join("file"), b"x").unwrap();
    assert!(check_folder(&here.path().join("file")).is_err());
    assert!(check_folder(&here.path().join("file/a")).is_err());
}

#[cfg(unix)]
mod unix;
