//! The faces of a run, kept as they are made, so that a run that was stopped goes on.
//!
//! `run.json` says which run a folder belongs to, `faces/METHOD/SET-SEED.png` are the faces, and `results.jsonl` has a line
//! for each, written when its face is whole. A line that was cut off, and a face that is not there, are made again.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use serde::{Deserialize, Serialize};

/// What decides every face of a run besides method, set and seed. Another identity is another run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// SHA-256 of the photographs and their labels.
    pub data: String,
    /// Number of attribute sets.
    pub sets: usize,
    /// What the photographs were chosen by.
    pub seed: u64,
    /// Whether attributes that a photograph does not have are asked to be absent.
    pub with_negatives: bool,
    /// SHA-256 of the classifier's weights.
    pub classifier: String,
    /// SHA-256 of the generator's statistics.
    pub generator: String,
    /// SHA-256 of the generator's defaults.
    pub defaults: String,
    /// SHA-256 of the judge.
    pub judge: String,
}

/// Which face of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Name of the method.
    pub method: String,
    /// Number of the attribute set.
    pub set: usize,
    /// Seed of the generator.
    pub seed: u64,
}

/// How a face was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Which it is.
    #[serde(flatten)]
    pub key: Key,
    /// Time from the request to the face, in seconds.
    pub seconds: f64,
    /// The settings in force.
    pub settings: String,
    /// Loss before each step.
    pub losses: Vec<f32>,
}

/// Why results cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file of the folder is none of ours.
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
    #[error("{folder} holds another run ({differences}); choose another folder or remove it")]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// What differs: name, what is there, what is wanted.
        differences: String,
    },
    /// Another process writes into the folder.
    #[error("another evaluation writes into {0}")]
    Busy(PathBuf),
}

/// The results of a run in its folder.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Locked as long as it is open.
    lines: File,
    entries: HashMap<Key, Entry>,
}

impl Store {
    /// Opens the folder of a run, or makes it.
    ///
    /// # Errors
    /// It belongs to another run, another process writes into it, or it cannot be read or written.
    pub fn open(folder: &Path, identity: &Identity) -> Result<Self, StoreError> {
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

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is known of a face; `None` where it has yet to be made.
    pub fn entry(&self, key: &Key) -> Option<&Entry> {
        let entry = self.entries.get(key)?;
        self.face_file(key).is_file().then_some(entry)
    }

    /// A face that was made.
    ///
    /// # Errors
    /// It cannot be read, or is no PNG.
    pub fn face(&self, key: &Key) -> Result<RgbImage, StoreError> {
        let path = self.face_file(key);
        let file = fs::read(&path).map_err(at(&path))?;
        let image = image::load_from_memory_with_format(&file, ImageFormat::Png);
        let image = image.map_err(|e| malformed(&path, None, &e))?;
        Ok(image.into_rgb8())
    }

    /// Keeps a face, a PNG, and how it was made.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&mut self, entry: Entry, png: &[u8]) -> Result<(), StoreError> {
        let path = self.face_file(&entry.key);
        write_whole(&path, png)?;
        let results = self.folder.join("results.jsonl");
        let mut line = serde_json::to_vec(&entry).map_err(|e| malformed(&results, None, &e))?;
        line.push(b'\n');
        // One write, so that lines are cut off at the end of the file only.
        self.lines.write_all(&line).map_err(at(&results))?;
        self.entries.insert(entry.key.clone(), entry);
        Ok(())
    }

    /// Writes a file of the report.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.folder.join(name);
        write_whole(&path, bytes)?;
        Ok(path)
    }

    fn face_file(&self, key: &Key) -> PathBuf {
        let name = format!("{:03}-{}.png", key.set, key.seed);
        self.folder.join("faces").join(&key.method).join(name)
    }
}

/// Reads the identity of a folder, or gives it one.
fn check_identity(folder: &Path, identity: &Identity) -> Result<(), StoreError> {
    let path = folder.join("run.json");
    let wrong = |e: serde_json::Error| malformed(&path, None, &e);
    let text = match fs::read_to_string(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let text = serde_json::to_vec_pretty(identity).map_err(wrong)?;
            return write_whole(&path, &text);
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
        // Digests are told apart by their beginning.
        text.chars().take(12).collect::<String>()
    };
    different
        .map(|(name, value)| {
            let there = there.get(name).map_or("not said".to_owned(), said);
            format!("{name} is {there}, not {}", said(value))
        })
        .collect()
}

/// Reads the lines that are whole and cuts off what comes after them.
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

/// Writes a file, and its folder where that is not there.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(at(folder))?;
    deepface_files::write_atomically(path, bytes).map_err(at(path))
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
            settings: String::new(),
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
    fn what_was_made_is_there_the_next_time() {
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
    fn a_line_that_was_cut_off_is_forgotten_and_others_are_not() {
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
        assert!(said.contains("sets is 8, not 64"), "{said}");
        assert!(
            said.contains("judge is jjjjjjjjjjjj, not kkkkkkkkkkkk"),
            "{said}"
        );
        drop(Store::open(folder.path(), &identity()).unwrap());
    }
}
