//! The report as one page that needs nothing else.

mod figures;
mod requests;

use deepface_report::{Document, data_uri, svg};
use maud::{Markup, html};

use crate::edits::edit_tables;
use crate::report::{Edits, Probes, Report, Row};
use crate::table::{SIGNS, meanings, tables};

const STYLE: &str = include_str!("page.css");

/// The pictures of the page, as PNG files; those that there are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pictures<'a> {
    pub(crate) sheet: Option<&'a [u8]>,
    pub(crate) variety: Option<&'a [u8]>,
    pub(crate) edits: Option<&'a [u8]>,
}

/// The page, with its pictures inside.
pub(crate) fn page(report: &Report, pictures: Pictures<'_>) -> String {
    let body = html! {
        h1 { "How good the faces are" }
        (about(report))
        @if !report.rows.is_empty() { (measurements(report)) }
        @if let Some(sheet) = pictures.sheet {
            h2 { "Faces" }
            p { "A column per attribute set." }
            (picture(sheet, "faces by method and attribute set"))
        }
        @if let Some(variety) = pictures.variety {
            h2 { "Variety" }
            p { "The first attribute set, a column per seed." }
            (picture(variety, "faces of the first attribute set by method and seed"))
        }
        @if let Some(probes) = &report.probes { (short_requests(probes)) }
        @if let Some(edits) = &report.edits { (changed(edits)) }
        @if let Some(edits) = pictures.edits {
            p { "A row per change, the photograph beside the same one in all rows of the table." }
            (picture(edits, "changed photographs"))
        }
        @if !report.rows.is_empty() {
            (losses(&report.rows))
            (requests::methods(&report.rows))
            (figures::attributes(&report.rows))
        }
        (requests::sets(&report.sets))
    };
    let document = Document {
        title: "deepface evaluate",
        style: STYLE,
        script: None,
        body,
    };
    document.html()
}

fn about(report: &Report) -> Markup {
    let digest = |digest: &str| digest.chars().take(12).collect::<String>();
    let run = &report.run;
    html! {
        p {
            (report.sets.len()) " attribute sets from photographs of held-out people; faces per set and method: "
            (report.seeds) ". Realism is measured against " (report.references) " photographs of other people, one of each. The mean face and \
            the faces made without a network come from " (report.fitted) " training photographs. Classifier "
            code { (digest(&run.classifier)) } ", statistics " code { (digest(&run.generator)) } ", judge "
            code { (digest(&run.judge)) } ", second judge " code { (digest(&run.second_judge)) } ", identity network "
            code { (digest(&run.identity)) } "."
        }
    }
}

/// All tables, and what their columns mean.
fn measurements(report: &Report) -> Markup {
    let tables = tables();
    html! {
        @for table in &tables {
            h2 { (table.title) }
            p { (table.about) }
            (figures::table(&report.rows, &table.columns))
        }
        p { (SIGNS) " Controls are grey." }
        (figures::meanings(&meanings(&tables)))
        (figures::verification(&report.verification))
    }
}

fn picture(png: &[u8], alternative: &str) -> Markup {
    html! {
        div class="wide" { img alt=(alternative) src=(data_uri("image/png", png)); }
    }
}

fn short_requests(probes: &Probes) -> Markup {
    html! {
        h2 { "Short requests" }
        p { "The generator's defaults, by the judge." }
        pre { (probes) }
    }
}

/// Changed photographs: all of them, and kind by kind.
fn changed(edits: &Edits) -> Markup {
    let tables = edit_tables();
    html! {
        h2 { "Changed photographs" }
        @for table in &tables {
            p { b { (table.title) } ". " (table.about) }
            (figures::table(&edits.rows, &table.columns))
        }
        (figures::meanings(&meanings(&tables)))
        (requests::methods(&edits.rows))
        pre { (edits.kinds()) }
    }
}

fn losses(rows: &[Row]) -> Markup {
    html! {
        h2 { "Loss" }
        p { "Before each step, averaged over all faces. Each curve has its own scale." }
        div class="curves" {
            @for row in rows.iter().filter(|row| row.losses.len() > 1) {
                figure { (svg::chart(&row.losses)) figcaption { (row.name) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::report;

    #[test]
    fn the_page_shows_every_row_and_needs_nothing_else() {
        let html = page(
            &report(),
            Pictures {
                sheet: Some(b"sheet"),
                variety: Some(b"variety"),
                edits: Some(b"edits"),
            },
        );
        for part in [
            "<tr class=\"control\"><td title=\"the &lt;source&gt;\">photographs</td>",
            "data:image/png;base64,c2hlZXQ=",
            "data:image/png;base64,dmFyaWV0eQ==",
            "data:image/png;base64,ZWRpdHM=",
            ">ends at 0.5000</text>",
            "<code>method: regression</code>",
            "<li>a.jpg: Male, 5 o' Clock Shadow</li>",
            "<td>50 %</td><td>0.75</td><td>0.75</td>",
            "<pre>shown ",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert_eq!(html.matches("<figure>").count(), 1, "controls have no loss");
        assert!(!html.contains("http://") && !html.contains("src=\"/"));
    }
}
