//! Links, modes, FIFOs and devices, all in folders of the tests' own.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::thread;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn make(path: &Path, kind: rustix::fs::FileType, device: u64) -> io::Result<()> {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, device).map_err(Into::into)
}

#[test]
fn a_file_keeps_its_mode_and_a_new_one_is_like_any_other() {
    let here = folder();
    let path = |name: &str| here.path().join(name);
    fs::write(path("any"), b"x").unwrap();
    for (name, before) in [
        ("private.png", 0o600),
        ("group.png", 0o660),
        ("run.png", 0o755),
    ] {
        fs::write(path(name), b"old").unwrap();
        fs::set_permissions(path(name), fs::Permissions::from_mode(before)).unwrap();
        let to = check(&path(name), Existing::Replace).unwrap();
        to.write_with(|temporary| {
            assert_eq!(mode(temporary) & !before, 0, "never readable by others");
            fs::write(temporary, b"new")
        })
        .unwrap();
        assert_eq!(mode(&path(name)), before, "{name}");
        assert_eq!(fs::read(path(name)).unwrap(), b"new");
    }
    let to = check(&path("new.png"), Existing::Refuse).unwrap();
    to.write_with(|temporary| {
        tempfile::NamedTempFile::new_in(here.path())?
            .persist(temporary)
            .map_err(|error| error.error)?;
        Ok(())
    })
    .unwrap();
    assert_eq!(mode(&path("new.png")), mode(&path("any")));
}

#[test]
fn symbolic_links_are_followed_to_files_old_and_new() {
    let here = folder();
    let path = |name: &str| here.path().join(name);
    fs::create_dir(path("deep")).unwrap();
    fs::write(path("deep/old"), b"old").unwrap();
    symlink("deep/old", path("middle")).unwrap();
    symlink("middle", path("a.png")).unwrap();
    symlink("deep/new", path("b.png")).unwrap();
    for (link, target) in [("a.png", "deep/old"), ("b.png", "deep/new")] {
        let to = check(&path(link), Existing::Replace).unwrap();
        to.write(b"new").unwrap();
        assert!(path(link).is_symlink(), "{link}");
        assert!(path(target).symlink_metadata().unwrap().is_file());
        assert_eq!(fs::read(path(target)).unwrap(), b"new");
    }
    assert!(check(&path("a.png"), Existing::Refuse).is_err());
    symlink("loop.png", path("loop.png")).unwrap();
    assert!(check(&path("loop.png"), Existing::Replace).is_err());
    symlink("no/such/folder", path("lost.png")).unwrap();
    let lost = check(&path("lost.png"), Existing::Replace).unwrap_err();
    assert!(lost.contains("does not exist"), "{lost}");
}

#[test]
fn every_name_of_a_file_shows_the_new_content() {
    let here = folder();
    let path = |name: &str| here.path().join(name);
    fs::write(path("a.png"), b"old, longer").unwrap();
    fs::hard_link(path("a.png"), path("b.png")).unwrap();
    let to = check(&path("a.png"), Existing::Replace).unwrap();
    to.write(b"new").unwrap();
    assert_eq!(fs::read(path("b.png")).unwrap(), b"new");
    assert_eq!(names(here.path()), ["a.png", "b.png"]);
    assert!(same_file(&path("a.png"), &path("b.png")));
    assert!(!same_file(&path("a.png"), &path("c.png")));
    let other = check(&path("b.png"), Existing::Replace).unwrap();
    assert!(to.is_same(&other));
}

#[test]
fn a_fifo_gets_the_result_and_stays() {
    let here = folder();
    let fifo = here.path().join("p");
    make(&fifo, rustix::fs::FileType::Fifo, 0).unwrap();
    symlink("p", here.path().join("link.jpg")).unwrap();
    for (name, ending) in [("p", "png"), ("link.jpg", "jpg")] {
        let to = check(&here.path().join(name), Existing::Refuse).unwrap();
        assert_eq!(to.ending(), ending);
        assert!(!to.is_file() && !to.is_stdout());
        let reader = thread::spawn({
            let fifo = fifo.clone();
            move || fs::read(fifo).unwrap()
        });
        to.write(b"result").unwrap();
        assert_eq!(reader.join().unwrap(), b"result");
        let reader = thread::spawn({
            let fifo = fifo.clone();
            move || fs::read(fifo).unwrap()
        });
        to.write_with(|temporary| fs::write(temporary, b"large"))
            .unwrap();
        assert_eq!(reader.join().unwrap(), b"large");
        assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
    }
    assert_eq!(names(here.path()), ["link.jpg", "p"]);
}

#[test]
fn a_device_is_written_and_stays_a_device() {
    let here = folder();
    let node = here.path().join("null");
    // The numbers of /dev/null and /dev/full. Only root may make them, and not everywhere.
    let null = make(&node, rustix::fs::FileType::CharacterDevice, 0x103);
    let full = here.path().join("full");
    let made = null.and_then(|()| make(&full, rustix::fs::FileType::CharacterDevice, 0x107));
    if made.is_err() || fs::OpenOptions::new().write(true).open(&node).is_err() {
        return;
    }
    check(&node, Existing::Refuse).unwrap().write(b"x").unwrap();
    let to = check(&full, Existing::Replace).unwrap();
    assert_eq!(
        to.write(b"x").unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    for node in [&node, &full] {
        let kind = fs::metadata(node).unwrap().file_type();
        assert!(kind.is_char_device());
    }
    assert_eq!(names(here.path()), ["full", "null"]);
}

#[test]
fn a_descriptor_is_written_where_it_leads() {
    use std::os::fd::AsRawFd;
    let here = folder();
    let path = here.path().join("log");
    fs::write(&path, b"before, ").unwrap();
    let open = fs::OpenOptions::new().append(true).open(&path).unwrap();
    let descriptor = PathBuf::from(format!("/dev/fd/{}", open.as_raw_fd()));
    let to = check(&descriptor, Existing::Refuse).unwrap();
    to.write(b"after").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"before, after");
    assert_eq!(names(here.path()), ["log"]);
}

#[test]
fn a_file_in_a_folder_without_permission_is_written_in_place() {
    let here = folder();
    let path = here.path().join("a.png");
    fs::write(&path, b"old, longer").unwrap();
    fs::set_permissions(here.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    let restricted = fs::write(here.path().join("b.png"), b"x").is_err();
    check(&path, Existing::Replace)
        .unwrap()
        .write(b"new")
        .unwrap();
    let denied = check(&here.path().join("c.png"), Existing::Replace);
    fs::set_permissions(here.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    // Root may write anywhere.
    assert_eq!(restricted, denied.is_err());
    assert_eq!(restricted, fs::metadata(&path).unwrap().ino() == inode);
}
