//! Both judges against PyTorch, and refusals of damaged files.

use std::collections::HashMap;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::{Value, json};

use super::file::KEY;
use super::*;

#[derive(serde::Deserialize)]
struct Golden {
    embedding: Vec<f32>,
    logits: Vec<f32>,
}

/// The scripts in `models/judge` write the golden vectors with PyTorch: embedding and logits of `0.5 + 0.5 sin(0.37 i)`.
fn compare(judge: &Judge, golden: &str) {
    let golden: Golden = serde_json::from_str(golden).unwrap();
    let picture = |i: usize| 0.5 + 0.5 * (i as f32 * 0.37).sin();
    let face: Vec<f32> = (0..3 * judge.input * judge.input).map(picture).collect();
    // Twice, because a batch must be its singles.
    let (embeddings, logits) = judge.forward([&face[..], &face].concat(), 2).unwrap();
    assert_eq!((embeddings.len(), logits.len()), (2, 2));
    for (embedding, logits) in embeddings.iter().zip(&logits) {
        assert!(distance(embedding, &golden.embedding) < 1e-4);
        assert!(distance(logits, &golden.logits) < 1e-4);
    }
}

/// Largest difference, over the largest value.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max) / largest
}

#[test]
fn the_first_computes_what_pytorch_computes() {
    let golden = include_str!("../../tests/golden/judge.json");
    compare(&Judge::first().unwrap(), golden);
}

#[test]
fn the_second_computes_what_pytorch_computes() {
    let golden = include_str!("../../tests/golden/second-judge.json");
    compare(&Judge::second().unwrap(), golden);
}

#[test]
fn the_two_are_different_files() {
    let (first, second) = (Judge::first().unwrap(), Judge::second().unwrap());
    assert_eq!(first.digest().len(), 64);
    assert_ne!(first.digest(), second.digest());
}

#[test]
fn faces_of_any_size_can_be_judged() {
    let faces = [64, 96, 20].map(|side| RgbImage::from_pixel(side, side, image::Rgb([90; 3])));
    let schema = Schema::ungrouped(["Smiling", "No_Beard", "Young"]).unwrap();
    for judge in [Judge::first().unwrap(), Judge::second().unwrap()] {
        let views = judge.look(&schema, &faces.each_ref()).unwrap();
        let known = views[0].probabilities.iter().map(Option::is_some);
        assert_eq!(known.collect::<Vec<_>>(), [true, true, false]);
        assert!(distance(&views[1].embedding, &views[0].embedding) < 1e-4);
        assert!(distance(&views[2].embedding, &views[0].embedding) < 1e-4);
    }
}

