//! The structure of the workspace, held against docs/architecture.md: ranks of crates, circles of imports, long files.
//!
//! `cargo test --release -p deepface-tests --test structure` shows every violation with its files.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod circles;
mod imports;
mod tokens;
mod workspace;

use std::{fs, path::Path};

use workspace::{crates, files, ranks, relative, root};

/// Lines of a source file, at most. Generated bindings are exempt.
const MOST_LINES: usize = 500;

fn sources(extensions: &[&str]) -> Vec<(String, String)> {
    let is_source = |path: &Path| {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        extensions.contains(&extension)
    };
    let sources = files(&root()).into_iter().filter(|path| is_source(path));
    sources
        .map(|path| (relative(&path), fs::read_to_string(&path).unwrap()))
        .collect()
}

fn none(what: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{what}:\n{}", violations.join("\n"));
}

#[test]
fn no_source_file_is_longer_than_500_lines() {
    let sources = sources(&["rs", "py", "js", "css", "proto"]);
    assert!(sources.len() > 200, "found {} sources", sources.len());
    let lines = sources
        .iter()
        .map(|(path, text)| (path, text.lines().count()));
    let long: Vec<String> = lines
        .filter(|&(_, lines)| lines > MOST_LINES)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    none("files to split", &long);
}

#[test]
fn every_source_file_starts_with_its_idea() {
    let silent: Vec<String> = sources(&["rs"])
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    none("files whose first line is not `//! ...`", &silent);
}

#[test]
fn every_crate_has_one_rank_and_depends_only_on_lower_ones() {
    let (crates, ranks) = (crates(), ranks());
    let mut wrong = Vec::new();
    for name in ranks.keys().filter(|n| !crates.contains_key(*n)) {
        wrong.push(format!("{name} has a rank but is not in the workspace"));
    }
    for (name, dependencies) in &crates {
        let Some(rank) = ranks.get(name) else {
            wrong.push(format!("{name} has no rank in docs/architecture.md"));
            continue;
        };
        for dependency in dependencies.iter().filter(|d| crates.contains_key(*d)) {
            let below = ranks.get(dependency).copied().unwrap_or(usize::MAX);
            if below >= *rank {
                wrong.push(format!(
                    "{name} (rank {rank}) depends on {dependency} (rank {below})"
                ));
            }
        }
    }
    none("crates out of rank", &wrong);
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let mut found = Vec::new();
    for (name, folder) in workspace::folders() {
        let src = ["src", "harness"].map(|src| folder.join(src));
        let src = src.iter().find(|src| src.exists()).unwrap();
        let modules = imports::modules(src);
        assert!(!modules.is_empty(), "{name} has no sources");
        let circles = circles::circles(&imports::edges(&modules));
        found.extend(circles.iter().map(|circle| format!("{name}: {circle}")));
    }
    none("circles of imports", &found);
}

#[test]
fn every_relative_link_of_a_document_leads_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in sources(&["md"]) {
        let folder = root().join(&path).parent().unwrap().to_owned();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#', ' ']).next().unwrap_or("");
            let external = target.is_empty() || target.contains("://");
            if !external && !folder.join(target).exists() {
                broken.push(format!("{path}: {target}"));
            }
        }
    }
    none("broken links", &broken);
}
