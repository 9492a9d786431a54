//! The tables of the page.

use maud::{Markup, html};

use crate::report::{AttributeAuc, Row, Verdict};
use crate::table::Column;

/// A row per method or control.
pub(super) fn table(rows: &[Row], columns: &[&Column], by: fn(&Row) -> &Verdict) -> Markup {
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
                        @for column in columns { td { ((column.value)(row, by(row))) } }
                    }
                }
            }
        }
    }
}

/// What the columns mean.
pub(super) fn meanings(columns: &[&Column]) -> Markup {
    html! {
        details open {
            summary { "What the columns mean" }
            dl {
                @for column in columns { dt { (column.heading) } dd { (column.meaning) } }
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
