use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, bail};
use deepface_client::{ClassifierClient, v1};
use futures_util::{StreamExt, stream};
use serde::Serialize;

use crate::{
    args::{ClassifyArgs, ServiceArgs},
    files,
    pair::Pair,
    printer,
};

/// Requests under way at once: the service reads one image while it computes another.
const IN_FLIGHT: usize = 4;
/// Attributes below this probability are left out of the table, unless they are present or all are wanted.
const WORTH_SHOWING: f32 = 0.2;

pub(crate) async fn run(services: &ServiceArgs, args: &ClassifyArgs) -> anyhow::Result<()> {
    let pair = Pair::with_classifier(services).await?;
    let client = pair.classifier()?;
    let mut results = stream::iter(&args.images)
        .map(|path| {
            let client = client.clone();
            async move { (path, classify(&client, path, args).await) }
        })
        .buffered(IN_FLIGHT);
    let mut failed = 0;
    while let Some((path, result)) = results.next().await {
        match result {
            Ok(classification) => show(path, &classification, args)?,
            // The other images have nothing to do with it.
            Err(error) if args.images.len() > 1 => {
                eprintln!("error: {}: {error:#}", path.display());
                failed += 1;
            }
            Err(error) => return Err(error.context(path.display().to_string())),
        }
    }
    drop(results);
    pair.stop().await;
    if failed > 0 {
        bail!(
            "{failed} of {} images could not be classified",
            args.images.len()
        );
    }
    Ok(())
}

async fn classify(
    client: &ClassifierClient,
    path: &Path,
    args: &ClassifyArgs,
) -> anyhow::Result<v1::Classification> {
    let image = files::read_image(path, args.framing)?;
    let response = client.classify(vec![image]).await?;
    response
        .results
        .into_iter()
        .next()
        .context("the service sent no result")
}

fn show(
    path: &Path,
    classification: &v1::Classification,
    args: &ClassifyArgs,
) -> anyhow::Result<()> {
    if args.json {
        printer::print_json(&Line::new(path, classification))
    } else {
        printer::print(&table(path, classification, args.all))
    }
}

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Line<'a> {
    image: &'a Path,
    attributes: BTreeMap<&'a str, f32>,
    present: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn new(image: &'a Path, classification: &'a v1::Classification) -> Self {
        let all = || {
            classification
                .groups
                .iter()
                .flat_map(|group| &group.attributes)
        };
        let present = all().filter(|attribute| attribute.present);
        Self {
            image,
            attributes: all()
                .map(|attribute| (attribute.name.as_str(), attribute.probability))
                .collect(),
            present: present.map(|attribute| attribute.name.as_str()).collect(),
        }
    }
}

/// What is printed for people: group by group, what the network sees.
fn table(path: &Path, classification: &v1::Classification, all: bool) -> String {
    let mut table = format!("{}\n", path.display());
    for group in &classification.groups {
        let lines: String = group
            .attributes
            .iter()
            .filter(|attribute| all || attribute.present || attribute.probability >= WORTH_SHOWING)
            .map(|attribute| {
                let remark = if attribute.present { "present" } else { "" };
                printer::score_line(&attribute.name, attribute.probability, remark)
            })
            .collect();
        if !lines.is_empty() {
            table += &format!("{}\n{lines}", group.group.replace('_', " "));
        }
    }
    table + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classification() -> v1::Classification {
        let score = |name: &str, probability, present| v1::AttributeScore {
            name: name.to_owned(),
            probability,
            present,
        };
        v1::Classification {
            groups: vec![v1::GroupScores {
                group: "hair_color".to_owned(),
                attributes: vec![
                    score("Black Hair", 0.9, true),
                    score("Blond Hair", 0.01, false),
                ],
                none_probability: 0.09,
            }],
        }
    }

    #[test]
    fn programs_get_every_attribute_by_name() {
        let json =
            serde_json::to_string(&Line::new(Path::new("a.jpg"), &classification())).unwrap();
        assert_eq!(
            json,
            r#"{"image":"a.jpg","attributes":{"Black Hair":0.9,"Blond Hair":0.01},"present":["Black Hair"]}"#
        );
    }

    #[test]
    fn people_get_what_matters_unless_they_want_all() {
        let some = table(Path::new("a.jpg"), &classification(), false);
        assert!(
            some.contains("hair color\n  Black Hair") && some.contains("present"),
            "{some}"
        );
        assert!(!some.contains("Blond"), "{some}");
        assert!(table(Path::new("a.jpg"), &classification(), true).contains("Blond"));
    }
}
