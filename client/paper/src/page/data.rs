//! Section 4 and the beginning of section 5.1: the data.

use deepface_report::plot::{Bar, Bars, bars};
use maud::{Markup, html};

use super::parts::{claim, drawing, percent, picture};
use crate::error::PaperError;
use crate::experiments::{Frequencies, frequencies, samples};
use crate::paper::Paper;
use crate::store::Store;

pub(super) fn section(store: &Store, paper: &Paper) -> Result<Markup, PaperError> {
    let (samples, found) = (&paper.samples, &paper.frequencies);
    Ok(html! {
        h2 { "Section 4: the data" }
        h3 { "Figure 2: light and angle" }
        p {
            "Test people, one photograph each. Rows: "
            @for (i, (light, people)) in samples.lights.iter().enumerate() {
                @if i > 0 { ", " }
                (light) " (" (people) ")"
            }
            ". From left to right, heads turn from one side to the other."
        }
        (picture(store, samples::PICTURE, "photographs by light and angle")?)
        h3 { "Figure 7: how frequent attributes are" }
        p { "Share of the training photographs; a mark is what the paper states for its own." }
        div class="wide" { (drawing(bars(&plot(found))?)) }
        (claims(found))
    })
}

fn plot(found: &Frequencies) -> Bars<'_> {
    Bars {
        title: "Attributes of the training photographs",
        bars: found
            .attributes
            .iter()
            .map(|attribute| Bar {
                name: &attribute.name,
                value: attribute.photographs,
                stated: attribute.paper,
            })
            .collect(),
    }
}

fn claims(found: &Frequencies) -> Markup {
    let stated = found.attributes.iter().filter(|a| a.paper.is_some());
    html! {
        @for attribute in stated {
            @let paper = attribute.paper.unwrap_or_default();
            (claim(
                &format!("{} of the photographs are labelled {}.", percent(paper), attribute.name),
                (attribute.photographs - paper).abs() < 0.05,
                &format!("{} of these are, and {} of the people.", percent(attribute.photographs), percent(attribute.people)),
            ))
        }
        @if let Some(share) = found.with_age {
            (claim(
                &format!("{} of the people have a label of age.", percent(frequencies::AGE_STATED)),
                (share - frequencies::AGE_STATED).abs() < 0.05,
                &format!("{} of the photographs have one.", percent(share)),
            ))
        }
        @if let Some([none, one, several]) = found.hair {
            (claim(
                "Exactly one of black, blond and brown hair is labelled for every photograph.",
                one > 0.99,
                &format!("{} have none, {} one, {} several.", percent(none), percent(one), percent(several)),
            ))
        }
    }
}
