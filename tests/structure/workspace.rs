//! What the workspace consists of: its crates, their dependencies and ranks, and its files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold no source of ours.
const SKIPPED: [&str; 6] = ["target", "out", "gen", "shared", "venv", "node_modules"];

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

/// A path as the root sees it.
pub(crate) fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// All files under a folder, in the order of their names; hidden folders are left out, `.github` included.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') || SKIPPED.contains(&name.as_str()) || path.is_symlink() {
            continue;
        }
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// The folder of each member of the workspace, by the name of its crate.
pub(crate) fn folders() -> BTreeMap<String, PathBuf> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.split("members = [").nth(1).unwrap();
    let members = members.split(']').next().unwrap();
    let quoted = members.split('"').skip(1).step_by(2);
    quoted
        .map(|member| {
            let folder = root().join(member);
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            let name = manifest.split("name = \"").nth(1).unwrap();
            (name.split('"').next().unwrap().to_owned(), folder)
        })
        .collect()
}

/// The dependencies of each member, those of its tests and benchmarks included.
pub(crate) fn crates() -> BTreeMap<String, BTreeSet<String>> {
    let read = |folder: &Path| fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    folders()
        .into_iter()
        .map(|(name, folder)| (name, dependencies(&read(&folder))))
        .collect()
}

fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut found = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if inside && line.contains('=') && !line.starts_with('#') {
            let name = line.split(['.', '=']).next().unwrap_or("").trim();
            found.insert(name.to_owned());
        }
    }
    found
}

/// The rank of each crate, from the table under the heading "Ranks" of docs/architecture.md.
pub(crate) fn ranks() -> BTreeMap<String, usize> {
    let text = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let section = text.split("\n## Ranks").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut ranks = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if let Ok(rank) = cells[1].parse() {
            let names = cells[2].split('`').skip(1).step_by(2);
            for name in names {
                let before = ranks.insert(name.to_owned(), rank);
                assert_eq!(before, None, "{name} has two ranks");
            }
        }
    }
    ranks
}

#[test]
fn dependencies_are_read_in_every_spelling() {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\nb.workspace = true\n# c = 1\n[dev-dependencies]\n\
                    d = { path = \"d\" }\n[features]\ne = []\n[target.'cfg(unix)'.dependencies]\nf = \"1\"\n";
    let found: Vec<String> = dependencies(manifest).into_iter().collect();
    assert_eq!(found, ["b", "d", "f"]);
}
