//! The folder of a report: what each experiment found, so that a run that was stopped can go on.
//!
//! `run.json` says which run the folder belongs to, `parts/NAME.json` is what an experiment found, written when it is
//! complete, `pictures/NAME.png` are its pictures, and `networks/` holds trainings with their checkpoints.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use deepface_files::write_atomically;
use deepface_images::png;
use image::RgbImage;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::{PaperError, bytes};

/// What everything in a report depends on. Another identity is another run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of the program.
    pub version: String,
    /// SHA-256 of the names and labels of the photographs.
    pub data: String,
    /// SHA-256 of the network that is fine-tuned, if one was given.
    pub initial: Option<String>,
    /// Whether everything is as small as it can be.
    pub quick: bool,
    /// Seed of everything that is drawn.
    pub seed: u64,
}

/// Which of the served models an experiment depends on. With others it is made again, and the rest of the report stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// SHA-256 of the classifier's weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classifier: Option<String>,
    /// SHA-256 of the generator's statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
}

impl Basis {
    /// A name for files: the beginning of each digest.
    pub(crate) fn name(&self) -> String {
        const DIGITS: usize = 8;
        let digests = [&self.classifier, &self.generator].into_iter().flatten();
        let short = |digest: &String| digest.chars().take(DIGITS).collect::<String>();
        digests.map(short).collect::<Vec<_>>().join("-")
    }
}

/// What an experiment found, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Part<T> {
    basis: Basis,
    found: T,
}

/// The folder of a report.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    /// Locked while it is open.
    _lock: File,
}

impl Store {
    /// Opens the folder of a run, or creates it.
    ///
    /// # Errors
    /// It belongs to another run, another process is writing to it, or it cannot be read or written.
    pub(crate) fn open(folder: &Path, identity: &Identity) -> Result<Self, PaperError> {
        for part in ["parts", "pictures", "networks"] {
            let path = folder.join(part);
            fs::create_dir_all(&path).map_err(PaperError::at(&path))?;
        }
        let path = folder.join("lock");
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(PaperError::at(&path))?;
        if lock.try_lock().is_err() {
            return Err(PaperError::Busy(folder.to_owned()));
        }
        let store = Self {
            folder: folder.to_owned(),
            _lock: lock,
        };
        store.check(identity)?;
        Ok(store)
    }

    fn check(&self, identity: &Identity) -> Result<(), PaperError> {
        let path = self.folder.join("run.json");
        let Some(there) = read::<serde_json::Value>(&path)? else {
            return write(&path, identity);
        };
        let wanted = serde_json::to_value(identity).map_err(|e| malformed(&path, &e))?;
        let different = wanted.as_object().into_iter().flatten();
        let different = different.filter(|(name, value)| there.get(name) != Some(value));
        let differences: Vec<String> = different
            .map(|(name, value)| {
                let got = there.get(name).unwrap_or(&serde_json::Value::Null);
                format!("{name}: expected {}, got {}", said(value), said(got))
            })
            .collect();
        match differences.is_empty() {
            true => Ok(()),
            false => Err(PaperError::OtherRun {
                folder: self.folder.clone(),
                differences: differences.join(", "),
            }),
        }
    }

