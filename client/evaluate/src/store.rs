//! The faces of a run, stored as they are made, so that a run that was stopped can continue.
//!
//! `run.json` says which run a folder belongs to, `faces/METHOD/SET-SEED.png` are the faces, and `results.jsonl` has a line
//! for each, written when its face is complete. A truncated line or a missing face is made again.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use deepface_client::SettingsInForce;
use deepface_files::{OutputError, write_atomically};
use image::{ImageFormat, RgbImage};
use serde::{Deserialize, Serialize};

/// What every face of a run depends on, besides method, set and seed. Another identity is another run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// SHA-256 of the photographs and their labels.
    pub data: String,
    /// Number of attribute sets.
    pub sets: usize,
    /// Seed of the choice of photographs.
    pub seed: u64,
    /// Whether attributes that a photograph does not have are requested as absent.
    pub with_negatives: bool,
    /// SHA-256 of the classifier's weights.
    pub classifier: String,
    /// SHA-256 of the generator's statistics.
    pub generator: String,
    /// SHA-256 of the generator's defaults, as an encoded `GenerationSettings` message.
    pub defaults: String,
    /// SHA-256 of the judge.
    pub judge: String,
    /// SHA-256 of the second judge.
    pub second_judge: String,
    /// SHA-256 of the identity network.
    pub identity: String,
}

/// Which face of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Key {
    /// Name of the method.
    pub(crate) method: String,
    /// Number of the attribute set.
    pub(crate) set: usize,
    /// Number of the face among those of its method and set, from 0. The generator gets it added to the first seed of the
    /// set.
    pub(crate) seed: u64,
}

/// How a face was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Which face.
    #[serde(flatten)]
    pub(crate) key: Key,
    /// Time from the request to the face, in seconds.
    pub(crate) seconds: f64,
    /// The settings in force.
    pub(crate) settings: SettingsInForce,
    /// Loss before each step.
    pub(crate) losses: Vec<f32>,
}

/// Why results cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file cannot be read, or a folder cannot be created.
    #[error("{path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] OutputError),
    /// A file of the folder cannot be understood.
    #[error("{path}{}: {problem}", line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: Option<usize>,
        /// What is wrong with it.
        problem: String,
    },
    /// The folder belongs to another run.
    #[error(
        "{folder} holds another run ({differences}); choose another folder, or remove this one"
    )]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// What differs: name, value found, value expected.
        differences: String,
    },
    /// Another process is writing to the folder.
    #[error("another evaluation is writing to {0}")]
    Busy(PathBuf),
}

/// The results of a run in its folder.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    /// Locked while it is open.
    lines: File,
    entries: HashMap<Key, Entry>,
}

impl Store {
    /// Opens the folder of a run, or creates it.
    ///
    /// # Errors
    /// It belongs to another run, another process is writing to it, or it cannot be read or written.
    pub(crate) fn open(folder: &Path, identity: &Identity) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(at(folder))?;
        let path = folder.join("results.jsonl");
        let mut options = OpenOptions::new();
        let options = options.read(true).append(true).create(true);
        let mut lines = options.open(&path).map_err(at(&path))?;
        if lines.try_lock().is_err() {
            return Err(StoreError::Busy(folder.to_owned()));
        }
        check_identity(folder, identity)?;
        let entries = read_lines(&mut lines, &path)?;
        Ok(Self {
            folder: folder.to_owned(),
            lines,
            entries,
        })
    }

    /// How a face was made; `None` if it is missing.
    pub(crate) fn entry(&self, key: &Key) -> Option<&Entry> {
        let entry = self.entries.get(key)?;
        self.face_file(key).is_file().then_some(entry)
    }

    /// A face that was made.
    ///
    /// # Errors
    /// It cannot be read, or is not a PNG image.
    pub(crate) fn face(&self, key: &Key) -> Result<RgbImage, StoreError> {
        let path = self.face_file(key);
        let file = fs::read(&path).map_err(at(&path))?;
        let image = image::load_from_memory_with_format(&file, ImageFormat::Png);
        let image = image.map_err(|e| malformed(&path, None, &e))?;
        Ok(image.into_rgb8())
    }

    /// Stores a face, as PNG, and how it was made.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn keep(&mut self, entry: Entry, png: &[u8]) -> Result<(), StoreError> {
        let path = self.face_file(&entry.key);
        write_file(&path, png)?;
        let results = self.folder.join("results.jsonl");
        let mut line = serde_json::to_vec(&entry).map_err(|e| malformed(&results, None, &e))?;
        line.push(b'\n');
        // One write, so that only the last line of the file can be truncated.
        self.lines.write_all(&line).map_err(at(&results))?;
        self.entries.insert(entry.key.clone(), entry);
        Ok(())
    }

    /// Writes a file of the report.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.folder.join(name);
        write_file(&path, bytes)?;
        Ok(path)
    }

    fn face_file(&self, key: &Key) -> PathBuf {
        let name = format!("{:03}-{}.png", key.set, key.seed);
        self.folder.join("faces").join(&key.method).join(name)
    }
}

