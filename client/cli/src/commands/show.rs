//! `deepface show`: what made a picture.

use std::path::Path;

use anyhow::bail;
use deepface_client::SettingsInForce;
use deepface_files::note;
use serde::Serialize;
use serde_json::Value;

use crate::{
    args::ShowArgs, exit::describe, file_names::FileName, files, printer, provenance::Made,
    wishes::say_all,
};

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Line<'a> {
    file: FileName<'a>,
    synthetic: bool,
    command: &'a str,
    request: Value,
    settings: SettingsInForce,
    seed: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<u32>,
    digest: &'a str,
    classifier_digest: &'a str,
    version: &'a str,
}

pub(crate) fn run(args: &ShowArgs) -> anyhow::Result<()> {
    let mut failed = 0;
    for path in &args.files {
        let made = files::read(path).and_then(|file| Made::read(&file, path));
        match made {
            Ok(made) if args.json => printer::print(&printer::json_line(&line(path, &made))?)?,
            Ok(made) => printer::print(&text(path, &made))?,
            Err(error) if args.files.len() > 1 => {
                note!("error: {}", describe(&error));
                failed += 1;
            }
            Err(error) => return Err(error),
        }
    }
    if failed > 0 {
        bail!(
            "{failed} of {} files do not say what made them",
            args.files.len()
        );
    }
    Ok(())
}

fn line<'a>(path: &'a Path, made: &'a Made) -> Line<'a> {
    Line {
        file: FileName(path),
        synthetic: true,
        command: &made.command,
        request: serde_json::from_str(&made.request).unwrap_or_default(),
        settings: made.settings_in_force(),
        seed: &made.seed,
        scale: made.scale,
        digest: &made.statistics,
        classifier_digest: &made.classifier,
        version: &made.version,
    }
}

fn text(path: &Path, made: &Made) -> String {
    let shown = path.display();
    let request = made.generate_request(path).ok();
    let (what, again) = match &request {
        Some(request) => (
            format!("a synthetic face: {}", say_all(&request.attributes)),
            format!("deepface generate --like {shown}"),
        ),
        None if made.command == "edit" => ("a photograph, changed".to_owned(), String::new()),
        None => ("a reconstruction of an image".to_owned(), String::new()),
    };
    let kept = request.map_or(String::new(), |request| request.keep.join(", "));
    let lines = [
        (
            "made by",
            format!("deepface {} {}", made.version, made.command),
        ),
        ("seed", made.seed.clone()),
        ("kept", kept),
        ("settings", made.settings_in_force().to_string()),
        ("statistics", made.statistics.clone()),
        ("classifier", made.classifier.clone()),
        ("again", again),
    ];
    let lines = lines.iter().filter(|(_, value)| !value.is_empty());
    let lines = lines.map(|(name, value)| format!("  {name:<11} {value}\n"));
    format!("{shown}  {what}\n{}", lines.collect::<String>())
}
