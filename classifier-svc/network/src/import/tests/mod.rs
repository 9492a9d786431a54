//! Imports of one small network from every format (`make.py` and `make_formats.py` of `import/tests/fixtures` make the
//! files).

use std::path::PathBuf;

use deepface_import::Tensor;
use safetensors::{Dtype, tensor::TensorView};
use tempfile::TempDir;

use super::*;
use crate::{DeviceChoice, Model};

mod decisions;
mod formats;
mod refusals;

const V1: &[u8] = include_bytes!("../../../../import/tests/fixtures/v1.caffemodel");
const ZIP: &[u8] = include_bytes!("../../../../import/tests/fixtures/zip.pth");
const SAFETENSORS: &[u8] = include_bytes!("../../../../import/tests/fixtures/rgb.safetensors");
const V5: &[u8] = include_bytes!("../../../../import/tests/fixtures/v5.mat");

/// The preparation of pixels of VGG-Face, which the small network's four people do not tell.
const FACE: [&str; 4] = ["--mean", "129.1863,104.7624,93.5940", "--scale", "1"];
/// The same, and the order of colours.
const TOLD: [&str; 6] = [
    "--channel-order",
    "rgb",
    "--mean",
    "129.1863,104.7624,93.5940",
    "--scale",
    "1",
];

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
        let (file, output) = (self.path("in"), self.path("out.safetensors"));
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

fn weights(file: &[u8], more: &[&str]) -> Weights {
    Weights::read(&import(file, more).unwrap()).unwrap()
}

fn load(file: &[u8]) -> Result<Model, String> {
    Model::load(file, DeviceChoice::Cpu, 1).map_err(|e| e.to_string())
}

/// Name, shape and values of tensors.
type Named = Vec<(String, Vec<usize>, Vec<f32>)>;

/// A safetensors file of the small network's tensors as `change` leaves them: name, shape, values.
fn changed(change: impl Fn(&mut Named)) -> Vec<u8> {
    changed_file(SAFETENSORS, change)
}

fn changed_file(file: &'static [u8], change: impl Fn(&mut Named)) -> Vec<u8> {
    let contents = deepface_import::read(&Bytes::from_static(file)).unwrap();
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
