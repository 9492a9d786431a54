//! A file of figures, and how its values are written.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Fields by which the elements of a list are found.
const KEYS: [&str; 5] = ["name", "network", "kind", "attribute", "layer"];

/// A file of figures, or a part of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a>(pub(crate) &'a Value);

/// Reads a file in docs/figures.
pub(crate) fn read(name: &str) -> Value {
    let path = root().join("docs/figures").join(name);
    let text = fs::read_to_string(&path);
    let text = text.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

impl<'a> Source<'a> {
    /// The value at a path of names and numbers: `rows/default/judge/auc`. An element of a list is found by its number, or
    /// by its name.
    pub(crate) fn at(self, path: &str) -> Source<'a> {
        path.split('/').fold(self, |source, step| {
            let found = source.step(step);
            Source(found.unwrap_or_else(|| panic!("{path}: there is no {step}")))
        })
    }

    /// The element of a list with this name, which may have slashes.
    pub(crate) fn named(self, name: &str) -> Source<'a> {
        let found = self.step(name);
        Source(found.unwrap_or_else(|| panic!("there is no {name}")))
    }

    fn step(self, step: &str) -> Option<&'a Value> {
        let Value::Array(list) = self.0 else {
            return self.0.get(step);
        };
        let named = |value: &&Value| KEYS.iter().any(|key| value[key] == step);
        let numbered = || list.get(step.parse::<usize>().ok()?);
        list.iter().find(named).or_else(numbered)
    }

    /// The elements of a list.
    pub(crate) fn list(self) -> Vec<Source<'a>> {
        let list = self.0.as_array();
        list.unwrap_or_else(|| panic!("not a list: {}", self.0))
            .iter()
            .map(Source)
            .collect()
    }

    pub(crate) fn text(self) -> &'a str {
        self.0
            .as_str()
            .unwrap_or_else(|| panic!("not a text: {}", self.0))
    }

    /// The number at a path, or the value of the estimate there.
    pub(crate) fn number(self, path: &str) -> f64 {
        let found = self.at(path).0;
        let number = found.as_f64().or_else(|| found.get("value")?.as_f64());
        number.unwrap_or_else(|| panic!("{path} is not a number: {found}"))
    }

    /// The number at a path with this many decimals.
    pub(crate) fn say(self, path: &str, decimals: usize) -> String {
        fixed(self.number(path), decimals)
    }

    /// The share at a path in percent.
    pub(crate) fn percent(self, path: &str, decimals: usize) -> String {
        format!("{} %", fixed(100.0 * self.number(path), decimals))
    }
}

/// A number with this many decimals, and never "-0".
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let zero = text
        .trim_start_matches('-')
        .chars()
        .all(|c| "0.".contains(c));
    if zero {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    }
}

/// The mean.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values
        .into_iter()
        .fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    assert!(count > 0, "a mean of nothing");
    sum / f64::from(count)
}

/// A table in Markdown.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| {
        let cells: String = cells
            .iter()
            .map(|cell| match cell.is_empty() {
                true => " |".to_owned(),
                false => format!(" {cell} |"),
            })
            .collect();
        format!("|{cells}\n")
    };
    let headings: Vec<String> = headings.iter().map(|&h| h.to_owned()).collect();
    let rule = format!("|{}\n", "---|".repeat(headings.len()));
    rows.iter()
        .inspect(|row| assert_eq!(row.len(), headings.len(), "{row:?}"))
        .fold(line(&headings) + &rule, |text, row| text + &line(row))
}
