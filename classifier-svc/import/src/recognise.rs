//! Tells formats apart by how their files begin, and archives by what they hold.

use bytes::Bytes;

use crate::{Format, ReadError, archive::Archive, hdf5, keras, npy, torch, torch7};

/// The number 0x1950a86a20f9469cfc6c as a pickle has it, with which PyTorch's older files begin.
const TORCH_MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

const UNPACK: &str = "unpack it and give the file in it";
const WEIGHTS: &str = "take the same network's caffemodel, .h5, .mat, .pth or safetensors file";

/// Beginnings of files that are met where weights are published, and that are not read.
const OTHERS: [(&[u8], &str, &str); 17] = [
    (
        b"\x1f\x8b",
        "a gzip archive",
        "unpack it (tar xzf) and give the file in it",
    ),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (
        b"version https://git-lfs",
        "a pointer of Git LFS",
        "fetch the file itself: git lfs pull",
    ),
    (
        b"<",
        "an HTML or XML page, as a failed download leaves it",
        "download the file again",
    ),
    (
        b"{",
        "a JSON text, which has no weights",
        "give the .safetensors file itself; if this is an index of several files, load them and save them as one",
    ),
    (
        b"name:",
        "a prototxt of Caffe, which describes a network without its weights",
        "give the .caffemodel beside it",
    ),
    (
        b"layer",
        "a prototxt of Caffe, which describes a network without its weights",
        "give the .caffemodel beside it",
    ),
    (
        b"input:",
        "a prototxt of Caffe, which describes a network without its weights",
        "give the .caffemodel beside it",
    ),
    (b"GGUF", "a GGUF file (llama.cpp)", WEIGHTS),
    (
        b"(dp",
        "a pickle of protocol 0",
        "load it with Python and save it again: pickle.dump(object, file, protocol=4)",
    ),
    (
        b"(lp",
        "a pickle of protocol 0",
        "load it with Python and save it again: pickle.dump(object, file, protocol=4)",
    ),
    (
        b"4\n1\n",
        "a Torch 7 file in text form",
        "load it with Torch and save it again: torch.save(FILE, object)",
    ),
    (b"\x89PNG", "a picture", "give a file of weights"),
];

impl Format {
    /// The format of a file.
    pub(crate) fn recognise(file: &Bytes) -> Result<Self, ReadError> {
        if file.is_empty() {
            return Err(ReadError::unsupported("an empty file", "download it again"));
        }
        let known = OTHERS.iter().find(|(start, ..)| file.starts_with(start));
        if let Some(&(_, what, advice)) = known {
            return Err(ReadError::unsupported(what, advice));
        }
        if file.get(257..262) == Some(b"ustar") {
            return Err(ReadError::unsupported("a tar archive", UNPACK));
        }
        if file.get(4..8) == Some(b"TFL3") {
            return Err(ReadError::unsupported("a TensorFlow Lite model", WEIGHTS));
        }
        let head = &file[..file.len().min(64)];
        if head.starts_with(b"PK\x03\x04") {
            return archive(file);
        }
        if let Some(what) = other_protocol_buffer(head) {
            return Err(ReadError::unsupported(what, WEIGHTS));
        }
        if head.starts_with(b"\x80") && head.windows(TORCH_MAGIC.len()).any(|w| w == TORCH_MAGIC) {
            Ok(Self::PyTorchLegacy)
        } else if matches!(head, [0x80, 2..=5, ..]) {
            Ok(Self::Pickle)
        } else if head.starts_with(hdf5::MAGIC) {
            Ok(Self::Keras)
        } else if head.starts_with(b"MATLAB 5.0") {
            Ok(Self::Matlab)
        } else if head.starts_with(b"MATLAB 7.3") || file.get(512..520) == Some(hdf5::MAGIC) {
            Ok(Self::MatlabHdf5)
        } else if head.starts_with(torch7::OBJECT) || head.starts_with(torch7::TABLE) {
            Ok(Self::Torch7)
        } else if head.starts_with(npy::MAGIC) {
            Ok(Self::Npy)
        } else if head.get(8) == Some(&b'{') {
            Ok(Self::Safetensors)
        } else if begins_a_network(head) {
            Ok(Self::Caffe)
        } else {
            Err(ReadError::Unknown { start: start(head) })
        }
    }
}

