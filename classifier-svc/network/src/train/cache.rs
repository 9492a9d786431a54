//! Activations on disk: a file of records of one size, each with a checksum, so that damaged or missing records and
//! those of another run are noticed and computed again, never trusted.
//!
//! The file begins with a text that says what it holds. A record is its SHA-256 in hexadecimal (over its number and
//! the rest), the largest of its values, and every value as a 16-bit share of the largest: what a rectifier or a
//! pooling behind one gives is never below 0. That is 128 times as fine, measured at the largest value, as 16-bit
//! floats are, and nothing is too large for it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, ensure};
use deepface_files::sha256;
use rayon::prelude::*;

/// What a file of this kind begins with.
const MAGIC: &str = "deepface activations 1";
/// Bytes of a checksum.
const CHECKSUM: usize = 64;
/// Bytes written at a time to reserve the space.
const RESERVED: usize = 1 << 20;

/// A file of activations.
pub(super) struct Cache {
    path: PathBuf,
    /// Read and written by one at a time; what costs time are the checksums.
    file: Mutex<File>,
    /// Bytes before the first record.
    header: u64,
    /// Values of a record.
    values: usize,
    count: usize,
}

impl Cache {
    /// Opens a cache of `count` records or makes one, with all the space that it will need; `content` says what it
    /// holds, in one line. Gives also the numbers of the records that are still to be put in.
    ///
    /// # Errors
    /// It would take more than `limit` bytes, or the disk does not hold it.
    pub(super) fn open(
        path: &Path,
        content: &str,
        [count, values]: [usize; 2],
        limit: u64,
    ) -> anyhow::Result<(Self, Vec<usize>)> {
        let header = format!("{MAGIC}\n{content}\n");
        let size = header.len() as u64 + count as u64 * record(values) as u64;
        ensure!(
            size <= limit,
            "--cache-limit: the activations of {count} views take {size} bytes, the limit is {limit}; raise it, \
             or use fewer --views or a higher stage for --freeze-below"
        );
        let failed = || format!("cannot write {}", path.display());
        let options = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let cache = Self {
            path: path.to_owned(),
            file: options.with_context(failed)?.into(),
            header: header.len() as u64,
            values,
            count,
        };
        let kept = cache.file().metadata().with_context(failed)?.len() > 0;
        let kept = kept && cache.begins_with(&header);
        if !kept {
            cache.file().set_len(0).with_context(failed)?;
            let written = cache.write_at(header.as_bytes(), 0);
            written.with_context(failed)?;
        }
        let reserved = cache.reserve(size);
        reserved.with_context(|| format!("cannot reserve {size} bytes for {}", path.display()))?;
        let missing = if kept {
            cache.missing()?
        } else {
            (0..count).collect()
        };
        Ok((cache, missing))
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let mut file = self.file();
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(bytes)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut file = self.file();
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn begins_with(&self, header: &str) -> bool {
        let mut found = vec![0; header.len()];
        let read = self.read_at(&mut found, 0);
        let own = read.is_ok() && found == header.as_bytes();
        if !own {
            deepface_files::note!(
                "{} holds other activations: computing them again",
                self.path.display()
            );
        }
        own
    }

    /// Gives the file its size, and the disk the chance to be too small before hours of work.
    fn reserve(&self, size: u64) -> io::Result<()> {
        let mut at = self.file().metadata()?.len();
        let zeros = vec![0; RESERVED];
        while at < size {
            let part = (size - at).min(RESERVED as u64);
            self.write_at(&zeros[..part as usize], at)?;
            at += part;
        }
        self.file().set_len(size)
    }

    fn missing(&self) -> anyhow::Result<Vec<usize>> {
        let numbers = (0..self.count).into_par_iter();
        let read = numbers.map(|at| Ok(self.read(at)?.is_none().then_some(at)));
        let read = read.collect::<io::Result<Vec<_>>>();
        let missing: Vec<usize> = read
            .with_context(|| self.unreadable())?
            .into_iter()
            .flatten()
            .collect();
        let all = self.count;
        deepface_files::note!(
            "{}: {} of {all} records are there",
            self.path.display(),
            all - missing.len()
        );
        Ok(missing)
    }

    fn unreadable(&self) -> String {
        format!("cannot read {}", self.path.display())
    }

    /// Writes a record.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn put(&self, at: usize, values: &[f32]) -> anyhow::Result<()> {
        let largest = values.iter().fold(0.0_f32, |m, &x| m.max(x));
        let unit = if largest > 0.0 {
            65535.0 / largest
        } else {
            0.0
        };
        let mut bytes = vec![0; CHECKSUM];
        bytes.extend(largest.to_le_bytes());
        bytes.extend(
            values
                .iter()
                .flat_map(|x| ((x * unit).round() as u16).to_le_bytes()),
        );
        let sum = checksum(at, &bytes[CHECKSUM..]);
        bytes[..CHECKSUM].copy_from_slice(sum.as_bytes());
        let written = self.write_at(&bytes, self.place(at));
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Reads a record.
    ///
    /// # Errors
    /// The file cannot be read, or the record is damaged.
    pub(super) fn get(&self, at: usize) -> anyhow::Result<Vec<f32>> {
        let read = self.read(at).with_context(|| self.unreadable())?;
        read.with_context(|| {
            let path = self.path.display();
            format!("{path}: record {at} is damaged; start again to recompute it")
        })
    }

    /// Reads a record; `None` where its checksum is not that of its content.
    fn read(&self, at: usize) -> io::Result<Option<Vec<f32>>> {
        let mut bytes = vec![0; record(self.values)];
        self.read_at(&mut bytes, self.place(at))?;
        let (sum, content) = bytes.split_at(CHECKSUM);
        if sum != checksum(at, content).as_bytes() {
            return Ok(None);
        }
        let (largest, values) = content.split_at(size_of::<f32>());
        let largest = largest
            .as_chunks()
            .0
            .first()
            .copied()
            .map_or(0.0, f32::from_le_bytes);
        let unit = largest / 65535.0;
        let values = values.as_chunks().0.iter();
        let values = values.map(|&b| f32::from(u16::from_le_bytes(b)) * unit);
        Ok(Some(values.collect()))
    }

    fn place(&self, at: usize) -> u64 {
        self.header + at as u64 * record(self.values) as u64
    }
}

/// Bytes of a record.
fn record(values: usize) -> usize {
    CHECKSUM + size_of::<f32>() + values * size_of::<u16>()
}

/// A record in the wrong place is a damaged one.
fn checksum(at: usize, content: &[u8]) -> String {
    let mut all = (at as u64).to_le_bytes().to_vec();
    all.extend(content);
    sha256(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = 5;
    const VALUES: usize = 40;

    fn values(at: usize) -> Vec<f32> {
        let value = |i| ((i * 7 + at) % 11) as f32 * 1e4;
        (0..VALUES).map(value).collect()
    }

    fn open(path: &Path, content: &str) -> (Cache, Vec<usize>) {
        Cache::open(path, content, [COUNT, VALUES], 1 << 20).unwrap()
    }

    fn filled(path: &Path) -> Cache {
        let (cache, missing) = open(path, "a");
        assert_eq!(missing, [0, 1, 2, 3, 4]);
        missing
            .iter()
            .for_each(|&at| cache.put(at, &values(at)).unwrap());
        cache
    }

    #[test]
    fn what_is_put_in_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.activations");
        filled(&path);
        let (cache, missing) = open(&path, "a");
        assert!(missing.is_empty());
        for at in 0..COUNT {
            let back = cache.get(at).unwrap();
            let pairs = back.iter().zip(values(at));
            pairs.for_each(|(b, v)| assert!((b - v).abs() <= 1e5 / 131_070.0 * 1.01, "{b} {v}"));
        }
        cache.put(2, &[0.0; VALUES]).unwrap();
        assert_eq!(cache.get(2).unwrap(), [0.0; VALUES]);
    }

    #[test]
    fn any_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.activations");
        let cache = filled(&path);
        let whole = std::fs::read(&path).unwrap();
        for offset in [0, 63, 64, 67, 68, record(VALUES) - 1] {
            let mut damaged = whole.clone();
            damaged[cache.place(3) as usize + offset] ^= 1;
            std::fs::write(&path, damaged).unwrap();
            let (cache, missing) = open(&path, "a");
            assert_eq!(missing, [3], "at byte {offset}");
            assert!(
                cache
                    .get(3)
                    .unwrap_err()
                    .to_string()
                    .contains("record 3 is damaged")
            );
        }
        // One record in another's place, and a file that ends too early or too late.
        let mut moved = whole.clone();
        let [from, to] = [1, 2].map(|at| cache.place(at) as usize);
        moved.copy_within(from..from + record(VALUES), to);
        std::fs::write(&path, moved).unwrap();
        assert_eq!(open(&path, "a").1, [2]);
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(open(&path, "a").1, [4]);
        std::fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
        assert!(open(&path, "a").1.is_empty());
    }

    #[test]
    fn another_cache_is_not_taken_for_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.activations");
        filled(&path);
        assert_eq!(open(&path, "b").1.len(), COUNT);
        filled_again(&path);
        std::fs::write(&path, "x").unwrap();
        assert_eq!(open(&path, "a").1.len(), COUNT);
    }

    fn filled_again(path: &Path) {
        assert_eq!(
            open(path, "a").1.len(),
            COUNT,
            "nothing of the other cache is left"
        );
    }

    #[test]
    fn too_large_a_cache_is_refused_before_it_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.activations");
        let Err(problem) = Cache::open(&path, "a", [COUNT, VALUES], 700) else {
            panic!("it fits");
        };
        let problem = problem.to_string();
        assert!(
            problem.starts_with("--cache-limit: the activations of 5 views take"),
            "{problem}"
        );
        assert!(problem.contains("the limit is 700"), "{problem}");
        assert!(!path.exists());
    }
}
