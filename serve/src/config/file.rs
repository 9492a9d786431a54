//! A TOML file of settings: one table for each service, so that one file can serve both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use toml::{Table, Value};

use super::SERVE;
use crate::{quote, unknown};

/// The services of the contract. A file may have a table for each.
const SERVICES: [&str; 2] = ["classifier", "generator"];
/// Largest file to read, in bytes.
const LARGEST: u64 = 1 << 20;

/// The settings of one service in a file, by the id of their argument.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    settings: BTreeMap<String, Vec<String>>,
}

impl File {
    /// Reads the table of a service whose settings are known.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or has a table or a setting that is unknown: a message for people.
    pub(super) fn read<'a>(
        path: &Path,
        service: &str,
        known: impl Iterator<Item = &'a Arg>,
    ) -> Result<Self, String> {
        let mut file = Self {
            path: path.to_owned(),
            settings: BTreeMap::new(),
        };
        let text = read(path).map_err(|e| file.named(&e))?;
        let known: Vec<&str> = known.map(|arg| arg.get_id().as_str()).collect();
        let settings = parse(&text, service, &known);
        file.settings = settings.map_err(|e| file.named(&e))?;
        Ok(file)
    }

    /// Makes the settings the defaults of a program.
    pub(super) fn as_defaults(&self, program: Command) -> Command {
        program.mut_subcommand(SERVE, |serve| {
            serve.mut_args(|arg| match self.settings.get(arg.get_id().as_str()) {
                Some(values) => arg.default_values(values.clone()),
                None => arg,
            })
        })
    }

    /// Whether the file has a setting.
    pub(super) fn has(&self, id: &str) -> bool {
        self.settings.contains_key(id)
    }

    /// The file's name.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// A message with the name of the file.
    pub(super) fn named(&self, message: &str) -> String {
        format!("{}: {message}", self.path.display())
    }
}

fn read(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > LARGEST {
        return Err(format!("expected at most {LARGEST} bytes, got {size}"));
    }
    std::fs::read_to_string(path).map_err(|e| e.to_string())
}

fn parse(
    text: &str,
    service: &str,
    known: &[&str],
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let tables: Table = text
        .parse()
        .map_err(|e: toml::de::Error| e.to_string().trim_end().to_owned())?;
    let mut settings = BTreeMap::new();
    for (name, table) in tables {
        if !SERVICES.contains(&&*name) {
            let hint = "settings belong in [classifier] or [generator]";
            return Err(unknown("table", &name, SERVICES, hint));
        }
        if name != service {
            continue;
        }
        let Value::Table(table) = table else {
            return Err(format!("{name}: expected a table, got a value"));
        };
        for (key, value) in table {
            let id = key.replace('-', "_");
            if !known.contains(&&*id) {
                let hint = "--help lists the settings";
                return Err(unknown("setting", &key, known.iter().copied(), hint));
            }
            let words = words(value).ok_or_else(|| {
                let key = quote(&key);
                format!("{key}: expected a string, a number, true, false, or a list of them")
            })?;
            settings.insert(id, words);
        }
    }
    Ok(settings)
}

/// A value as the words that a command line would have.
fn words(value: Value) -> Option<Vec<String>> {
    Some(match value {
        Value::String(text) => vec![text],
        Value::Integer(number) => vec![number.to_string()],
        Value::Float(number) => vec![number.to_string()],
        Value::Boolean(switch) => vec![switch.to_string()],
        Value::Array(values) => {
            let words = values.into_iter().map(|value| match value {
                Value::Array(_) => None,
                value => words(value),
            });
            words.collect::<Option<Vec<_>>>()?.concat()
        }
        Value::Datetime(_) | Value::Table(_) => return None,
    })
}
