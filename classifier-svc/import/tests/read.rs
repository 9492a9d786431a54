//! The readers, on files that the reference tools wrote (`fixtures/make.py` and `fixtures/make_formats.py`).

use deepface_import::{Bytes, Contents, Format, ReadError, read};

const V1: &[u8] = include_bytes!("fixtures/v1.caffemodel");
const NEW: &[u8] = include_bytes!("fixtures/new.caffemodel");
const ZIP: &[u8] = include_bytes!("fixtures/zip.pth");
const LEGACY: &[u8] = include_bytes!("fixtures/legacy.pth");
const SAFETENSORS: &[u8] = include_bytes!("fixtures/rgb.safetensors");
const SMALL_ZIP: &[u8] = include_bytes!("fixtures/small-zip.pth");
const SMALL_LEGACY: &[u8] = include_bytes!("fixtures/small-legacy.pth");
const EVIL_ZIP: &[u8] = include_bytes!("fixtures/evil-zip.pth");
const EVIL_LEGACY: &[u8] = include_bytes!("fixtures/evil-legacy.pth");

/// Small files of two tensors, `[[0, 1, 2], [3, 4, 5]]` or that transposed, and `[0.5, -2]`, with their names.
const SMALL: [(&[u8], Format, [&str; 2]); 8] = [
    (
        include_bytes!("fixtures/small.h5"),
        Format::Keras,
        ["x/kernel:0", "x/bias:0"],
    ),
    (
        include_bytes!("fixtures/small-latest.h5"),
        Format::Keras,
        ["x/kernel:0", "x/bias:0"],
    ),
    (
        include_bytes!("fixtures/small.keras"),
        Format::KerasZip,
        ["layers/dense/dense/vars/0", "layers/dense/dense/vars/1"],
    ),
    (
        include_bytes!("fixtures/small.mat"),
        Format::Matlab,
        ["layers.c.weights.1", "layers.c.weights.2"],
    ),
    (
        include_bytes!("fixtures/small-compressed.mat"),
        Format::Matlab,
        ["layers.c.weights.1", "layers.c.weights.2"],
    ),
    (
        include_bytes!("fixtures/small.t7"),
        Format::Torch7,
        ["modules.1.weight", "modules.1.bias"],
    ),
    (
        include_bytes!("fixtures/small.npz"),
        Format::Npz,
        ["a", "b"],
    ),
    (
        include_bytes!("fixtures/small.pkl"),
        Format::Pickle,
        ["a", "b"],
    ),
];

fn open(file: &[u8]) -> Result<Contents, ReadError> {
    read(&Bytes::copy_from_slice(file))
}

fn values(contents: &Contents, name: &str) -> Vec<f32> {
    let tensor = contents.tensors.iter().find(|t| t.name() == name);
    tensor.expect(name).read().expect("values")
}

fn shape<'a>(contents: &'a Contents, name: &str) -> &'a [usize] {
    let tensor = contents.tensors.iter().find(|t| t.name() == name);
    tensor.expect(name).shape()
}

/// Reads all that can be read.
fn read_all(file: &Bytes) -> Result<Vec<Vec<f32>>, ReadError> {
    read(file)?.tensors.iter().map(|t| t.read()).collect()
}

#[test]
fn every_format_holds_the_same_weights() {
    let expected = open(SAFETENSORS).unwrap();
    assert_eq!(expected.format, Format::Safetensors);
    for (file, format) in [
        (V1, Format::Caffe),
        (NEW, Format::Caffe),
        (ZIP, Format::PyTorchZip),
        (LEGACY, Format::PyTorchLegacy),
    ] {
        let contents = open(file).unwrap();
        assert_eq!(contents.format, format);
        // 13 convolutions and 3 dense layers.
        assert_eq!(contents.tensors.len(), 32);
        for tensor in &contents.tensors {
            // The first kernels of Caffe are of BGR.
            if format == Format::Caffe && tensor.name() == "conv1_1.weight" {
                continue;
            }
            let name = tensor.name();
            assert_eq!(values(&contents, name), values(&expected, name), "{name}");
        }
    }
}

#[test]
fn caffe_turns_the_first_kernels_around() {
    let (bgr, rgb) = (open(V1).unwrap(), open(SAFETENSORS).unwrap());
    let mut turned = values(&bgr, "conv1_1.weight");
    for filter in turned.chunks_exact_mut(27) {
        let (blue, red) = filter.split_at_mut(18);
        blue[..9].swap_with_slice(red);
    }
    assert_eq!(turned, values(&rgb, "conv1_1.weight"));
}

#[test]
fn shapes_are_as_the_file_has_them() {
    let old = open(V1).unwrap();
    assert_eq!(shape(&old, "conv2_1.weight"), [16, 16, 3, 3]);
    assert_eq!(shape(&old, "fc8.weight"), [1, 1, 4, 16]);
    assert_eq!(shape(&old, "fc8.bias"), [1, 1, 1, 4]);
    let new = open(NEW).unwrap();
    assert_eq!(shape(&new, "fc8.weight"), [4, 16]);
    assert_eq!(shape(&new, "fc8.bias"), [4]);
}

