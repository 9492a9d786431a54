//! Every reader of strangers' bytes, on its seeds and on damaged copies of them. `tests/fuzz` goes on from here.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use deepface_tests::{READERS, Reader, mutations, seeds};

/// Damaged copies of each seed: as many as a second or two allows.
fn copies(name: &str) -> usize {
    match name {
        "weights" | "autoencoder" | "statistics" => 2000,
        _ => 10_000,
    }
}

fn damage(name: &str, read: Reader) {
    for (path, seed) in seeds(name).unwrap() {
        let refused = mutations(&seed, copies(name)).filter(|file| !read(file));
        assert!(refused.count() > 0, "{path}: no damage was noticed");
    }
}

#[test]
fn every_seed_is_accepted() {
    for (name, read) in READERS {
        let seeds = seeds(name).unwrap();
        assert!(!seeds.is_empty(), "fuzz/seeds/{name} is empty");
        for (path, seed) in seeds {
            assert!(read(&seed), "{path} was refused");
        }
    }
}

#[test]
fn nothing_and_noise_are_refused() {
    for (name, read) in READERS {
        // An empty label file has no malformed line.
        assert!(name == "labels" || !read(b""), "{name} accepts nothing");
        assert!(!read(&[0xa5; 4096]), "{name} accepts noise");
    }
}

#[test]
fn damaged_files_never_panic() {
    std::thread::scope(|scope| {
        for (name, read) in READERS {
            scope.spawn(move || damage(name, read));
        }
    });
}

#[test]
fn mutations_are_the_same_every_time() {
    let file: Vec<u8> = (0..=255).collect();
    let first: Vec<_> = mutations(&file, 100).collect();
    assert_eq!(first, mutations(&file, 100).collect::<Vec<_>>());
    assert!(first.iter().filter(|m| **m != file).count() > 95);
}
