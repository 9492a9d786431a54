//! The report as one page that needs nothing else: a section for each part of the paper.

mod autoencoder;
mod data;
mod discussion;
mod fine_tuning;
mod generation;
mod methods;
mod mixture;
mod parts;

use std::path::PathBuf;

use deepface_report::Document;
use maud::{Markup, html};

use crate::error::PaperError;
use crate::paper::Paper;
use crate::store::Store;

/// What was written for people.
#[derive(Clone, Debug)]
pub struct Files {
    /// Everything on one page.
    pub page: PathBuf,
    /// All figures, as JSON.
    pub report: PathBuf,
}

const STYLE: &str = include_str!("page.css");

/// Writes the page and the figures.
///
/// # Errors
/// A picture cannot be read, a plot cannot be drawn, or a file cannot be written.
pub(crate) fn write(store: &Store, paper: &Paper) -> Result<Files, PaperError> {
    let document = Document {
        title: "The DeepFace paper, reproduced",
        style: STYLE,
        script: None,
        body: body(store, paper)?,
    };
    // Strings, numbers and lists: JSON can express them all.
    let json = serde_json::to_vec_pretty(paper).unwrap_or_default();
    Ok(Files {
        page: store.write("report.html", document.html().as_bytes())?,
        report: store.write("report.json", &json)?,
    })
}

fn body(store: &Store, paper: &Paper) -> Result<Markup, PaperError> {
    Ok(html! {
        h1 { "The DeepFace paper, reproduced" }
        p {
            "Every table and figure of H. Cate, F. Dalvi and Z. Hussain, \u{201c}DeepFace: Face Generation using Deep Learning\u{201d}, \
            made from another data set, beside the paper's own numbers. Claims of the paper are given in our words."
        }
        (about(paper))
        (data::section(store, paper)?)
        (fine_tuning::section(paper)?)
        (generation::section(store, paper)?)
        (mixture::section(paper)?)
        (methods::section(paper))
        (generation::people(store, paper)?)
        (discussion::section(paper)?)
        (autoencoder::section(store, paper)?)
    })
}

fn about(paper: &Paper) -> Markup {
    let run = &paper.run;
    let digest = |digest: &str| digest.chars().take(12).collect::<String>();
    html! {
        @if run.quick {
            p class="quick" {
                "This is a quick run: it shows that every experiment works. Its figures mean nothing."
            }
        }
        p {
            (paper.frequencies.photographs) " training photographs of " (paper.frequencies.people)
            " people. Nobody is in two splits. Models " code { (paper.served.name()) } ", data " code { (digest(&run.data)) } ", seed " (run.seed) ", version "
            (run.version) "."
        }
        @for remark in &paper.remarks { p { (remark) "." } }
    }
}
