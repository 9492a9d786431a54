//! Where results go: each place is checked before a service starts, and written after the work.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use deepface_files::{Destination, Existing, OutputError};
use deepface_images::{About, PictureFormat, encode_picture};
use image::RgbImage;

use crate::printer::{self, PipeClosed};
use crate::usage::Usage;

/// The endings of animations.
pub(crate) const ANIMATION: &[&str] = &["gif"];
/// The endings of pages.
pub(crate) const PAGE: &[&str] = &["html", "htm"];
/// The endings of tensors.
pub(crate) const TENSORS: &[&str] = &["safetensors"];

/// A place for one result.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    flag: &'static str,
    destination: Destination,
}

impl Output {
    /// The place that a flag names. A file there that is not empty is replaced only with `--force`.
    ///
    /// # Errors
    /// [`Usage`] if its name has another ending; or it cannot be written to.
    pub(crate) fn typed(
        flag: &'static str,
        path: &Path,
        endings: &'static [&'static str],
        force: bool,
    ) -> anyhow::Result<Self> {
        Self::check(flag, path, endings, Existing::unless_forced(force))
    }

    /// The place that `--output` names, or else a file of this name, with a number if there is one already.
    ///
    /// # Errors
    /// As for [`Self::typed`].
    pub(crate) fn or_named(
        typed: Option<&PathBuf>,
        name: impl FnOnce() -> PathBuf,
        endings: &'static [&'static str],
        force: bool,
    ) -> anyhow::Result<Self> {
        match typed {
            Some(path) => Self::typed("--output", path, endings, force),
            None if force => Self::check("--output", &name(), endings, Existing::Replace),
            None => Self::check("--output", &name(), endings, Existing::Number),
        }
    }

    fn check(
        flag: &'static str,
        path: &Path,
        endings: &'static [&'static str],
        existing: Existing,
    ) -> anyhow::Result<Self> {
        match Destination::check(path, endings, existing) {
            Ok(destination) => Ok(Self { flag, destination }),
            Err(error @ OutputError::Ending { .. }) => {
                Err(Usage(format!("{flag}: {error}")).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The path as typed, or the default name.
    pub(crate) fn path(&self) -> &Path {
        self.destination.path()
    }

    /// Writes a result, and returns the path that it went to. A FIFO without a reader does not block other tasks.
    ///
    /// # Errors
    /// The place cannot be written to; [`PipeClosed`] if it is standard output and its reader has gone.
    pub(crate) async fn write(&self, bytes: Vec<u8>) -> anyhow::Result<PathBuf> {
        let destination = self.destination.clone();
        let written = tokio::task::spawn_blocking(move || destination.write(&bytes)).await?;
        written.map_err(|error| {
            let closed = error.kind() == io::ErrorKind::BrokenPipe;
            match self.destination.is_stdout() && closed {
                true => PipeClosed.into(),
                false => error.into(),
            }
        })
    }

    /// Writes a picture, in the format that the place asks for.
    ///
    /// # Errors
    /// As for [`Self::write`], or the picture is too large for the format.
    pub(crate) async fn write_picture(
        &self,
        picture: &RgbImage,
        about: &About,
    ) -> anyhow::Result<PathBuf> {
        let format = PictureFormat::of_ending(self.destination.ending());
        self.write(encode_picture(picture, format, about)?).await
    }
}

/// Refuses two results for one place.
pub(crate) fn distinct(outputs: &[Option<&Output>]) -> Result<(), Usage> {
    let outputs: Vec<_> = outputs.iter().flatten().collect();
    for (i, output) in outputs.iter().enumerate() {
        let mut before = outputs[..i].iter();
        let same = before.find(|before| before.destination.is_same(&output.destination));
        if let Some(before) = same {
            return Err(Usage(format!(
                "{}: expected another place than that of {}, got {}",
                output.flag,
                before.flag,
                output.path().display()
            )));
        }
    }
    Ok(())
}

/// Prints a summary on standard output, or on standard error if a result has gone to standard output.
pub(crate) fn summarise(outputs: &[Option<&Output>], text: &str) -> anyhow::Result<()> {
    let mut all = outputs.iter().flatten();
    match all.any(|output| output.destination.is_stdout()) {
        true => {
            // Nobody is there to be told if standard error is gone.
            let _ = io::stderr().lock().write_all(text.as_bytes());
            Ok(())
        }
        false => printer::print(text),
    }
}
