//! Files that are damaged, hostile or another network.

use super::*;

const EVIL: &[u8] = include_bytes!("../../../../import/tests/fixtures/evil-zip.pth");

#[test]
fn what_is_not_vgg_face_is_named() {
    let problem = |change: &dyn Fn(&mut Named)| import(&changed(change), &TOLD).unwrap_err();
    let missing = problem(&|t| t.retain(|t| t.0 != "conv4_2.bias"));
    assert!(missing.contains("conv4_2.bias is missing"), "{missing}");
    assert!(
        missing.contains("holds instead: conv1_1.bias [16], conv1_1.weight [16, 3, 3, 3]"),
        "{missing}"
    );
    let twice = problem(&|t| t.push(("net.fc7.bias".into(), vec![1], vec![0.0])));
    assert!(
        twice.contains("expected one") && twice.contains("net.fc7.bias"),
        "{twice}"
    );
    let shape = problem(&|t| at(t, "conv3_2.weight").1 = vec![16, 16, 1, 9]);
    assert!(
        shape.contains("conv3_2.weight: expected shape [16, 16, 3, 3], got [16, 16, 1, 9]"),
        "{shape}"
    );
    let number = problem(&|t| at(t, "conv2_1.bias").2[3] = f32::NAN);
    assert!(number.contains("conv2_1.bias: value 3 is NaN"), "{number}");
    let square = problem(&|t| {
        let fc6 = at(t, "fc6.weight");
        (fc6.1, fc6.2) = (vec![16, 48], vec![0.0; 16 * 48]);
    });
    assert!(
        square.contains("fc6.weight: expected 16 channels of a square"),
        "{square}"
    );
    let width = problem(&|t| {
        let fc6 = at(t, "fc6.weight");
        fc6.1 = vec![8, 128];
    });
    assert!(
        width.contains("fc6.weight") || width.contains("multiples of 16"),
        "{width}"
    );
    let large = changed(|t| at(t, "fc7.bias").2[0] = 1e6);
    let large = import(&large, &[&TOLD[..], &["--f16"]].concat()).unwrap_err();
    assert!(large.contains("--f16: 1000000 in fc7"), "{large}");
}

#[test]
fn broken_and_hostile_files_leave_nothing_behind() {
    let evil = import(EVIL, &TOLD).unwrap_err();
    assert!(
        evil.contains("posix.system") && evil.contains("nothing was executed"),
        "{evil}"
    );
    for file in [V1, ZIP, SAFETENSORS, V5] {
        for end in (0..file.len() - 700).step_by(file.len() / 20) {
            let problem = import(&file[..end], &TOLD).unwrap_err();
            assert!(problem.starts_with("cannot import"), "{problem}");
        }
    }
    let page = import(b"<!DOCTYPE html><title>Not found</title>", &[]).unwrap_err();
    assert!(page.contains("this is an HTML or XML page"), "{page}");
    for (flag, value) in [
        ("--mean", "1,2"),
        ("--mean", "1,2,-3"),
        ("--scale", "0"),
        ("--scale", "NaN"),
    ] {
        let problem = import(ZIP, &[flag, value]).unwrap_err();
        assert!(problem.contains(&format!("{flag}: expected")), "{problem}");
    }
}

