//! Where the photographs of a data set are: the file of each row, in whatever folder, case and format.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::spelling::composed;
use crate::table::Key;

/// Endings of photographs; of several files with one name, the first counts.
const ENDINGS: [&str; 9] = [
    "jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "qoi",
];
/// Most folders below the data set's that are searched for files.
const MOST_ROOTS: usize = 64;

/// The folders of a data set, which are read when they are needed.
pub(crate) struct Places {
    dir: PathBuf,
    /// Folders of people by name, in the data set's folder; then in the folders in it.
    people: [Option<HashMap<String, PathBuf>>; 2],
    /// Folders that paths are relative to, and the one where the last photograph was.
    roots: Option<Vec<PathBuf>>,
    last: usize,
    /// Photographs by name without ending, of the folders that were looked through.
    listings: HashMap<PathBuf, HashMap<String, PathBuf>>,
}

impl Places {
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            people: [None, None],
            roots: None,
            last: 0,
            listings: HashMap::new(),
        }
    }

    /// The photograph of a row, if it is there. It is never outside of the data set's folder, whatever the row says.
    pub(crate) fn find(&mut self, key: &Key) -> Option<PathBuf> {
        match key {
            Key::Person(person, number) => self.of_person(person, *number),
            Key::File(path) => self.of_file(path),
        }
    }

    fn of_person(&mut self, person: &str, number: u32) -> Option<PathBuf> {
        let name = format!("{person}_{number:04}");
        for depth in 0..self.people.len() {
            let folders = self.people[depth].get_or_insert_with(|| people(&self.dir, depth));
            let Some(folder) = folders.get(person).cloned() else {
                continue;
            };
            let usual = folder.join(format!("{name}.jpg"));
            if usual.is_file() {
                return Some(usual);
            }
            if let Some(other) = self.listing(&folder).get(&name) {
                return Some(other.clone());
            }
        }
        None
    }

    fn of_file(&mut self, path: &str) -> Option<PathBuf> {
        let path = path.replace('\\', "/");
        let path = Path::new(&path);
        let below = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
        if path.as_os_str().is_empty() || !path.components().all(below) {
            return None;
        }
        let roots = self.roots.get_or_insert_with(|| roots(&self.dir)).clone();
        // Nearly always all are below one folder, so the last that worked is tried first.
        let order = || std::iter::once(self.last).chain(0..roots.len());
        let exact = order().find(|&i| roots.get(i).is_some_and(|r| r.join(path).is_file()));
        if let Some(i) = exact {
            self.last = i;
            return Some(roots[i].join(path));
        }
        let name = composed(&path.file_stem()?.to_string_lossy());
        let folder = path.parent().unwrap_or(Path::new(""));
        let folders: Vec<PathBuf> = order().map(|i| roots[i].join(folder)).collect();
        let mut listed = folders.iter().map(|f| self.listing(f).get(&name).cloned());
        listed.find_map(|found| found)
    }

    /// The photographs in a folder.
    fn listing(&mut self, folder: &Path) -> &HashMap<String, PathBuf> {
        let listings = &mut self.listings;
        listings
            .entry(folder.to_owned())
            .or_insert_with(|| photographs(folder))
    }
}

/// The folders of people by name: those in `dir`, or those one level below.
fn people(dir: &Path, depth: usize) -> HashMap<String, PathBuf> {
    let parents = match depth {
        0 => vec![dir.to_owned()],
        _ => folders(dir),
    };
    let all = parents.iter().flat_map(|parent| folders(parent));
    let named = all.filter_map(|folder| {
        let name = composed(&folder.file_name()?.to_string_lossy());
        Some((name.replace(' ', "_"), folder))
    });
    let mut people = HashMap::new();
    // The first of several counts.
    named.for_each(|(name, folder)| _ = people.entry(name).or_insert(folder));
    people
}

/// The folders that the paths of files may be relative to: two levels, as archives unpack.
fn roots(dir: &Path) -> Vec<PathBuf> {
    let first = folders(dir);
    let second = first.iter().flat_map(|folder| folders(folder));
    let all = std::iter::once(dir.to_owned())
        .chain(first.clone())
        .chain(second);
    all.take(MOST_ROOTS).collect()
}

/// The folders in a folder, in order; none where it cannot be read.
pub(crate) fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    // A link to a folder counts as one.
    let is_folder = |entry: &fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
        kind => kind.is_ok_and(|kind| kind.is_dir()),
    };
    let mut found: Vec<PathBuf> = entries.filter(is_folder).map(|e| e.path()).collect();
    found.sort();
    found
}

/// The photographs in a folder by name without ending.
fn photographs(folder: &Path) -> HashMap<String, PathBuf> {
    let rank = |path: &Path| {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        ENDINGS.iter().position(|&e| e == ending)
    };
    let mut found: HashMap<String, (usize, PathBuf)> = HashMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        // macOS's archives have a `._` companion of every file.
        let (Some(rank), false) = (rank(&path), name.starts_with("._")) else {
            continue;
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let best = found.entry(composed(&stem).replace(' ', "_"));
        let best = best.or_insert_with(|| (rank, path.clone()));
        if rank < best.0 {
            *best = (rank, path);
        }
    }
    let found = found.into_iter();
    found.map(|(name, (_, path))| (name, path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        dir
    }

    fn find(dir: &tempfile::TempDir, key: Key) -> Option<String> {
        let found = Places::new(dir.path()).find(&key)?;
        let below = found.strip_prefix(dir.path()).unwrap();
        Some(below.to_str().unwrap().replace('\\', "/"))
    }

    fn person(name: &str, number: u32) -> Key {
        Key::Person(name.into(), number)
    }

    #[test]
    fn photographs_of_people_are_found_in_every_usual_spelling() {
        let dir = made(&[
            "A_B/A_B_0001.jpg",
            "A_B/A_B_0002.JPG",
            "A_B/._A_B_0003.jpg",
            "A_B/A_B_0004.png",
            "A_B/A_B_0004.Jpeg",
            "photos/Zoe\u{301}/Zoe\u{301}_0001.jpg",
        ]);
        let found = |n| find(&dir, person("A_B", n));
        assert_eq!(found(1).unwrap(), "A_B/A_B_0001.jpg");
        assert_eq!(found(2).unwrap(), "A_B/A_B_0002.JPG");
        assert_eq!(found(3), None);
        assert_eq!(found(4).unwrap(), "A_B/A_B_0004.Jpeg");
        assert!(
            find(&dir, person("Zo\u{e9}", 1))
                .unwrap()
                .starts_with("photos/")
        );
        assert_eq!(find(&dir, person("../A_B", 1)), None);
    }

    #[test]
    fn files_are_found_below_the_folder_only() {
        let dir = made(&["img/celeba/000001.jpg", "img/celeba/000002.png", "b/c.jpg"]);
        let found = |path: &str| find(&dir, Key::File(path.into()));
        assert_eq!(found("000001.jpg").unwrap(), "img/celeba/000001.jpg");
        assert_eq!(found("000002.jpg").unwrap(), "img/celeba/000002.png");
        assert_eq!(found("b\\c.jpg").unwrap(), "b/c.jpg");
        let outside = dir.path().join("b/c.jpg").to_string_lossy().into_owned();
        for path in ["", "000003.jpg", "../x.jpg", "b/../b/c.jpg", &outside] {
            assert_eq!(found(path), None, "{path}");
        }
    }
}
