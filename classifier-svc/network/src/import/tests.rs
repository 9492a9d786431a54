//! Imports of one small network from every format (`import/tests/fixtures/make.py` makes the files).

use std::path::PathBuf;

use deepface_import::Tensor;
use safetensors::{Dtype, tensor::TensorView};
use tempfile::TempDir;

use super::*;
use crate::{DeviceChoice, Model};

const V1: &[u8] = include_bytes!("../../../import/tests/fixtures/v1.caffemodel");
const NEW: &[u8] = include_bytes!("../../../import/tests/fixtures/new.caffemodel");
const ZIP: &[u8] = include_bytes!("../../../import/tests/fixtures/zip.pth");
const LEGACY: &[u8] = include_bytes!("../../../import/tests/fixtures/legacy.pth");
const SAFETENSORS: &[u8] = include_bytes!("../../../import/tests/fixtures/rgb.safetensors");
const EVIL: &[u8] = include_bytes!("../../../import/tests/fixtures/evil-zip.pth");

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    import: ImportArgs,
}

/// A folder with a file to import.
struct Case {
    folder: TempDir,
}

impl Case {
    fn new(file: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("in"), file).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The bytes that are written, or the whole message; then nothing may be there but what was.
    fn import(&self, more: &[&str]) -> Result<Vec<u8>, String> {
        let (file, output) = (self.path("in"), self.path("out"));
        let line = [
            "import",
            file.to_str().unwrap(),
            "--output",
            output.to_str().unwrap(),
        ];
        let line = line.iter().chain(more);
        let args = <Cli as clap::Parser>::try_parse_from(line).unwrap().import;
        match run(&args) {
            Ok(()) => Ok(std::fs::read(output).unwrap()),
            Err(error) => {
                assert_eq!(std::fs::read_dir(self.folder.path()).unwrap().count(), 1);
                Err(format!("{error:#}"))
            }
        }
    }
}

fn import(file: &[u8], more: &[&str]) -> Result<Vec<u8>, String> {
    Case::new(file).import(more)
}

fn load(file: &[u8]) -> Result<Model, String> {
    Model::load(file, DeviceChoice::Cpu, 1).map_err(|e| e.to_string())
}

/// Name, shape and values of tensors.
type Named = Vec<(String, Vec<usize>, Vec<f32>)>;

/// A safetensors file of the small network's tensors as `change` leaves them: name, shape, values.
fn changed(change: impl Fn(&mut Named)) -> Vec<u8> {
    let contents = deepface_import::read(&Bytes::from_static(SAFETENSORS)).unwrap();
    let held = |t: &Tensor| (t.name().to_owned(), t.shape().to_vec(), t.read().unwrap());
    let mut tensors = contents.tensors.iter().map(held).collect();
    change(&mut tensors);
    let bytes = tensors.into_iter().map(|(name, shape, values)| {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        (name, shape, bytes)
    });
    let bytes: Vec<_> = bytes.collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        (
            name,
            TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap(),
        )
    });
    safetensors::serialize(views, None).unwrap()
}

fn at<'a, T>(
    tensors: &'a mut [(String, Vec<usize>, T)],
    name: &str,
) -> &'a mut (String, Vec<usize>, T) {
    tensors.iter_mut().find(|t| t.0 == name).unwrap()
}

#[test]
fn every_format_imports_to_the_same_weights_bit_by_bit() {
    let told = ["--channel-order", "rgb"];
    let expected = Weights::read(&import(SAFETENSORS, &told).unwrap()).unwrap();
    let (p, a) = (
        &expected.description.preprocessing,
        &expected.description.architecture,
    );
    assert_eq!(
        (p.order, p.mean, p.scale),
        (ChannelOrder::Rgb, VGG_FACE_MEAN, 1.0)
    );
    assert_eq!((a.widths, a.features, a.input), ([16; 5], 16, 32));
    for (file, more) in [
        (V1, &[][..]),
        (NEW, &[]),
        (ZIP, &[]),
        (LEGACY, &[]),
        // The small network's weights fit 16 bits.
        (V1, &["--f16"]),
    ] {
        let file = import(file, more).unwrap();
        let weights = Weights::read(&file).unwrap();
        assert_eq!(weights.parameters, expected.parameters);
        assert_eq!(weights.description.golden, expected.description.golden);
        assert!(weights.description.golden.is_some());
        let model = load(&file).unwrap();
        assert!(model.info().license.starts_with("CC BY-NC 4.0"));
    }
}