#[test]
fn windows_types_and_nesting_of_a_state_dict() {
    for file in [SMALL_ZIP, SMALL_LEGACY] {
        let contents = open(file).unwrap();
        let get = |name: &str| values(&contents, &format!("state_dict.{name}"));
        let count: Vec<f32> = (0..24_u8).map(f32::from).collect();
        assert_eq!(get("whole"), count);
        let turned: Vec<f32> = (0..24).map(|i| count[i % 4 * 6 + i / 4]).collect();
        assert_eq!(get("turned"), turned);
        assert_eq!(get("window"), [8.0, 9.0, 10.0, 14.0, 15.0, 16.0]);
        for name in ["half", "brain", "double"] {
            assert_eq!(get(name), [0.5, -2.0], "{name}");
        }
        assert_eq!(get("scalar"), [1.5]);
        assert_eq!(get("parameter"), [1.0, 2.0]);
        assert_eq!(shape(&contents, "state_dict.empty"), [0, 3]);
        let count = contents
            .tensors
            .iter()
            .find(|t| t.name() == "state_dict.count");
        let problem = count.unwrap().read().unwrap_err().to_string();
        assert!(
            problem.contains("expected floating-point values"),
            "{problem}"
        );
        assert_eq!(contents.tensors.len(), 10);
    }
}

#[test]
fn small_files_of_other_formats_are_read() {
    for (file, format, [weight, bias]) in SMALL {
        let contents = open(file).unwrap();
        assert_eq!(contents.format, format);
        let expected = match shape(&contents, weight) {
            [2, 3] => [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            _ => [0.0, 3.0, 1.0, 4.0, 2.0, 5.0],
        };
        assert_eq!(values(&contents, weight), expected, "{format}");
        assert_eq!(values(&contents, bias), [0.5, -2.0], "{format}");
    }
}

#[test]
fn what_would_execute_is_refused_by_name() {
    for file in [EVIL_ZIP, EVIL_LEGACY] {
        let name = match open(file) {
            Err(ReadError::Refused { name }) => name,
            other => panic!("{other:?}"),
        };
        // What os.system is called where the fixture was made.
        assert_eq!(name, "posix.system");
    }
}

#[test]
fn a_truncated_file_is_an_error_wherever_it_ends() {
    for (file, step) in [
        (ZIP, 61),
        (LEGACY, 61),
        (SAFETENSORS, 61),
        (SMALL_ZIP, 1),
        (SMALL_LEGACY, 1),
    ] {
        let whole = Bytes::copy_from_slice(file);
        for end in (0..file.len()).step_by(step) {
            assert!(read(&whole.slice(..end)).is_err(), "{end} bytes");
        }
    }
    for (file, format, _) in SMALL {
        let whole = Bytes::copy_from_slice(file);
        // The variables of a .mat file follow one another without a count.
        let first = if format == Format::Matlab {
            file.len() / 4
        } else {
            file.len()
        };
        for end in 0..first {
            assert!(
                read_all(&whole.slice(..end)).is_err(),
                "{format}: {end} bytes"
            );
        }
    }
    // A protocol buffer may end between two fields; then layers are missing.
    for file in [V1, NEW] {
        let whole = Bytes::copy_from_slice(file);
        for end in (0..file.len()).step_by(61) {
            if let Ok(contents) = read(&whole.slice(..end)) {
                assert!(
                    contents.tensors.len() < 32 || end > file.len() - 64,
                    "{end} bytes"
                );
            }
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    let small = SMALL.iter().map(|(file, ..)| *file);
    let pickles = [SMALL_ZIP, SMALL_LEGACY, EVIL_ZIP, EVIL_LEGACY];
    for file in small.chain(pickles) {
        let mut damaged = file.to_vec();
        // All bits of the smallest files, and one of each byte of the others.
        let bits = if file.len() < 4096 { 0..8 } else { 6..7 };
        for at in 0..file.len() {
            for bit in bits.clone() {
                damaged[at] ^= 1 << bit;
                // Right or wrong, but an answer.
                let _ = read_all(&damaged.clone().into());
                damaged[at] ^= 1 << bit;
            }
        }
    }
    // Of the larger files, descriptions and some values.
    for file in [V1, NEW, LEGACY, SAFETENSORS, ZIP] {
        let mut damaged = file.to_vec();
        let places = (0..file.len().min(2000)).chain((2000..file.len()).step_by(997));
        for at in places {
            damaged[at] ^= 0x81;
            let _ = read_all(&damaged.clone().into());
            damaged[at] ^= 0x81;
        }
    }
}

#[test]
fn an_archive_with_damaged_values_is_noticed() {
    // The values of the last storage lie before the directory.
    let contents = open(SMALL_ZIP).unwrap();
    let whole = values(&contents, "state_dict.whole");
    let needle: Vec<u8> = whole.iter().flat_map(|v| v.to_le_bytes()).collect();
    let at = SMALL_ZIP.windows(needle.len()).position(|w| w == needle);
    let mut damaged = SMALL_ZIP.to_vec();
    damaged[at.unwrap() + 40] ^= 1;
    let problem = open(&damaged).unwrap_err().to_string();
    assert!(
        problem.contains("data/0") && problem.contains("checksum"),
        "{problem}"
    );
}
