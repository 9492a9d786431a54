//! Tells formats apart by how their files begin.

use crate::{Format, ReadError};

/// The number 0x1950a86a20f9469cfc6c as a pickle has it, with which PyTorch's older files begin.
const TORCH_MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// Beginnings of files that are met where weights are published.
const OTHERS: [(&[u8], &str, &str); 5] = [
    (
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file (Keras)",
        "save its weights as safetensors, kernels as [out, in, height, width]",
    ),
    (
        b"MATLAB 5.0",
        "a MATLAB file (MatConvNet)",
        "take the caffemodel or the .pth of the same network",
    ),
    (
        b"\x1f\x8b",
        "a gzip archive",
        "unpack it (tar xzf) and give the file within",
    ),
    (
        b"BZh",
        "a bzip2 archive",
        "unpack it and give the file within",
    ),
    (
        b"\x04\x00\x00\x00\x01\x00\x00\x00",
        "a Torch 7 file (.t7)",
        "take the caffemodel or the .pth of the same network",
    ),
];

impl Format {
    /// The format of a file.
    pub(crate) fn recognise(file: &[u8]) -> Result<Self, ReadError> {
        let known = OTHERS.iter().find(|(start, ..)| file.starts_with(start));
        if let Some(&(_, what, advice)) = known {
            return Err(ReadError::Unsupported { what, advice });
        }
        if file.get(257..262) == Some(b"ustar") {
            let (what, advice) = ("a tar archive", "unpack it and give the file within");
            return Err(ReadError::Unsupported { what, advice });
        }
        let head = &file[..file.len().min(32)];
        if head.starts_with(b"PK\x03\x04") {
            Ok(Self::PyTorchZip)
        } else if head.starts_with(b"\x80")
            && head.windows(TORCH_MAGIC.len()).any(|w| w == TORCH_MAGIC)
        {
            Ok(Self::PyTorchLegacy)
        } else if head.get(8) == Some(&b'{') {
            Ok(Self::Safetensors)
        } else if begins_a_network(head) {
            Ok(Self::Caffe)
        } else {
            Err(ReadError::Unknown { start: start(head) })
        }
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

/// The first bytes for a message: as text where they are text, for a download that failed is often a page.
fn start(head: &[u8]) -> String {
    match head {
        [] => "nothing: it is empty".into(),
        _ if head
            .iter()
            .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) =>
        {
            format!("{:?}", String::from_utf8_lossy(head))
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
        let problem = |file: &[u8]| Format::recognise(file).unwrap_err().to_string();
        assert!(problem(b"").contains("empty"));
        assert!(problem(b"<!DOCTYPE html><title>404").contains("<!DOCTYPE html>"));
        assert!(problem(b"\xff\xd8\xff\xe0").contains("ff d8 ff e0"));
        assert!(problem(b"\x89HDF\r\n\x1a\n\0").contains("HDF5"));
        assert!(problem(b"\x1f\x8b\x08\0").contains("unpack it"));
        assert!(problem(b"\x80\x02}q\0.").contains("80 02"));
    }

    #[test]
    fn a_network_of_caffe_may_begin_in_four_ways() {
        for head in [b"\x0a\x12", b"\x12\x12", b"\x1a\x04", b"\xa2\x06"] {
            assert_eq!(Format::recognise(head), Ok(Format::Caffe));
        }
    }
}
