//! The same network in every format, with every publisher's names, gives the same weights.

use super::*;

/// Files of `import/tests/fixtures` and the format that a report names.
const FILES: [(&str, &str, &[u8]); 18] = [
    ("v1.caffemodel", "Caffe", V1),
    (
        "new.caffemodel",
        "Caffe",
        include_bytes!("../../../../import/tests/fixtures/new.caffemodel"),
    ),
    ("zip.pth", "PyTorch (zip)", ZIP),
    (
        "legacy.pth",
        "PyTorch (before 1.6)",
        include_bytes!("../../../../import/tests/fixtures/legacy.pth"),
    ),
    (
        "nested.pth",
        "PyTorch (zip)",
        include_bytes!("../../../../import/tests/fixtures/nested.pth"),
    ),
    (
        "whole.pth",
        "PyTorch (zip)",
        include_bytes!("../../../../import/tests/fixtures/whole.pth"),
    ),
    (
        "whole-legacy.pth",
        "PyTorch (before 1.6)",
        include_bytes!("../../../../import/tests/fixtures/whole-legacy.pth"),
    ),
    (
        "script.pt",
        "TorchScript",
        include_bytes!("../../../../import/tests/fixtures/script.pt"),
    ),
    (
        "keras-2.h5",
        "Keras (HDF5)",
        include_bytes!("../../../../import/tests/fixtures/keras-2.h5"),
    ),
    (
        "keras-whole.h5",
        "Keras (HDF5)",
        include_bytes!("../../../../import/tests/fixtures/keras-whole.h5"),
    ),
    (
        "keras-3.weights.h5",
        "Keras (HDF5)",
        include_bytes!("../../../../import/tests/fixtures/keras-3.weights.h5"),
    ),
    (
        "keras.keras",
        "Keras (.keras)",
        include_bytes!("../../../../import/tests/fixtures/keras.keras"),
    ),
    ("v5.mat", "MATLAB", V5),
    (
        "v73.mat",
        "MATLAB 7.3",
        include_bytes!("../../../../import/tests/fixtures/v73.mat"),
    ),
    (
        "torch7.t7",
        "Torch 7",
        include_bytes!("../../../../import/tests/fixtures/torch7.t7"),
    ),
    (
        "named.npz",
        "NumPy (.npz)",
        include_bytes!("../../../../import/tests/fixtures/named.npz"),
    ),
    (
        "unnamed.npz",
        "NumPy (.npz)",
        include_bytes!("../../../../import/tests/fixtures/unnamed.npz"),
    ),
    (
        "dictionary.npy",
        "NumPy (.npy)",
        include_bytes!("../../../../import/tests/fixtures/dictionary.npy"),
    ),
];

#[test]
fn every_format_imports_to_the_same_weights_bit_by_bit() {
    let expected = weights(SAFETENSORS, &TOLD);
    let a = &expected.description.architecture;
    // Two by two places above the last pooling: a wrong order of the inputs of fc6 would show.
    assert_eq!((a.widths, a.features, a.input), ([16; 5], 16, 64));
    for (name, format, file) in FILES {
        let told: &[&str] = if format == "Caffe" { &FACE } else { &TOLD };
        let imported = import(file, told).unwrap_or_else(|e| panic!("{name}: {e}"));
        let weights = Weights::read(&imported).unwrap();
        assert!(weights.parameters == expected.parameters, "{name}");
        assert_eq!(
            weights.description.golden, expected.description.golden,
            "{name}"
        );
        let origin = weights.description.origin.unwrap();
        assert!(
            origin.contains(&format!("from a {format} file")),
            "{origin}"
        );
        load(&imported).unwrap();
    }
    for pickle in [
        &include_bytes!("../../../../import/tests/fixtures/protocol-2.pkl")[..],
        include_bytes!("../../../../import/tests/fixtures/protocol-5.pkl"),
    ] {
        assert!(weights(pickle, &TOLD).parameters == expected.parameters);
    }
    // The small network's weights fit 16 bits.
    let half = [&FACE[..], &["--f16"]].concat();
    assert!(weights(V1, &half).parameters == expected.parameters);
}

