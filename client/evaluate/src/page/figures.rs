//! The tables of the page.

use maud::{Markup, html};

use crate::report::{AttributeAuc, Difference, Estimate, Row, Verification};
use crate::table::Column;

/// A row per method or control; the interval of a figure, and its difference from the default's, are in its title.
pub(super) fn table(rows: &[Row], columns: &[Column]) -> Markup {
    html! {
        div class="wide" {
            table {
                tr {
                    th {}
                    @for column in columns { th title=(column.meaning) { (column.heading) } }
                }
                @for row in rows {
                    tr class=[row.control.then_some("control")] {
                        td title=(row.note) { (row.name) }
                        @for column in columns {
                            td title=[(column.estimate)(row).map(interval)] { ((column.cell)(row)) }
                        }
                    }
                }
            }
        }
    }
}

fn interval(estimate: Estimate) -> String {
    let Estimate { low, high, .. } = estimate;
    let own = format!("95 % interval {low:.3} to {high:.3}");
    match estimate.difference {
        None => own,
        Some(Difference { value, low, high }) => {
            format!("{own}; from the default {value:+.3} ({low:+.3} to {high:+.3})")
        }
    }
}

/// What the columns mean.
pub(super) fn meanings(meanings: &[(&str, &str)]) -> Markup {
    html! {
        details open {
            summary { "What the columns mean" }
            dl {
                @for (heading, meaning) in meanings { dt { (heading) } dd { (meaning) } }
            }
        }
    }
}

/// AUC of each attribute by the judge. All rows answer the same requests, so each has the same attributes.
pub(super) fn attributes(rows: &[Row]) -> Markup {
    let first = rows.first().map_or(&[][..], |row| &row.judge.attributes);
    let auc = |row: &Row, number: usize| match row.judge.attributes.get(number) {
        Some(AttributeAuc { auc, .. }) => format!("{auc:.2}"),
        None => "-".to_owned(),
    };
    html! {
        details {
            summary { "AUC of each attribute, by the judge" }
            div class="wide" {
                table {
                    tr {
                        th {}
                        th { "asked" }
                        @for row in rows { th { (row.name) } }
                    }
                    @for (number, attribute) in first.iter().enumerate() {
                        tr {
                            td { (attribute.name) }
                            td { (format!("{:.0} %", 100.0 * attribute.asked)) }
                            @for row in rows { td { (auc(row, number)) } }
                        }
                    }
                }
            }
        }
    }
}

/// How well each network tells people apart.
pub(super) fn verification(all: &[Verification]) -> Markup {
    let auc = |auc: Option<f64>| auc.map_or("-".to_owned(), |auc| format!("{auc:.3}"));
    html! {
        h2 { "Who knows people" }
        p {
            "Area under the ROC curve of two photographs of one person against those of two people, by similarity of \
             embeddings. Where it is 0.5 against people with the nearest labels, similarity is of attributes only."
        }
        div class="wide" {
            table {
                tr { th {} th { "pairs" } th { "other people" } th { "nearest labels" } }
                @for one in all {
                    tr {
                        td { (one.network) } td { (one.pairs) } td { (auc(one.auc)) } td { (auc(one.auc_like_labels)) }
                    }
                }
            }
        }
    }
}
