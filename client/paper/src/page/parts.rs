//! Pieces that all sections use: tables, pictures, plots, and what became of a claim.

use deepface_report::data_uri;
use maud::{Markup, PreEscaped, html};

use crate::error::PaperError;
use crate::store::Store;

/// A claim of the paper, in our words, and what this run says of it.
pub(super) fn claim(paper: &str, holds: bool, found: &str) -> Markup {
    let (class, word) = match holds {
        true => ("holds", "Holds here."),
        false => ("fails", "Does not hold here."),
    };
    html! {
        blockquote { (paper) }
        p class=(class) { strong { (word) } " " (found) }
    }
}

/// A table: headings, then rows of as many cells.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        div class="wide" {
            table {
                thead { tr { @for heading in headings { th { (heading) } } } }
                tbody {
                    @for row in rows {
                        tr { @for cell in row { td { (cell) } } }
                    }
                }
            }
        }
    }
}

/// A picture of the store.
///
/// # Errors
/// It cannot be read.
pub(super) fn picture(store: &Store, name: &str, alternative: &str) -> Result<Markup, PaperError> {
    let uri = data_uri("image/png", &store.picture(name)?);
    Ok(html! { div class="wide" { img alt=(alternative) src=(uri); } })
}

/// A drawing, inline.
pub(super) fn drawing(svg: String) -> Markup {
    PreEscaped(svg)
}

/// Three digits after the point.
pub(super) fn three(value: f64) -> String {
    format!("{value:.3}")
}

/// In percent, one digit after the point.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
