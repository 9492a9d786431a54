//! docs/scaling.md: what users cost, computed from what `load scaling` and `load model` wrote.

use serde_json::Value;

use crate::document::Document;
use crate::source::{Source, fixed, read, table};

/// The document's assumptions: faces of a user a day, the busiest moment over the mean, the part of the cores that is used
/// then, and steps of a face.
const FACES: f64 = 3.0;
const PEAK: f64 = 4.0;
const BUSY: f64 = 0.6;
const STEPS: f64 = 50.0;
/// An image of 96x96 pixels there, and its gradient back.
const STEP_BYTES: f64 = 2.0 * 96.0 * 96.0 * 3.0 * 4.0;
const DAY: f64 = 86_400.0;

#[test]
fn what_users_cost_follows_from_what_was_measured() {
    let mut document = Document::open("docs/scaling.md");
    let file = read("scaling.json");
    costs(&mut document, &file);
    users(&mut document, &file);
    runs(&mut document, &file);
    cell(&mut document, &read("model.json"));
    document.holds();
}

/// Microseconds of a core that a step takes, alone in its call.
fn step(file: &Value) -> f64 {
    let costs = Source(file).at("costs");
    let parts = ["batch_us", "image_us", "classifier_us", "generator_us"];
    parts.into_iter().map(|part| costs.number(part)).sum()
}

/// Two digits at least, and never more than three decimals.
fn short(value: f64) -> String {
    let decimals = match value {
        v if v >= 10.0 => 0,
        v if v >= 1.0 => 1,
        v if v >= 0.1 => 2,
        _ => 3,
    };
    fixed(value, decimals)
}

/// What a face costs.
fn costs(document: &mut Document, file: &Value) {
    let all = Source(file);
    let costs = all.at("costs");
    let us = |name: &str| format!("{} us", costs.say(name, 0));
    let memory = |at: &str, of: &str| format!("{} MB", all.say(&format!("megabytes/{at}/{of}"), 0));
    let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
    let mut rows = vec![
        row([
            "a call of the network, whatever its images",
            &us("batch_us"),
        ]),
        row(["each image of such a call", &us("image_us")]),
        row(["a step in the classifier besides", &us("classifier_us")]),
        row(["a step in the generator", &us("generator_us")]),
        row([
            "a step in all, alone in its call",
            &format!("{:.0} us", step(file)),
        ]),
    ];
    for of in ["classifier", "generator"] {
        let users = all.number("megabytes/users");
        rows.push(row([
            &format!("memory of a {of} with one user, and with {users}"),
            &format!("{}, {}", memory("alone", of), memory("crowd", of)),
        ]));
    }
    document.table("scaling-costs", &table(&["what", "cost"], &rows));
}

/// What users cost, by the document's assumptions.
fn users(document: &mut Document, file: &Value) {
    let row = |(users, name): (f64, &str)| {
        let faces = users * FACES * PEAK / DAY;
        let steps = faces * STEPS;
        vec![
            name.to_owned(),
            short(faces),
            short(steps),
            short(steps * step(file) / 1e6 / BUSY),
            format!("{} Mbit/s", short(steps * STEP_BYTES * 8.0 / 1e6)),
        ]
    };
    let users = [
        (10.0, "10"),
        (1e3, "1,000"),
        (1e5, "100,000"),
        (1e7, "10,000,000"),
    ];
    let rows = users.map(row);
    let headings = [
        "users",
        "faces/s",
        "steps/s",
        "cores",
        "between the services",
    ];
    document.table("scaling-users", &table(&headings, &rows));
}

/// Predictions beside measurements.
fn runs(document: &mut Document, file: &Value) {
    let all = Source(file);
    let row = |run: &Source<'_>| {
        vec![
            run.say("classifiers", 0),
            run.say("generators", 0),
            run.say("users", 0),
            run.say("cores", 2),
            run.say("predicted/steps_per_second", 0),
            run.say("measured/steps_per_second", 0),
            run.say("ratio", 2),
            format!(
                "{}, {}",
                run.say("predicted/images", 1),
                run.say("measured/images", 1)
            ),
        ]
    };
    let rows: Vec<_> = all.at("runs").list().iter().map(row).collect();
    let headings = [
        "classifiers",
        "generators",
        "users",
        "cores left",
        "predicted steps/s",
        "measured",
        "ratio",
        "images a call: predicted, measured",
    ];
    document.table("scaling-runs", &table(&headings, &rows));
    document.says(&format!(
        "The median ratio is {}, from {} to {}.",
        all.say("ratio", 2),
        all.say("low", 2),
        all.say("high", 2)
    ));
}

/// The waiting times of a small cluster.
fn cell(document: &mut Document, file: &Value) {
    let row = |run: &Source<'_>| {
        let predicted = run.at("predicted");
        vec![
            run.at("name").text().to_owned(),
            predicted.say("faces_per_second", 1),
            format!("{} s", predicted.say("mean_seconds", 2)),
            format!("{} s", predicted.say("p99_seconds", 2)),
            predicted.percent("refused", 1),
            predicted.percent("network", 0),
        ]
    };
    let rows: Vec<_> = Source(file).at("runs").list().iter().map(row).collect();
    let headings = [
        "arriving",
        "faces/s",
        "mean wait",
        "p99",
        "refused",
        "networks busy",
    ];
    document.table("scaling-cell", &table(&headings, &rows));
}
