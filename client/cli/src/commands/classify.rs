//! `deepface classify`: the attributes that the network sees in images.

use std::{collections::BTreeMap, path::Path};

use anyhow::{bail, ensure};
use deepface_client::{ClassifierClient, v1};
use deepface_files::note;
use futures_util::{StreamExt, stream};
use serde::Serialize;

use crate::{
    args::{ClassifyArgs, ServiceArgs},
    exit::{describe, describe_of},
    file_names::ImageName,
    files,
    pair::Pair,
    place::Place,
    printer,
    warnings::{self, Warning},
};

/// Concurrent requests: the service reads one image while it computes another.
const IN_FLIGHT: usize = 4;
/// The table omits attributes below this probability, unless they are present or `--all` is given.
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
            Ok(faces) => show(path, &faces, args)?,
            // The other images are classified all the same.
            Err(error) if args.json || args.images.len() > 1 => {
                report(path, &error, args.json)?;
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

/// Says of one image that it has no answer.
fn report(path: &Path, error: &anyhow::Error, json: bool) -> anyhow::Result<()> {
    if json {
        return printer::print_json(&Failure {
            image: ImageName::of(path),
            error: describe(error),
        });
    }
    note!("error: {}", describe_of(&path.display().to_string(), error));
    Ok(())
}

async fn classify(
    client: &ClassifierClient,
    path: &Path,
    args: &ClassifyArgs,
) -> anyhow::Result<Vec<v1::Classification>> {
    let image = files::read_image(path, args.framing)?;
    let mut faces = client.classify(vec![image]).await?.results;
    ensure!(!faces.is_empty(), "the service sent no result");
    if args.balanced {
        faces.iter_mut().for_each(decide_balanced);
    }
    Ok(faces)
}

/// Replaces the decisions by the balanced ones.
fn decide_balanced(face: &mut v1::Classification) {
    for attribute in face.groups.iter_mut().flat_map(|g| &mut g.attributes) {
        attribute.present = attribute.present_balanced;
    }
}

fn show(path: &Path, faces: &[v1::Classification], args: &ClassifyArgs) -> anyhow::Result<()> {
    for (i, face) in faces.iter().enumerate() {
        if args.json {
            printer::print_json(&Line::new(path, face))?;
        } else {
            let title = title(path, face, i);
            printer::print(&(title + &table(face, args.all)))?;
        }
    }
    if !args.json {
        let all = faces.iter().flat_map(|face| &face.warnings);
        warnings::print(&path.display().to_string(), all);
    }
    Ok(())
}

/// What is printed for programs of an image without an answer.
#[derive(Debug, Serialize)]
struct Failure<'a> {
    #[serde(flatten)]
    image: ImageName<'a>,
    error: String,
}

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    image: ImageName<'a>,
    /// Where the face was found, and how many were found; absent with `--aligned` and `--face`.
    #[serde(skip_serializing_if = "Option::is_none")]
    face: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    faces: Option<i32>,
    attributes: BTreeMap<&'a str, f32>,
    present: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
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
        let face = classification.face.map(Place::from);
        Self {
            image: ImageName::of(image),
            face,
            faces: face.map(|_| classification.faces_found),
            attributes: all()
                .map(|attribute| (attribute.name.as_str(), attribute.probability))
                .collect(),
            present: present.map(|attribute| attribute.name.as_str()).collect(),
            warnings: warnings::for_programs(&classification.warnings),
        }
    }
}

/// The line above a table: the image, and where the face is in it.
fn title(path: &Path, face: &v1::Classification, i: usize) -> String {
    let (path, n) = (path.display(), face.faces_found);
    match face.face.map(Place::from) {
        Some(place) if n > 1 => format!("{path}  face {} of {n} {place}\n", i + 1),
        Some(place) => format!("{path}  face {place}\n"),
        None => format!("{path}\n"),
    }
}

/// What is printed for people: the attributes that the network sees, by group.
fn table(classification: &v1::Classification, all: bool) -> String {
    let mut table = String::new();
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
            present_balanced: probability > 0.005,
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
            ..Default::default()
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
    fn balanced_decisions_replace_the_others() {
        let mut face = classification();
        decide_balanced(&mut face);
        let json = serde_json::to_value(Line::new(Path::new("a.jpg"), &face)).unwrap();
        assert_eq!(
            json["present"],
            serde_json::json!(["Black Hair", "Blond Hair"])
        );
    }

    #[test]
    fn people_get_likely_attributes_unless_they_want_all() {
        let some = table(&classification(), false);
        assert!(
            some.contains("hair color\n  Black Hair") && some.contains("present"),
            "{some}"
        );
        assert!(!some.contains("Blond"), "{some}");
        assert!(table(&classification(), true).contains("Blond"));
    }

    #[test]
    fn a_detected_face_has_its_place() {
        let found = v1::Classification {
            face: Some(v1::FaceBox {
                left: -3,
                top: 40,
                width: 160,
                height: 160,
                score: 12.5,
                roll_degrees: 0.0,
            }),
            faces_found: 2,
            ..classification()
        };
        let path = Path::new("a.jpg");
        let json = serde_json::to_string(&Line::new(path, &found)).unwrap();
        let place = r#""face":{"left":-3,"top":40,"width":160,"height":160,"score":12.5,"roll":0.0},"faces":2"#;
        assert!(json.contains(place), "{json}");
        assert_eq!(
            title(path, &found, 1),
            "a.jpg  face 2 of 2 at -3, 40, 160x160 pixels\n"
        );
        assert_eq!(title(path, &classification(), 0), "a.jpg\n");
    }
}
