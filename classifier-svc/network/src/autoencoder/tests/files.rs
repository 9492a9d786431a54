//! Files come back as they were written, and damage is named.

use std::collections::HashMap;

use deepface_files::with_text;
use safetensors::SafeTensors;

use super::{Case, SIDE, settings};
use crate::autoencoder::{Autoencoder, Settings, description::KEY, train};

fn trained() -> (Autoencoder, Vec<u8>) {
    let case = Case::new();
    let settings = Settings {
        epochs: 2,
        ..settings()
    };
    let autoencoder = train(&settings, &case.data(), None, &mut |_| ())
        .unwrap()
        .autoencoder;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    autoencoder.write(&path).unwrap();
    (autoencoder, std::fs::read(path).unwrap())
}

fn problem(file: &[u8]) -> String {
    match Autoencoder::read(file) {
        Ok(_) => String::from("loaded"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn a_file_computes_what_its_autoencoder_did() {
    let (mut before, file) = trained();
    let mut after = Autoencoder::read(&file).unwrap();
    assert_eq!(before.description(), after.description());
    assert_eq!(
        (after.side(), after.latent(), after.schema().len()),
        (SIDE, 6, 3)
    );
    assert_eq!(after.description().license, "test");
    let attributes = [1.0, 0.25, 0.0];
    let face = before.sample(&attributes, 5).unwrap();
    assert_eq!(face, after.sample(&attributes, 5).unwrap());
    assert_ne!(face, after.sample(&attributes, 6).unwrap());
    assert!(face.iter().all(|x| (0.0..=1.0).contains(x)));
    let (mean, log_variance) = before.encode(&face, &attributes).unwrap();
    assert_eq!(
        (mean, log_variance),
        after.encode(&face, &attributes).unwrap()
    );
}

#[test]
fn many_faces_at_once_are_each_alone() {
    let (mut autoencoder, _) = trained();
    let n = 37;
    let latents = crate::noise::noise(1, n * 6);
    let attributes = [1.0, 0.0, 1.0].repeat(n);
    let gradients = crate::noise::noise(2, n * 3 * SIDE * SIDE);
    let faces = autoencoder.decode(&latents, &attributes).unwrap();
    let pulled = autoencoder
        .pull_back(&latents, &attributes, &gradients)
        .unwrap();
    let (means, _) = autoencoder.encode(&faces, &attributes).unwrap();
    let size = faces.len() / n;
    for i in [0, 15, 16, 36] {
        let latent = &latents[6 * i..][..6];
        let face = autoencoder.decode(latent, &attributes[..3]).unwrap();
        assert_eq!(face, faces[i * size..][..size]);
        let gradient = &gradients[i * size..][..size];
        let one = autoencoder
            .pull_back(latent, &attributes[..3], gradient)
            .unwrap();
        assert_eq!(one, pulled[6 * i..][..6]);
        let (mean, _) = autoencoder.encode(&face, &attributes[..3]).unwrap();
        assert_eq!(mean, means[6 * i..][..6]);
    }
}

#[test]
fn arrays_of_the_wrong_size_are_refused() {
    let (mut autoencoder, _) = trained();
    let said = |e: crate::ModelError| e.to_string();
    let short = autoencoder.sample(&[0.0; 2], 0).map_err(said);
    assert_eq!(short.unwrap_err(), "attributes: expected 3 values, got 2");
    let latent = autoencoder.decode(&[0.0; 5], &[0.0; 3]).map_err(said);
    assert_eq!(latent.unwrap_err(), "latent: expected 6 values, got 5");
    let face = autoencoder.encode(&[0.0; 12], &[0.0; 3]).map_err(said);
    assert_eq!(face.unwrap_err(), "face: expected 768 values, got 12");
    let gradient = autoencoder
        .pull_back(&[0.0; 6], &[0.0; 3], &[0.0; 7])
        .map_err(said);
    assert_eq!(
        gradient.unwrap_err(),
        "gradient: expected 768 values, got 7"
    );
}

#[test]
fn damage_is_named() {
    let (_, file) = trained();
    for cut in [0, 7, 100, file.len() / 2, file.len() - 1] {
        let said = problem(&file[..cut]);
        assert!(
            said.contains("not a whole safetensors file"),
            "{cut}: {said}"
        );
    }
    let tensors: usize = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    for at in [tensors, (tensors + file.len()) / 2, file.len() - 1] {
        let mut damaged = file.clone();
        damaged[at] ^= 1;
        let said = problem(&damaged);
        assert!(said.contains("differ from their digest"), "{at}: {said}");
    }
    let text = |change: fn(&mut serde_json::Value)| {
        let (_, header) = SafeTensors::read_metadata(&file).unwrap();
        let texts: &HashMap<String, String> = header.metadata().as_ref().unwrap();
        let mut description = serde_json::from_str(&texts[KEY]).unwrap();
        change(&mut description);
        problem(&with_text(&file, KEY, description.to_string()).unwrap())
    };
    assert_eq!(text(|_| ()), "loaded");
    for (said, expected) in [
        (
            text(|d| d["version"] = 9.into()),
            "weights: expected format version 2, got 9",
        ),
        (
            text(|d| d["settings"]["topology"]["side"] = 17.into()),
            "weights: side: expected a multiple of 8 from 16 to 512, got 17",
        ),
        (
            text(|d| d["settings"]["topology"]["latent"] = 7.into()),
            "weights: tensor \"encoder.latent.weight\": expected shape [14, 67], got [12, 67]",
        ),
        (
            text(|d| d["groups"][0]["attributes"] = serde_json::json!([])),
            "weights: attributes: group \"bright\" has no attributes",
        ),
    ] {
        assert_eq!(said, expected);
    }
    let other = with_text(&file, "other", String::new()).unwrap();
    assert_eq!(problem(&other), "loaded");
    let mine = std::fs::read("../../models/aligner.safetensors").unwrap();
    let said = problem(&mine);
    assert!(said.contains("this is not an autoencoder's file"), "{said}");
}
