//! The settings in force, as a file that `--config` reads, with where each comes from.

use std::fmt::Write;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};
use toml::Value;

use super::file::File;

/// What is shown instead of a secret.
const REDACTED: &str = "***";
/// How the names of settings end whose value is a secret.
const SECRETS: [&str; 3] = ["token", "secret", "password"];

/// The settings of a service as TOML.
pub(super) fn toml<'a>(
    service: &str,
    known: impl Iterator<Item = &'a Arg>,
    matches: &ArgMatches,
    file: Option<&File>,
) -> String {
    let mut text = format!("[{service}]\n");
    for arg in known {
        let id = arg.get_id().as_str();
        let raw = matches.get_raw(id).into_iter().flatten();
        let values: Vec<String> = raw.map(|v| shown(id, &v.to_string_lossy())).collect();
        let value = match values.as_slice() {
            [] => {
                let _ = writeln!(text, "# {id}: not set");
                continue;
            }
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let source = source(arg, matches, file);
        let _ = writeln!(text, "{id} = {value} # {source}");
    }
    text
}

fn source(arg: &Arg, matches: &ArgMatches, file: Option<&File>) -> String {
    let id = arg.get_id().as_str();
    let variable = arg.get_env().map(|name| name.to_string_lossy());
    match (matches.value_source(id), file) {
        (Some(ValueSource::CommandLine), _) => "flag".to_owned(),
        (Some(ValueSource::EnvVariable), _) => variable.unwrap_or_default().into_owned(),
        (_, Some(file)) if file.has(id) => file.name(),
        _ => "default".to_owned(),
    }
}

/// A value as TOML. Numbers and switches go without quotes.
fn shown(id: &str, value: &str) -> String {
    if SECRETS.iter().any(|end| id.ends_with(end)) {
        return Value::from(REDACTED).to_string();
    }
    match value {
        "true" | "false" => value.to_owned(),
        _ if value.parse::<i64>().is_ok() => value.to_owned(),
        _ => Value::from(without_password(value)).to_string(),
    }
}

/// A URL without the name and password that it may have.
fn without_password(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else {
        return value.to_owned();
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{REDACTED}@{host}{path}"),
        None => value.to_owned(),
    }
}
