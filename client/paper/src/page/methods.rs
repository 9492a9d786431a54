//! The table of methods, from the report of an evaluation.

use maud::{Markup, html};
use serde_json::Value;

use super::parts::table;
use crate::paper::Paper;

/// Columns: heading, who says it, figure.
const COLUMNS: [(&str, &str, &str); 9] = [
    ("AUC, judge", "judge", "auc"),
    ("AUC, second", "second_judge", "auc"),
    ("off", "judge", "off"),
    ("unasked", "judge", "unasked"),
    ("KID, judge", "judge", "kid"),
    ("KID, second", "second_judge", "kid"),
    ("KID, identity", "identity", "kid"),
    ("rank, identity", "identity", "rank"),
    ("faces found", "pixels", "detected"),
];

pub(super) fn section(paper: &Paper) -> Markup {
    let rows = paper.methods["rows"].as_array();
    let row = |row: &Value| {
        let name = row["name"].as_str().unwrap_or_default().to_owned();
        let cells = COLUMNS.map(|(_, who, figure)| cell(&row[who][figure]));
        std::iter::once(name).chain(cells).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = rows.into_iter().flatten().map(row).collect();
    let headings: Vec<&str> = std::iter::once("").chain(COLUMNS.map(|c| c.0)).collect();
    html! {
        h2 { "All methods, measured alike" }
        p {
            "Faces for the attributes of " (paper.methods["sets"].as_array().map_or(0, Vec::len)) " test people, " (paper.methods["seeds"])
            " seeds each; half of the 95 % interval by bootstrap over people. The folder " code { "methods" } " has the whole report of this \
            evaluation, and says what the columns mean."
        }
        (table(&headings, &rows))
        (notes(&paper.methods))
    }
}

fn cell(estimate: &Value) -> String {
    let number = |name: &str| estimate[name].as_f64();
    match (number("value"), number("low"), number("high")) {
        (Some(value), Some(low), Some(high)) => {
            format!("{value:.3} \u{b1} {:.3}", (high - low) / 2.0)
        }
        _ => "-".to_owned(),
    }
}

fn notes(methods: &Value) -> Markup {
    let rows = methods["rows"].as_array();
    html! {
        dl {
            @for row in rows.into_iter().flatten() {
                dt { (row["name"].as_str().unwrap_or_default()) }
                dd { (row["note"].as_str().unwrap_or_default()) }
            }
        }
    }
}
