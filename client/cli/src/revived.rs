//! A face that is made again from what its picture says.

use std::path::{Path, PathBuf};

use deepface_client::v1;
use prost::Message;

use crate::{args::GenerateArgs, files, provenance::Made};

/// A picture whose face is made again.
#[derive(Clone, Debug)]
pub(crate) struct Revived {
    path: PathBuf,
    made: Made,
    request: v1::GenerateRequest,
}

impl Revived {
    /// Reads what a picture says.
    ///
    /// # Errors
    /// The file cannot be read, or is no face that this program made from attributes.
    pub(crate) async fn read(path: &Path) -> anyhow::Result<Self> {
        let owned = path.to_owned();
        let file = tokio::task::spawn_blocking(move || files::read(&owned)).await??;
        let made = Made::read(&file, path)?;
        Ok(Self {
            path: path.to_owned(),
            request: made.generate_request(path)?,
            made,
        })
    }

    /// The request of the picture, overridden by what was typed: attributes replace attributes, `--paper` replaces all
    /// settings, and other options replace single ones.
    pub(crate) fn overridden(
        &self,
        args: &GenerateArgs,
        typed: v1::GenerateRequest,
    ) -> v1::GenerateRequest {
        let mut request = self.request.clone();
        if !typed.attributes.is_empty() {
            request.attributes = typed.attributes;
        }
        if !typed.keep.is_empty() {
            request.keep = typed.keep;
        }
        request.seed = args.seed.unwrap_or(request.seed);
        request.stream = typed.stream;
        let settings = typed.settings.unwrap_or_default();
        let recorded = request.settings.get_or_insert_default();
        if args.target.paper {
            *recorded = settings;
        } else {
            merge(recorded, &settings);
        }
        request
    }

    /// The settings that were in force.
    pub(crate) fn settings(&self) -> Option<v1::GenerationSettings> {
        self.made.settings()
    }

    /// The factor by which the picture was enlarged.
    pub(crate) fn scale(&self) -> Option<u32> {
        self.made.scale
    }

    /// SHA-256 of the statistics file and of the classifier's weights.
    pub(crate) fn digests(&self) -> [&str; 2] {
        [&self.made.statistics, &self.made.classifier]
    }

    /// The picture.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Replaces the fields that the other message sets, as the wire format defines it.
fn merge(settings: &mut v1::GenerationSettings, other: &v1::GenerationSettings) {
    let before = settings.clone();
    if settings.merge(&other.encode_to_vec()[..]).is_err() {
        // What was just encoded can be decoded.
        *settings = before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_are_set_replace_those_of_the_picture() {
        let target = |layer: &str, variety| v1::TargetSettings {
            layer: layer.to_owned(),
            variety,
            ..Default::default()
        };
        let settings = |target, steps| v1::GenerationSettings {
            target: Some(target),
            inversion: Some(v1::InversionSettings {
                steps,
                learning_rate: Some(0.5),
                ..Default::default()
            }),
            preset: 0,
        };
        let mut merged = settings(target("fc6", Some(0.5)), Some(7));
        merge(&mut merged, &settings(target("", Some(0.0)), None));
        assert_eq!(merged, settings(target("fc6", Some(0.0)), Some(7)));
    }
}
