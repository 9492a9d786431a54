//! The caption of the chosen face: its loss, the requested attributes, and what else changed.

use deepface_client::v1;
use deepface_report::svg::sparkline;
use maud::{Markup, html};

use super::{Cell, percent};
use crate::gallery::cell::granted;

/// Attributes that a caption lists besides those that were asked for.
const MOST_OTHERS: usize = 6;

/// `before` is the face of the unvaried request, if this one varies it.
pub(super) fn caption(cell: &Cell, before: Option<&Cell>) -> Markup {
    let asked = cell.asked().map(|attribute| Line {
        name: &attribute.name,
        probability: attribute.probability,
        remark: remark(attribute).to_owned(),
    });
    let (title, others) = match before {
        Some(before) => ("Changed most, against the first row", changed(cell, before)),
        None => ("Also seen", also_seen(cell)),
    };
    html! {
        (sparkline(&cell.moments))
        (table("What the classifier sees of what was asked", asked.collect()))
        @if !others.is_empty() { (table(title, others)) }
    }
}

/// One attribute of a caption.
struct Line<'a> {
    name: &'a str,
    probability: f32,
    remark: String,
}

fn changed<'a>(cell: &'a Cell, before: &Cell) -> Vec<Line<'a>> {
    let changes = cell.changes(before, MOST_OTHERS).into_iter();
    let line = changes.map(|change| Line {
        name: change.name,
        probability: change.after,
        remark: format!("was {}", percent(change.before)),
    });
    line.collect()
}

fn also_seen(cell: &Cell) -> Vec<Line<'_>> {
    let seen = cell.also_seen(MOST_OTHERS).into_iter();
    let line = seen.map(|attribute| Line {
        name: &attribute.name,
        probability: attribute.probability,
        remark: String::new(),
    });
    line.collect()
}

fn table(title: &str, lines: Vec<Line<'_>>) -> Markup {
    html! {
        table class="seen" {
            caption { (title) }
            @for line in lines {
                @let shown = percent(line.probability);
                tr {
                    th scope="row" { (line.name) }
                    td { meter value=(format!("{:.3}", line.probability)) { (shown) } }
                    td { (shown) }
                    td { (line.remark) }
                }
            }
        }
    }
}

fn remark(attribute: &v1::ResultAttribute) -> &'static str {
    match (attribute.requested == Some(true), granted(attribute)) {
        (true, true) => "✓ present",
        (true, false) => "✗ not present",
        (false, true) => "✓ absent",
        (false, false) => "✗ not absent",
    }
}