/// Checks the identity of a folder; a new folder gets this one.
fn check_identity(folder: &Path, identity: &Identity) -> Result<(), StoreError> {
    let path = folder.join("run.json");
    let wrong = |e: serde_json::Error| malformed(&path, None, &e);
    let text = match fs::read_to_string(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let text = serde_json::to_vec_pretty(identity).map_err(wrong)?;
            return write_file(&path, &text);
        }
        read => read.map_err(at(&path))?,
    };
    let there: serde_json::Value = serde_json::from_str(&text).map_err(wrong)?;
    let wanted = serde_json::to_value(identity).map_err(wrong)?;
    let differences = differences(&there, &wanted);
    if differences.is_empty() {
        return Ok(());
    }
    Err(StoreError::OtherRun {
        folder: folder.to_owned(),
        differences: differences.join(", "),
    })
}

fn differences(there: &serde_json::Value, wanted: &serde_json::Value) -> Vec<String> {
    let wanted = wanted.as_object().into_iter().flatten();
    let different = wanted.filter(|(name, value)| there.get(name) != Some(value));
    let said = |value: &serde_json::Value| {
        let text = value.as_str().map_or(value.to_string(), str::to_owned);
        // The beginning of a digest is enough.
        text.chars().take(12).collect::<String>()
    };
    different
        .map(|(name, value)| {
            let there = there.get(name).map_or("missing".to_owned(), said);
            format!("{name}: expected {}, got {there}", said(value))
        })
        .collect()
}

/// Reads the complete lines and truncates the file after them.
fn read_lines(file: &mut File, path: &Path) -> Result<HashMap<Key, Entry>, StoreError> {
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(at(path))?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        file.set_len(whole as u64).map_err(at(path))?;
        file.seek(io::SeekFrom::End(0)).map_err(at(path))?;
    }
    let mut entries = HashMap::new();
    for (number, line) in text[..whole].lines().enumerate() {
        let entry: Entry =
            serde_json::from_str(line).map_err(|e| malformed(path, Some(number + 1), &e))?;
        entries.insert(entry.key.clone(), entry);
    }
    Ok(entries)
}

/// Writes a file, and creates its folder if needed.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(at(folder))?;
    Ok(write_atomically(path, bytes)?)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    |source| StoreError::Io { path, source }
}

fn malformed(path: &Path, line: Option<usize>, problem: &dyn std::fmt::Display) -> StoreError {
    StoreError::Malformed {
        path: path.to_owned(),
        line,
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn identity() -> Identity {
        Identity {
            data: "d".repeat(64),
            sets: 8,
            seed: 0,
            with_negatives: false,
            classifier: "c".repeat(64),
            generator: "g".repeat(64),
            defaults: "s".repeat(64),
            judge: "j".repeat(64),
            second_judge: "s".repeat(64),
            identity: "i".repeat(64),
        }
    }

    fn entry(set: usize) -> Entry {
        Entry {
            key: Key {
                method: "default".to_owned(),
                set,
                seed: 3,
            },
            seconds: 0.5,
            settings: SettingsInForce::default(),
            losses: vec![1.0, 0.25],
        }
    }

    fn face(grey: u8) -> (RgbImage, Vec<u8>) {
        let image = RgbImage::from_pixel(4, 4, image::Rgb([grey; 3]));
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, ImageFormat::Png).unwrap();
        (image, file.into_inner())
    }

    #[test]
    fn stored_faces_are_there_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let mut store = Store::open(&path, &identity()).unwrap();
        assert!(store.entry(&entry(1).key).is_none());
        store.keep(entry(1), &face(90).1).unwrap();
        store.keep(entry(2), &face(91).1).unwrap();
        let busy = Store::open(&path, &identity()).unwrap_err();
        assert!(matches!(busy, StoreError::Busy(_)), "{busy}");
        drop(store);
        let store = Store::open(&path, &identity()).unwrap();
        assert_eq!(store.entry(&entry(1).key), Some(&entry(1)));
        assert_eq!(store.face(&entry(2).key).unwrap(), face(91).0);
        assert!(store.entry(&entry(3).key).is_none());
        fs::remove_file(path.join("faces/default/001-3.png")).unwrap();
        assert!(store.entry(&entry(1).key).is_none());
    }

    #[test]
    fn only_a_truncated_line_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), &identity()).unwrap();
        store.keep(entry(1), &face(90).1).unwrap();
        store.keep(entry(2), &face(91).1).unwrap();
        drop(store);
        let lines = folder.path().join("results.jsonl");
        let text = fs::read_to_string(&lines).unwrap();
        fs::write(&lines, &text[..text.len() - 5]).unwrap();
        let mut store = Store::open(folder.path(), &identity()).unwrap();
        assert!(store.entry(&entry(1).key).is_some() && store.entry(&entry(2).key).is_none());
        store.keep(entry(3), &face(92).1).unwrap();
        drop(store);
        let store = Store::open(folder.path(), &identity()).unwrap();
        assert!(store.entry(&entry(1).key).is_some() && store.entry(&entry(3).key).is_some());
        drop(store);
        fs::write(&lines, "{}\n").unwrap();
        let said = Store::open(folder.path(), &identity())
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("results.jsonl, line 1: missing field"),
            "{said}"
        );
    }

    #[test]
    fn runs_are_not_mixed() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path(), &identity()).unwrap());
        let other = Identity {
            sets: 64,
            judge: "k".repeat(64),
            ..identity()
        };
        let said = Store::open(folder.path(), &other).unwrap_err().to_string();
        assert!(said.contains("sets: expected 64, got 8"), "{said}");
        assert!(
            said.contains("judge: expected kkkkkkkkkkkk, got jjjjjjjjjjjj"),
            "{said}"
        );
        drop(Store::open(folder.path(), &identity()).unwrap());
    }
}