#[test]
fn heads_are_new_and_say_so() {
    let file = import(ZIP, &[]).unwrap();
    let origin = Weights::read(&file).unwrap().description.origin.unwrap();
    assert!(
        origin.contains("PyTorch (zip)") && origin.contains("know nothing"),
        "{origin}"
    );
    let mut model = load(&file).unwrap();
    let image: Vec<f32> = (0..3 * 32 * 32).map(|i| (i % 7) as f32 / 7.0).collect();
    let all = model.activations(&image, 1, &[19, 20]).unwrap();
    assert!(all[0].iter().any(|&x| x != 0.0));
    assert!(all[1].iter().all(|&x| x == 0.0));
}

#[test]
fn a_damaged_weight_keeps_the_model_from_loading() {
    let case = Case::new(V1);
    let file = case.import(&[]).unwrap();
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

#[test]
fn the_order_of_colours_is_told_or_known() {
    let problem = import(SAFETENSORS, &[]).unwrap_err();
    assert!(problem.contains("--channel-order"), "{problem}");
    let first = |file: &[u8]| Weights::read(file).unwrap().parameters[0].weight.clone();
    let rgb = import(SAFETENSORS, &["--channel-order", "rgb"]).unwrap();
    let bgr = import(SAFETENSORS, &["--channel-order", "bgr"]).unwrap();
    assert_ne!(first(&rgb), first(&bgr));
    // What this program wrote says it, and how pixels are prepared, and whose it is.
    let more = ["--mean", "1,2,3", "--scale", "0.5", "--license", "mine"];
    let own = import(ZIP, &more).unwrap();
    let again = Weights::read(&import(&own, &[]).unwrap()).unwrap();
    assert_eq!(again.parameters[0].weight, first(&rgb));
    let p = &again.description.preprocessing;
    assert_eq!((p.mean, p.scale), ([1.0, 2.0, 3.0], 0.5));
    assert_eq!(again.description.license, "mine");
}

#[test]
fn other_names_and_shapes_of_the_same_network_are_understood() {
    let expected = Weights::read(&import(ZIP, &[]).unwrap()).unwrap();
    let numbered = changed(|tensors| {
        for (name, ..) in tensors {
            let (layer, part) = name.split_once('.').unwrap();
            let number = match layer {
                "fc6" => "classifier.0",
                "fc7" => "classifier.3",
                "fc8" => "classifier.6",
                conv => {
                    let (block, i) = conv["conv".len()..].split_once('_').unwrap();
                    let place = [0, 5, 10, 17, 24][block.parse::<usize>().unwrap() - 1];
                    &format!("features.{}", place + 2 * (i.parse::<usize>().unwrap() - 1))
                }
            };
            *name = format!("module.{number}.{part}");
        }
    });
    let convolutions = changed(|tensors| {
        at(tensors, "fc6.weight").1 = vec![16, 16, 1, 1];
        at(tensors, "fc7.weight").1 = vec![16, 16, 1, 1];
    });
    for file in [numbered, convolutions] {
        let file = import(&file, &["--channel-order", "rgb"]).unwrap();
        assert_eq!(
            Weights::read(&file).unwrap().parameters,
            expected.parameters
        );
    }
}

#[test]
fn what_is_not_vgg_face_is_named() {
    let problem = |change: &dyn Fn(&mut Named)| {
        import(&changed(change), &["--channel-order", "rgb"]).unwrap_err()
    };
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
        fc6.1 = vec![8, 32];
    });
    assert!(
        width.contains("fc6.weight") || width.contains("multiples of 16"),
        "{width}"
    );
    let large = changed(|t| at(t, "fc7.bias").2[0] = 1e6);
    let large = import(&large, &["--channel-order", "rgb", "--f16"]).unwrap_err();
    assert!(large.contains("--f16: 1000000 in fc7"), "{large}");
}

#[test]
fn broken_and_hostile_files_leave_nothing_behind() {
    let evil = import(EVIL, &[]).unwrap_err();
    assert!(
        evil.contains("posix.system") && evil.contains("nothing was executed"),
        "{evil}"
    );
    for file in [V1, NEW, ZIP, LEGACY, SAFETENSORS] {
        for end in (0..file.len() - 700).step_by(file.len() / 20) {
            let problem = import(&file[..end], &["--channel-order", "rgb"]).unwrap_err();
            assert!(problem.starts_with("cannot import"), "{problem}");
        }
    }
    let page = import(b"<!DOCTYPE html><title>Not found</title>", &[]).unwrap_err();
    assert!(page.contains("begins with \"<!DOCTYPE"), "{page}");
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
