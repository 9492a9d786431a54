//! The page: one HTML file that needs nothing else, and that asks nothing of any network.

mod caption;
mod faces;
mod footer;
#[cfg(test)]
mod tests;

use deepface_client::v1;
use deepface_report::Document;
use maud::{Markup, html};

use super::{Cell, Plan, Row, cell::granted};
use crate::wishes::say_all;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Everything that a page shows.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) plan: &'a Plan,
    /// One column each.
    pub(crate) seeds: &'a [u64],
    /// As many as the plan's rows, of as many as there are seeds.
    pub(crate) cells: &'a [Vec<Cell>],
    /// The command line that made the page.
    pub(crate) command: &'a str,
}

impl Page<'_> {
    /// The whole file.
    pub(crate) fn html(&self) -> String {
        let title = self.title();
        let body = html! {
            (self.header(&title))
            main {
                (self.faces())
                (detail())
            }
            (self.footer())
        };
        let document = Document {
            title: &format!("{title} - DeepFace"),
            style: STYLE,
            script: Some(SCRIPT),
            body,
        };
        document.html()
    }

    fn title(&self) -> String {
        let request = if self.plan.has_base() {
            say_all(&self.plan.base)
        } else {
            "One attribute at a time".to_owned()
        };
        match self.seeds {
            [first, .., last] => format!("{request}: seeds {first} to {last}"),
            seeds => format!(
                "{request}: seed {}",
                seeds.first().copied().unwrap_or_default()
            ),
        }
    }

    /// The title, and the slider that shows every face at the same step.
    fn header(&self, title: &str) -> Markup {
        let frames = self.all().map(|cell| cell.moments.len()).max().unwrap_or(0);
        html! {
            header {
                h1 { (title) }
                p {
                    "Each column is a seed. Point at a face, tap it, or move to it with the arrow keys, to watch it form \
                     and to see what the classifier makes of it."
                }
                p class="all" {
                    label for="all" { "All faces at step" }
                    " "
                    input type="range" id="all" min="0" max=(frames) value=(frames);
                    " "
                    output id="step" for="all" { "the end" }
                }
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().flatten()
    }
}

/// Where the chosen face is shown large; the script fills it.
fn detail() -> Markup {
    html! {
        aside id="detail" aria-live="polite" aria-label="The chosen face" {
            div class="picture" { span class="film" {} }
            p id="moment" { "No face is chosen." }
            div id="caption" {}
        }
    }
}

/// A share, 0 to 1, for people.
fn percent(share: f32) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Whether the classifier agrees with what was asked.
fn mark(attribute: &v1::ResultAttribute) -> char {
    if granted(attribute) { '✓' } else { '✗' }
}