    /// What an experiment found, if it was completed on this basis.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub(crate) fn part<T: DeserializeOwned>(
        &self,
        name: &str,
        basis: &Basis,
    ) -> Result<Option<T>, PaperError> {
        let part: Option<Part<T>> = read(&self.part_file(name))?;
        let part = part.filter(|part| part.basis == *basis);
        Ok(part.map(|part| part.found))
    }

    /// Keeps what an experiment found.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn keep<T: Serialize>(
        &self,
        name: &str,
        basis: &Basis,
        found: &T,
    ) -> Result<(), PaperError> {
        let part = Part {
            basis: basis.clone(),
            found,
        };
        write(&self.part_file(name), &part)
    }

    /// Forgets what an experiment found.
    ///
    /// # Errors
    /// Its file cannot be removed.
    pub(crate) fn forget(&self, name: &str) -> Result<(), PaperError> {
        let path = self.part_file(name);
        fs::remove_file(&path).map_err(PaperError::at(&path))
    }

    /// Keeps a picture.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn keep_picture(&self, name: &str, picture: &RgbImage) -> Result<(), PaperError> {
        Ok(write_atomically(&self.picture_file(name), &png(picture)?)?)
    }

    /// A picture that was kept, as a PNG file.
    ///
    /// # Errors
    /// It is missing, or cannot be read.
    pub(crate) fn picture(&self, name: &str) -> Result<Vec<u8>, PaperError> {
        bytes(&self.picture_file(name))
    }

    /// Where a network is trained.
    pub(crate) fn network(&self, name: &str) -> PathBuf {
        self.folder
            .join("networks")
            .join(format!("{name}.safetensors"))
    }

    /// Writes a file of the report.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, PaperError> {
        let path = self.folder.join(name);
        write_atomically(&path, bytes)?;
        Ok(path)
    }

    fn part_file(&self, name: &str) -> PathBuf {
        self.folder.join("parts").join(format!("{name}.json"))
    }

    fn picture_file(&self, name: &str) -> PathBuf {
        self.folder.join("pictures").join(format!("{name}.png"))
    }
}

/// The beginning of a value: enough of a digest.
fn said(value: &serde_json::Value) -> String {
    let text = value.as_str().map_or(value.to_string(), str::to_owned);
    text.chars().take(12).collect()
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, PaperError> {
    match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        read => {
            let bytes = read.map_err(PaperError::at(path))?;
            let value = serde_json::from_slice(&bytes).map_err(|e| malformed(path, &e))?;
            Ok(Some(value))
        }
    }
}

fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), PaperError> {
    let text = serde_json::to_vec_pretty(value).map_err(|e| malformed(path, &e))?;
    Ok(write_atomically(path, &text)?)
}

fn malformed(path: &Path, problem: &dyn std::fmt::Display) -> PaperError {
    PaperError::Malformed {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            version: "1".to_owned(),
            data: "d".repeat(64),
            initial: None,
            quick: true,
            seed: 0,
        }
    }

    #[test]
    fn what_was_found_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &identity()).unwrap();
        let basis = |classifier: &str| Basis {
            classifier: Some(classifier.to_owned()),
            generator: None,
        };
        let found = |store: &Store, basis: &Basis| store.part::<Vec<f64>>("a", basis);
        assert_eq!(found(&store, &basis("c")).unwrap(), None);
        store.keep("a", &basis("c"), &[0.5, 1.0 / 3.0]).unwrap();
        drop(store);
        let store = Store::open(folder.path(), &identity()).unwrap();
        let values = Some(vec![0.5, 1.0 / 3.0]);
        assert_eq!(found(&store, &basis("c")).unwrap(), values);
        // With other models it is made again.
        assert_eq!(found(&store, &basis("d")).unwrap(), None);
        assert_eq!(found(&store, &Basis::default()).unwrap(), None);
        fs::write(folder.path().join("parts/a.json"), "[0.5").unwrap();
        let refused = found(&store, &basis("c")).unwrap_err().to_string();
        assert!(
            refused.contains("a.json: ") && refused.contains("remove it"),
            "{refused}"
        );
    }

    #[test]
    fn a_folder_belongs_to_one_run_and_one_process() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &identity()).unwrap();
        let busy = Store::open(folder.path(), &identity()).unwrap_err();
        assert!(matches!(busy, PaperError::Busy(_)), "{busy}");
        drop(store);
        let other = Identity {
            seed: 1,
            data: "e".repeat(64),
            ..identity()
        };
        let refused = Store::open(folder.path(), &other).unwrap_err().to_string();
        let expected = "data: expected eeeeeeeeeeee, got dddddddddddd, seed: expected 1, got 0";
        assert!(refused.contains(expected), "{refused}");
    }
}