#[test]
fn other_networks_are_named_before_any_flag_is_asked_for() {
    type Shapes = Vec<(String, Vec<usize>)>;
    let file = |shapes: Shapes| {
        changed(|tensors| {
            *tensors = shapes
                .iter()
                .map(|(name, shape)| {
                    (
                        name.clone(),
                        shape.clone(),
                        vec![0.0; shape.iter().product()],
                    )
                })
                .collect();
        })
    };
    let resnet: Shapes = (0..5)
        .map(|i| (format!("layer1.{i}.conv1.weight"), vec![4, 4, 3, 3]))
        .collect();
    let vgg19: Shapes = (0..16)
        .flat_map(|i| {
            let channels = if i == 0 { 3 } else { 16 };
            [
                (
                    format!("features.{}.weight", 2 * i),
                    vec![16, channels, 3, 3],
                ),
                (format!("features.{}.bias", 2 * i), vec![16]),
            ]
        })
        .collect();
    let gpt: Shapes = vec![("h.0.attn.weight".into(), vec![4, 4])];
    let with = |more: &str| {
        let more = more.to_owned();
        changed(move |tensors| tensors.push((more.clone(), vec![16], vec![1.0; 16])))
    };
    let convolutions = changed(|tensors| tensors.retain(|(name, ..)| name.starts_with("conv")));
    for (file, said) in [
        (
            file(resnet),
            "probably a ResNet (5 convolutions, 0 fully connected layers)",
        ),
        (file(vgg19), "probably VGG-19"),
        (
            file(gpt),
            "this is not VGG-Face (0 convolutions, 1 fully connected layer)",
        ),
        (
            with("bn1_1.running_mean"),
            "batch normalisation, such as VGG-16-BN",
        ),
        (with("conv5_4.weight"), "probably VGG-19"),
        (convolutions, "not fc6 and fc7 (a \"notop\" file)"),
    ] {
        let problem = import(&file, &[]).unwrap_err();
        assert!(problem.contains(said), "{problem}");
        assert!(!problem.contains("--channel-order"), "{problem}");
    }
}

#[test]
fn a_file_is_not_overwritten_by_its_import_and_a_folder_is_named() {
    let case = Case::new(V1);
    let path = case.path("in");
    let path = path.to_str().unwrap();
    let args = |file: &str, output: &str| {
        let line = ["import", file, "--output", output];
        <Cli as clap::Parser>::try_parse_from(line.iter().chain(&FACE))
            .unwrap()
            .import
    };
    let problem = run(&args(path, path)).unwrap_err().to_string();
    assert!(
        problem.contains("--output: expected another file"),
        "{problem}"
    );
    assert_eq!(std::fs::read(path).unwrap(), V1);
    let new = case.path("new.safetensors");
    let problem = run(&args(
        case.folder.path().to_str().unwrap(),
        new.to_str().unwrap(),
    ))
    .unwrap_err();
    assert!(
        format!("{problem:#}").contains("got a folder"),
        "{problem:#}"
    );
}

#[test]
fn an_earlier_result_is_kept_and_that_is_said_before_the_file_is_read() {
    let case = Case::new(V1);
    let refused = |output: &str| {
        let (file, output) = (case.path("none"), case.path(output));
        let line = [
            "import",
            file.to_str().unwrap(),
            "--output",
            output.to_str().unwrap(),
        ];
        let args = <Cli as clap::Parser>::try_parse_from(line.iter().chain(&FACE));
        format!("{:#}", run(&args.unwrap().import).unwrap_err())
    };
    std::fs::write(case.path("out.safetensors"), "precious").unwrap();
    let exists = refused("out.safetensors");
    assert!(
        exists.ends_with("it exists already; --force replaces it"),
        "{exists}"
    );
    let ending = refused("out.pth");
    assert!(ending.contains("ends in .safetensors"), "{ending}");
    assert!(refused("no/out.safetensors").contains("does not exist"));
}

/// The built-in model, which is trained.
const TRAINED: &[u8] = include_bytes!("../../../../../models/vgg-face-mini.safetensors");

#[test]
fn a_trained_fc6_in_the_order_of_keras_is_noticed() {
    let right = changed_file(TRAINED, |_| ());
    assert!(import(&right, &TOLD).is_ok());
    // What comes of transposing the kernels of a Keras file and only the two dimensions of its dense layers.
    let wrong = changed_file(TRAINED, |tensors| {
        let (_, shape, values) = at(tensors, "fc6.weight");
        let (inputs, channels) = (shape[1], 192);
        let places = inputs / channels;
        let rows = values
            .chunks_exact(inputs)
            .flat_map(|row| (0..inputs).map(move |at| row[at % channels * places + at / channels]));
        *values = rows.collect();
    });
    let problem = import(&wrong, &TOLD).unwrap_err();
    assert!(
        problem.contains("fc6.weight: its values show that its inputs lie in Keras' order"),
        "{problem}"
    );
}
