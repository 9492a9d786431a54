//! The model card, held against what `classifier-svc train` and `measure` stored in the weights.

use std::fs;

use serde_json::Value;

use crate::document::Document;
use crate::source::{Source, mean, root, table};

const CARD: &str = "models/README.md";
/// The attributes with published figures by others.
const PUBLISHED: [&str; 19] = [
    "Male",
    "Asian",
    "White",
    "Black",
    "Youth",
    "Middle Aged",
    "Senior",
    "Black Hair",
    "Blond Hair",
    "Bald",
    "No Eyewear",
    "Eyeglasses",
    "Mustache",
    "Receding Hairline",
    "Bushy Eyebrows",
    "Arched Eyebrows",
    "Big Nose",
    "No Beard",
    "Round Jaw",
];

/// The header of the embedded weights.
fn header() -> Value {
    let bytes = fs::read(root().join("models/vgg-face-mini.safetensors")).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    let header: Value = serde_json::from_slice(&bytes[8..8 + length as usize]).unwrap();
    serde_json::from_str(header["__metadata__"]["deepface"].as_str().unwrap()).unwrap()
}

/// The attributes: name, figures and thresholds.
fn attributes(header: Source<'_>) -> Vec<(&str, Source<'_>, Source<'_>)> {
    let (metrics, thresholds) = (header.at("metrics").list(), header.at("thresholds").list());
    let names = header.at("attributes").list().into_iter();
    let all = names.zip(metrics).zip(thresholds);
    all.map(|((name, metrics), thresholds)| (name.text(), metrics, thresholds))
        .collect()
}

#[test]
fn the_figures_of_the_card_are_those_of_the_weights() {
    let header = header();
    let header = Source(&header);
    let mut card = Document::open(CARD).section("## Figures on the test people");
    let rows: Vec<Vec<String>> = attributes(header)
        .into_iter()
        .map(|(name, metrics, thresholds)| {
            vec![
                name.to_owned(),
                metrics.say("accuracy", 3),
                metrics.say("balanced_accuracy_at_balanced", 3),
                metrics.say("auc", 3),
                metrics.say("positives", 3),
                thresholds.say("accurate", 3),
                thresholds.say("balanced", 3),
            ]
        })
        .collect();
    let headings = [
        "attribute",
        "accuracy",
        "balanced accuracy",
        "AUC",
        "positives",
        "threshold",
        "balanced threshold",
    ];
    card.table("attributes", &table(&headings, &rows));

    let all = attributes(header);
    let over = |of: &dyn Fn(&Source<'_>) -> f64| mean(all.iter().map(|(_, m, _)| of(m)));
    let majority = over(&|m| m.number("positives").max(1.0 - m.number("positives")));
    let unbalanced = over(&|m| m.number("balanced_accuracy"));
    let means = header.at("mean_metrics");
    let row = |what: String, name: &str| {
        let interval = format!(
            "{} to {}",
            means.say(&format!("{name}/low"), 3),
            means.say(&format!("{name}/high"), 3)
        );
        vec![what, means.say(name, 3), interval]
    };
    let rows = [
        row(
            format!("accuracy; always answering the majority: {majority:.3}"),
            "accuracy",
        ),
        row(
            format!("balanced accuracy; at the thresholds for accuracy: {unbalanced:.3}"),
            "balanced_accuracy_at_balanced",
        ),
        row("AUC".to_owned(), "auc"),
        vec![
            "calibration error".to_owned(),
            means.say("calibration_error", 3),
            String::new(),
        ],
    ];
    card.table(
        "means",
        &table(&["mean over the attributes", "figure", "interval"], &rows),
    );
    card.says(&format!(
        "the {} people counts once",
        means.number("people")
    ));
    card.says("The intervals of 95 % are by bootstrap");
    card.holds_and_says_nothing_else();
}

#[test]
fn sentences_of_the_card_are_those_of_the_weights() {
    let header = header();
    let header = Source(&header);
    let mut card = Document::open(CARD);
    let published = attributes(header);
    let published = published
        .iter()
        .filter(|(name, ..)| PUBLISHED.contains(name));
    let published: Vec<f64> = published
        .map(|(_, metrics, _)| metrics.number("balanced_accuracy_at_balanced"))
        .collect();
    assert_eq!(published.len(), PUBLISHED.len());
    card.says(&format!(
        "its mean is {:.3}, each person counting once",
        mean(published)
    ));
    let verification = header.at("verification");
    card.says(&format!(
        "above a cosine of {} between their fc7",
        verification.say("threshold", 3)
    ));
    card.says(&format!(
        "On {} pairs of the test people, half of them the same person, it is right for {} (standard error {} over ten folds",
        verification.number("pairs"),
        verification.percent("accuracy", 1),
        verification.percent("standard_error", 1).trim_end_matches(" %"),
    ));
    card.holds();
}
