//! Files: images in, results out.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use deepface_client::{encoded_image, v1};
use deepface_images::ImageLimits;

use crate::args::FramingArgs;

/// Reads an image file, or standard input for `-`.
pub(crate) fn read_image(path: &Path, framing: FramingArgs) -> anyhow::Result<v1::Image> {
    // One byte above the limit, so that the service can explain it.
    let most = ImageLimits::default().bytes as u64 + 1;
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(encoded_image(bytes, framing.into()))
}

/// Writes a file completely or not at all.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    deepface_files::write_atomically(path, bytes)
        .with_context(|| format!("cannot write {}", path.display()))
}
