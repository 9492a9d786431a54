//! Files: images in, results out.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use deepface_client::{encoded_image, v1};

use crate::args::FramingArgs;

/// The service takes 16 MiB; one byte more lets it say so.
const MAX_IMAGE_BYTES: u64 = (16 << 20) + 1;

/// Reads an image file, or standard input for `-`.
pub(crate) fn read_image(path: &Path, framing: FramingArgs) -> anyhow::Result<v1::Image> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin()
            .lock()
            .take(MAX_IMAGE_BYTES)
            .read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_IMAGE_BYTES).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(encoded_image(bytes, framing.into()))
}

/// Writes a file so that it is there whole or not at all.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    deepface_serve::write_atomically(path, bytes)
        .with_context(|| format!("cannot write {}", path.display()))
}
