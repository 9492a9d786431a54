//! The report as one page that needs nothing else.

use deepface_report::Document;
use maud::html;

use crate::error::PaperError;
use crate::paper::Paper;
use crate::run::Files;
use crate::store::Store;

/// Writes the page and the figures.
pub(crate) fn write(store: &Store, paper: &Paper) -> Result<Files, PaperError> {
    let document = Document {
        title: "The DeepFace paper",
        style: "",
        script: None,
        body: html! { h1 { "The DeepFace paper" } },
    };
    let json = serde_json::to_vec_pretty(paper).unwrap_or_default();
    Ok(Files {
        page: store.write("report.html", document.html().as_bytes())?,
        report: store.write("report.json", &json)?,
    })
}