#[test]
fn names_of_other_publishers_are_understood() {
    let expected = weights(SAFETENSORS, &TOLD);
    let numbered = |fc: [&'static str; 3], convolutions: bool| {
        changed(|tensors| {
            for (name, shape, _) in tensors {
                let (layer, part) = name.split_once('.').unwrap();
                let number = match layer {
                    "fc6" => fc[0],
                    "fc7" => fc[1],
                    "fc8" => fc[2],
                    conv => {
                        let (block, i) = conv["conv".len()..].split_once('_').unwrap();
                        let place = [0, 5, 10, 17, 24][block.parse::<usize>().unwrap() - 1];
                        &format!("features.{}", place + 2 * (i.parse::<usize>().unwrap() - 1))
                    }
                };
                if convolutions && part == "weight" && layer.starts_with("fc") {
                    *shape = match layer {
                        "fc6" => vec![16, 16, 2, 2],
                        _ => vec![shape[0], shape[1], 1, 1],
                    };
                }
                *name = format!("module.{number}.{part}");
            }
        })
    };
    let renamed = |change: fn(&str) -> String| {
        changed(|tensors| {
            tensors
                .iter_mut()
                .for_each(|(name, ..)| *name = change(name))
        })
    };
    for (what, file) in [
        (
            "torchvision",
            numbered(["classifier.0", "classifier.3", "classifier.6"], false),
        ),
        (
            "timm",
            numbered(["pre_logits.fc1", "pre_logits.fc2", "head.fc"], true),
        ),
        (
            "numbers alone",
            numbered(["net.40", "net.50", "net.60"], false),
        ),
        ("prlz77", renamed(|name| name.replace("conv", "conv_"))),
        (
            "PyVGGFace",
            renamed(|name| match name.starts_with("conv") {
                true => format!("features.{}", name.replace("conv", "conv_")),
                false => format!("fc.{name}"),
            }),
        ),
        (
            "Keras' applications",
            renamed(|name| {
                let name = name
                    .replace("fc6", "fc1")
                    .replace("fc7", "fc2")
                    .replace("fc8", "predictions");
                match name.strip_prefix("conv") {
                    Some(rest) => format!("block{}", rest.replacen('_', "_conv", 1)),
                    None => name,
                }
            }),
        ),
    ] {
        let imported = import(&file, &TOLD).unwrap_or_else(|e| panic!("{what}: {e}"));
        let imported = Weights::read(&imported).unwrap();
        assert!(imported.parameters == expected.parameters, "{what}");
    }
}

#[test]
fn kernels_in_the_order_of_keras_are_turned_in_any_format() {
    let expected = weights(SAFETENSORS, &TOLD);
    let file = changed(|tensors| {
        for (name, shape, values) in tensors {
            if name == "fc6.weight" {
                *shape = vec![16, 16, 2, 2];
            }
            let rank = shape.len();
            // [out, in, height, width] to [height, width, in, out], and [out, in] to [in, out].
            let axes: &[usize] = if rank == 4 { &[2, 3, 1, 0] } else { &[1, 0] };
            if rank > 1 {
                let turned: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
                let mut strides = vec![1; rank];
                for i in (1..rank).rev() {
                    strides[i - 1] = strides[i] * shape[i];
                }
                let places = (0..values.len()).map(|mut at| {
                    let mut place = 0;
                    for (&axis, &n) in axes.iter().zip(&turned).rev() {
                        place += at % n * strides[axis];
                        at /= n;
                    }
                    place
                });
                *values = places.map(|place| values[place]).collect();
                *shape = turned;
            }
            if name == "fc6.weight" {
                *shape = vec![64, 16];
            }
            *name = name.replace(".weight", "/kernel").replace(".bias", "/bias");
        }
    });
    assert!(weights(&file, &TOLD).parameters == expected.parameters);
}

#[test]
fn heads_are_new_and_say_so() {
    let file = import(ZIP, &TOLD).unwrap();
    let origin = Weights::read(&file).unwrap().description.origin.unwrap();
    assert!(
        origin.contains("PyTorch (zip)") && origin.contains("know nothing"),
        "{origin}"
    );
    let mut model = load(&file).unwrap();
    assert!(model.info().heads_untrained);
    let image: Vec<f32> = (0..3 * 64 * 64).map(|i| (i % 7) as f32 / 7.0).collect();
    let all = model.activations(&image, 1, &[19, 20]).unwrap();
    assert!(all[0].iter().any(|&x| x != 0.0));
    assert!(all[1].iter().all(|&x| x == 0.0));
}

#[test]
fn a_damaged_weight_keeps_the_model_from_loading() {
    let case = Case::new(V1);
    let file = case.import(&FACE).unwrap();
    for stage in ["conv1_1", "conv3_2", "conv5_3", "fc6", "fc7"] {
        let mut weights = Weights::read(&file).unwrap();
        let stages = weights.description.architecture.stages();
        let index = stages.iter().position(|s| s.name == stage).unwrap();
        let weight = &mut weights.parameters[index].weight;
        // All weights of one output, so that it wakes where it slept and sleeps where it was awake.
        let row = weight.len() / 16;
        weight[..row].iter_mut().for_each(|w| *w *= -4.0);
        let path = case.path("damaged");
        weights.write(&path, false).unwrap();
        let problem = load(&std::fs::read(&path).unwrap()).err().expect(stage);
        assert!(
            problem.contains("golden output: layer") && problem.contains("expected"),
            "{stage}: {problem}"
        );
    }
}