/// The format of a zip archive.
fn archive(file: &Bytes) -> Result<Format, ReadError> {
    let archive = Archive::open(file).map_err(|problem| {
        let what =
            "a truncated or damaged zip archive (files of PyTorch, NumPy and Keras are such)";
        ReadError::unsupported(what, format!("download it again ({problem})"))
    })?;
    let names = archive.names();
    if let Some(folder) = torch::folder(&names) {
        let code = format!("{folder}constants.pkl");
        return Ok(match archive.has(&code) {
            true => Format::TorchScript,
            false => Format::PyTorchZip,
        });
    }
    if archive.has(keras::WEIGHTS) {
        return Ok(Format::KerasZip);
    }
    if names.iter().any(|name| name.ends_with(".npy")) {
        return Ok(Format::Npz);
    }
    if archive.has("config.json") {
        let what = "a .keras archive without its model.weights.h5";
        return Err(ReadError::unsupported(what, "save the model again"));
    }
    let held = names.iter().take(5).map(|name| format!("{name:?}"));
    let held = held.collect::<Vec<_>>().join(", ");
    let what = format!("a zip archive that holds {held}");
    let advice = "unpack it and give the file of weights in it";
    Err(ReadError::unsupported(what, advice))
}

/// What a protocol buffer is, if it begins like one of another program. ONNX has a version and the name of a producer,
/// TensorFlow's saved models a version and a message, its frozen graphs a message that begins with a name.
fn other_protocol_buffer(head: &[u8]) -> Option<&'static str> {
    match head {
        [0x08, version, 0x12, _, 0x0a, ..] | [0x08, version, 0x12, 0x80..=0xff, _, 0x0a, ..]
            if *version < 32 =>
        {
            Some("a saved model of TensorFlow")
        }
        [0x08, version, 0x12, _, letter, ..] if *version < 32 && letter.is_ascii_graphic() => {
            Some("an ONNX model")
        }
        [0x08, version, 0x3a, ..] if *version < 32 => Some("an ONNX model"),
        [0x0a, rest @ ..] => {
            let length = rest.iter().position(|b| b & 0x80 == 0)? + 1;
            match rest.get(length..)? {
                [0x0a, name, text @ ..] => {
                    let behind = text.get(usize::from(*name))?;
                    (*behind == 0x12).then_some("a frozen graph of TensorFlow (.pb)")
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a NetParameter begins so: with its name, a layer of either kind, or an input. Protocol buffers have no magic
/// number.
fn begins_a_network(head: &[u8]) -> bool {
    let key = |number: u16| number << 3 | 2;
    let first = match head {
        [low, high, ..] if low & 0x80 != 0 => u16::from(low & 0x7f) | u16::from(*high) << 7,
        [low, ..] => u16::from(*low),
        [] => return false,
    };
    [1, 2, 3, 100].map(key).contains(&first)
}

/// The first bytes for a message: as text where they are text.
fn start(head: &[u8]) -> String {
    match head {
        _ if head
            .iter()
            .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) =>
        {
            format!("{:?}", String::from_utf8_lossy(&head[..head.len().min(32)]))
        }
        _ => {
            let bytes = head.iter().take(8).map(|b| format!("{b:02x}"));
            format!("the bytes {}", bytes.collect::<Vec<_>>().join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_is_named() {
        let keras_config = b"PK\x03\x04".repeat(3);
        for (file, problem) in [
            (&b""[..], "empty"),
            (b"<!DOCTYPE html><title>404", "an HTML or XML page"),
            (b"\xff\xd8\xff\xe0", "ff d8 ff e0"),
            (b"\x1f\x8b\x08\0", "unpack it"),
            (
                b"version https://git-lfs.github.com/spec/v1\n",
                "git lfs pull",
            ),
            (
                b"{\"metadata\": {}, \"weight_map\": {}}",
                "an index of several files",
            ),
            (b"name: \"VGG_FACE_16_layers\"\n", "give the .caffemodel"),
            (b"GGUF\x03\0\0\0", "GGUF"),
            (b"\x1c\0\0\0TFL3\0\0", "TensorFlow Lite"),
            (b"\x08\x08\x12\x07pytorch\x1a\x06", "ONNX"),
            (
                b"\x08\x01\x12\x90\x01\x0a\x12\x01",
                "saved model of TensorFlow",
            ),
            (b"\x0a\x14\x0a\x05input\x12\x0bPlaceholder", "frozen graph"),
            (b"(dp0\nS'a'\n", "protocol=4"),
            (&keras_config, "damaged zip archive"),
            (b"some text", "\"some text\""),
        ] {
            let got = Format::recognise(&Bytes::copy_from_slice(file)).unwrap_err();
            let got = got.to_string();
            assert!(got.contains(problem), "{problem}: {got}");
        }
    }

    #[test]
    fn a_network_of_caffe_may_begin_in_four_ways() {
        for head in [
            &b"\x0a\x12VGG_FACE"[..],
            b"\x12\x12",
            b"\x1a\x04",
            b"\xa2\x06",
        ] {
            let head = Bytes::copy_from_slice(head);
            assert_eq!(Format::recognise(&head), Ok(Format::Caffe));
        }
    }
}