/// How a file is refused after a change to its description and tensors.
fn changed(
    file: &[u8],
    describe: impl FnOnce(&mut Value),
    tensors: impl FnOnce(&mut HashMap<String, TensorView<'_>>),
) -> String {
    let (_, header) = SafeTensors::read_metadata(file).unwrap();
    let mut text = header.metadata().clone().unwrap();
    let mut value = serde_json::from_str(&text[KEY]).unwrap();
    describe(&mut value);
    text.insert(KEY.to_owned(), value.to_string());
    let file = SafeTensors::deserialize(file).unwrap();
    let mut all = file.tensors().into_iter().collect();
    tensors(&mut all);
    let file = safetensors::serialize(all, Some(text)).unwrap();
    Judge::read(&file).unwrap_err().to_string()
}

/// Each value at a JSON pointer is refused with its problem.
fn refuses(file: &[u8], cases: impl IntoIterator<Item = (&'static str, Value, &'static str)>) {
    for (pointer, value, problem) in cases {
        let said = changed(file, |d| *d.pointer_mut(pointer).unwrap() = value, |_| ());
        assert!(said.contains(problem), "{pointer}: {said}");
    }
}

#[test]
fn another_description_is_refused_with_what_is_wrong() {
    for file in [FIRST, SECOND] {
        refuses(
            file,
            [
                (
                    "/version",
                    3.into(),
                    "expected format version 1 or 2, got 3",
                ),
                ("/version", json!(null), "header entry \"deepface-judge\""),
                (
                    "/input",
                    56.into(),
                    "input: expected a multiple of 16 up to 512, got 56",
                ),
                (
                    "/input",
                    528.into(),
                    "input: expected a multiple of 16 up to 512, got 528",
                ),
                (
                    "/input",
                    0.into(),
                    "input: expected a multiple of 16 up to 512, got 0",
                ),
                ("/deviation", 0.into(), "got 0.45 and 0"),
                ("/mean", "x".into(), "header entry \"deepface-judge\""),
                (
                    "/attributes/3",
                    "Tall".into(),
                    "attributes[3]: expected \"Black\", got \"Tall\"",
                ),
            ],
        );
        let said = changed(
            file,
            |d| _ = d["attributes"].as_array_mut().unwrap().pop(),
            |_| (),
        );
        assert!(
            said.contains("attributes[72]: expected \"Wearing Earrings\", got none"),
            "{said}"
        );
    }
}

#[test]
fn another_architecture_is_refused_with_what_is_wrong() {
    refuses(
        FIRST,
        [
            (
                "/version",
                2.into(),
                "architecture: expected \"aggregation\", got none",
            ),
            ("/widths", json!([]), "widths: expected 1 to 8, got 0"),
            (
                "/widths/1",
                5000.into(),
                "widths: expected 1 to 4096 channels, got 5000",
            ),
            (
                "/widths",
                json!([32, 64]),
                "\"head.weight\": expected shape [73, 64]",
            ),
        ],
    );
    refuses(
        SECOND,
        [
            ("/version", 1.into(), "missing field `widths`"),
            (
                "/architecture",
                "vgg".into(),
                "expected \"aggregation\", got \"vgg\"",
            ),
            (
                "/stem",
                0.into(),
                "stem: expected 1 to 4096 channels, got 0",
            ),
            ("/stages", json!([]), "stages: expected 1 to 8, got 0"),
            (
                "/stages/1/layers",
                9.into(),
                "stages[1].layers: expected 1 to 8, got 9",
            ),
            (
                "/stages/2/width",
                0.into(),
                "stages[2].width: expected 1 to 4096 channels",
            ),
            (
                "/stages/2/output",
                (1_u64 << 40).into(),
                "stages[2].output: expected 1 to 4096",
            ),
            (
                "/stages/0/layers",
                2.into(),
                "\"stages.0.all.weight\": expected shape [64, 96, 1, 1]",
            ),
            (
                "/stages/3/width",
                "x".into(),
                "header entry \"deepface-judge\"",
            ),
        ],
    );
}

#[test]
fn other_tensors_are_refused_by_name() {
    for (file, bias, taken, absent) in [
        (
            FIRST,
            "stem.bias",
            "blocks.2.shortcut.weight",
            "blocks.0.shortcut.weight",
        ),
        (
            SECOND,
            "stem.1.bias",
            "stages.2.all.weight",
            "stages.0.layers.3.weight",
        ),
    ] {
        let said = changed(file, |_| (), |t| _ = t.remove(taken));
        assert!(
            said.contains(&format!("tensor {taken:?}: missing")),
            "{said}"
        );
        let copied = |to: &str| {
            let copy = |t: &mut HashMap<String, TensorView<'_>>| {
                let tensor = t[bias].clone();
                t.insert(to.to_owned(), tensor);
            };
            changed(file, |_| (), copy)
        };
        let said = copied("head.bias");
        assert!(
            said.contains("\"head.bias\": expected shape [73], got [32]"),
            "{said}"
        );
        let said = copied(absent);
        assert!(
            said.contains(&format!("unexpected tensor {absent:?}")),
            "{said}"
        );
        const NAN: [u8; 64] = [0x7c; 64];
        let said = changed(
            file,
            |_| (),
            |t| {
                let nan = TensorView::new(Dtype::F16, vec![32], &NAN).unwrap();
                t.insert(bias.to_owned(), nan);
            },
        );
        assert!(said.contains(&format!("{bias:?}: holds NaN")), "{said}");
    }
}

#[test]
fn other_files_are_refused() {
    let said = |file: &[u8]| Judge::read(file).unwrap_err().to_string();
    assert!(said(b"no").contains("not a whole safetensors file"));
    for file in [FIRST, SECOND] {
        assert!(said(&file[..file.len() - 1]).contains("not a whole safetensors file"));
    }
    let none: HashMap<String, TensorView<'_>> = HashMap::new();
    let bare = safetensors::serialize(none, None).unwrap();
    assert!(said(&bare).contains("the header has no entry \"deepface-judge\""));
}
