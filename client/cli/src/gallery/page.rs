//! The page: one HTML file that needs nothing else, and that asks nothing of any network.

use std::fmt::Write as _;

use deepface_client::v1;
use serde_json::Value;

use super::{
    Cell, Plan, Row,
    cell::{granted, mean},
    curve,
    html::{data_uri, percent, text},
};
use crate::{requests::SettingsInForce, wishes::say_all};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Attributes that a caption lists besides those that were asked for.
const MOST_OTHERS: usize = 6;

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
        let title = text(&self.title());
        let lead = "Each column is a seed. Point at a face, tap it, or go to it with the arrow keys, to see it come into \
                    being and what the classifier sees in it.";
        let parts = [
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n".to_owned(),
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n".to_owned(),
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src \
             'unsafe-inline'; script-src 'unsafe-inline'\">\n"
                .to_owned(),
            format!("<title>{title} - DeepFace</title>\n<style>\n{STYLE}</style>\n</head>\n"),
            format!("<body>\n<header>\n<h1>{title}</h1>\n<p>{lead}</p>\n"),
            self.all_at_once(),
            "</header>\n<main>\n".to_owned(),
            self.table(),
            DETAIL.to_owned(),
            "</main>\n".to_owned(),
            self.footer(),
            format!("<script>\n{SCRIPT}</script>\n</body>\n</html>\n"),
        ];
        parts.concat()
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

    /// The slider that shows every face at the same step.
    fn all_at_once(&self) -> String {
        let frames = self.all().map(|cell| cell.moments.len()).max().unwrap_or(0);
        format!(
            "<p class=\"all\"><label for=\"all\">All faces at step</label> <input type=\"range\" id=\"all\" min=\"0\" \
             max=\"{frames}\" value=\"{frames}\"> <output id=\"step\" for=\"all\">the end</output></p>\n"
        )
    }

    fn table(&self) -> String {
        let mut table =
            "<div class=\"scroll\">\n<table class=\"faces\">\n<thead>\n<tr><td></td>".to_owned();
        for seed in self.seeds {
            let _ = write!(table, "<th scope=\"col\">seed {seed}</th>");
        }
        table += "</tr>\n</thead>\n";
        let same = |a: &Row, b: &Row| match (&a.varied, &b.varied) {
            (Some(a), Some(b)) => a.name == b.name,
            _ => false,
        };
        let mut rows = self.plan.rows.iter().zip(self.cells).enumerate();
        for group in self.plan.rows.chunk_by(same) {
            table += "<tbody>\n";
            for (i, (row, cells)) in rows.by_ref().take(group.len()) {
                self.row(&mut table, i, row, cells);
            }
            table += "</tbody>\n";
        }
        table + "</table>\n</div>\n"
    }

    fn row(&self, table: &mut String, i: usize, row: &Row, cells: &[Cell]) {
        let label = text(&row.label());
        let _ = writeln!(
            table,
            "<tr><th scope=\"row\">{label}<small>{}</small></th>",
            text(&seen_in_all(row, cells))
        );
        let reference = self.cells.first().filter(|_| i > 0 && self.plan.has_base());
        for (j, (seed, cell)) in self.seeds.iter().zip(cells).enumerate() {
            let asked = text(&say_all(&row.wishes));
            let heading = format!("{label}, seed {seed}");
            let before = reference.and_then(|cells| cells.get(j));
            let _ = write!(
                table,
                "<td>{}<template><h2>{heading}</h2>\n<p>Asked for: {asked}</p>\n{}</template></td>\n",
                button(
                    cell,
                    &format!("Face generated for: {asked}; seed {seed}"),
                    row
                ),
                caption(cell, before),
            );
        }
        table.push_str("</tr>\n");
    }

    fn footer(&self) -> String {
        let empty = v1::Started::default();
        let started = self.all().next().map_or(&empty, |cell| &cell.started);
        let settings = started.settings.as_ref().map(SettingsInForce::from);
        let mut footer = "<footer>\n<dl>\n".to_owned();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(
                footer,
                "<dt>{name}</dt><dd><code>{}</code></dd>",
                text(value)
            );
        };
        line("Made with", self.command);
        line("Settings", &say_settings(&settings.unwrap_or_default()));
        line("Statistics (SHA-256)", &started.digest);
        line("Classifier (SHA-256)", &started.classifier_digest);
        footer
            + "</dl>\n<p>The probabilities are those of the network that was inverted: it judges itself. The names of \
               attributes are those of a data set, not facts about people.</p>\n</footer>\n"
    }

    fn all(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().flatten()
    }
}

/// Where the face that is looked at is shown large; the script fills it.
const DETAIL: &str = "<aside id=\"detail\" aria-live=\"polite\" aria-label=\"The chosen face\">\n\
    <div class=\"picture\"><span class=\"film\"></span></div>\n\
    <p id=\"moment\">No face is chosen.</p>\n<div id=\"caption\"></div>\n</aside>\n";

/// What can be pointed at: the face, with its iterates behind it.
fn button(cell: &Cell, alt: &str, row: &Row) -> String {
    let moments: Vec<String> = cell
        .moments
        .iter()
        .map(|(step, loss)| format!("{step}:{loss:.4}"))
        .collect();
    let side = cell.side;
    format!(
        "<button type=\"button\" class=\"cell\" data-moments=\"{}\" data-end=\"{}:{:.4}\">\
         <span class=\"picture\"><img src=\"{}\" width=\"{side}\" height=\"{side}\" alt=\"{alt}\">\
         <span class=\"film\" style=\"background-image:url({})\"></span></span>\
         <span class=\"short\">{}</span></button>",
        moments.join(" "),
        cell.steps,
        cell.loss,
        data_uri("image/png", &cell.picture),
        data_uri("image/jpeg", &cell.film),
        text(&short(row, cell)),
    )
}

/// What stands below a face: what the classifier sees of the attribute that its row varies, or how much of the request.
fn short(row: &Row, cell: &Cell) -> String {
    let varied = row.varied.as_ref();
    if let Some(attribute) = varied.and_then(|varied| cell.attribute(&varied.name)) {
        return format!(
            "{} {} {}",
            mark(attribute),
            attribute.name,
            percent(attribute.probability)
        );
    }
    let asked = cell.asked().count();
    let granted = cell.asked().filter(|attribute| granted(attribute)).count();
    format!("{granted} of {asked} seen as asked")
}

/// What stands below the name of a row: the mean over its faces.
fn seen_in_all(row: &Row, cells: &[Cell]) -> String {
    let granted = cells
        .iter()
        .flat_map(Cell::asked)
        .filter(|a| granted(a))
        .count();
    let asked = cells.iter().flat_map(Cell::asked).count();
    let Some(varied) = &row.varied else {
        return format!("{granted} of {asked} wishes seen as asked");
    };
    format!("{} on average", percent(mean(cells, &varied.name)))
}

/// The loss curve, what was asked for and what came of it, and what changed besides.
fn caption(cell: &Cell, before: Option<&Cell>) -> String {
    let mut caption = curve::svg(&cell.moments);
    let head = |caption: &mut String, title: &str| {
        let _ = write!(
            caption,
            "\n<table class=\"seen\"><caption>{title}</caption>\n"
        );
    };
    head(&mut caption, "What the classifier sees of what was asked");
    for attribute in cell.asked() {
        let remark = match (attribute.requested == Some(true), granted(attribute)) {
            (true, true) => "✓ present",
            (true, false) => "✗ not present",
            (false, true) => "✓ absent",
            (false, false) => "✗ not absent",
        };
        caption += &line(&attribute.name, attribute.probability, remark);
    }
    caption += "</table>";
    let mut others = String::new();
    let title = match before {
        Some(before) => {
            for change in cell.changes(before, MOST_OTHERS) {
                others += &line(
                    change.name,
                    change.after,
                    &format!("was {}", percent(change.before)),
                );
            }
            "Changed most, against the first row"
        }
        None => {
            for attribute in cell.also_seen(MOST_OTHERS) {
                others += &line(&attribute.name, attribute.probability, "");
            }
            "Also seen"
        }
    };
    if !others.is_empty() {
        head(&mut caption, title);
        caption = caption + &others + "</table>\n";
    }
    caption
}

/// One attribute of a caption.
fn line(name: &str, probability: f32, remark: &str) -> String {
    let shown = percent(probability);
    format!(
        "<tr><th scope=\"row\">{}</th><td><meter value=\"{probability:.3}\">{shown}</meter></td><td>{shown}</td>\
         <td>{}</td></tr>\n",
        text(name),
        text(remark)
    )
}

/// Whether the classifier agrees with what was asked.
fn mark(attribute: &v1::ResultAttribute) -> char {
    if granted(attribute) { '✓' } else { '✗' }
}

/// `method: regression, steps: 100`.
fn say_settings(settings: &SettingsInForce) -> String {
    let Ok(Value::Object(settings)) = serde_json::to_value(settings) else {
        return String::new();
    };
    let say = |(name, value): (&String, &Value)| match value {
        Value::Null => None,
        Value::String(value) => Some(format!("{name}: {value}")),
        value => Some(format!("{name}: {value}")),
    };
    settings
        .iter()
        .filter_map(say)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        gallery::cell::tests::face,
        wishes::tests::{wish, wishes},
    };

    const SEEN: [(&str, f32, Option<bool>); 3] = [
        ("Male", 0.9, Some(true)),
        ("Smiling", 0.2, Some(true)),
        ("Bald", 0.6, None),
    ];

    fn page(base: &str, seeds: &[u64], command: &str) -> String {
        let plan = Plan::new(wishes(base), &[wish("Smiling")], true);
        let row = |_| seeds.iter().map(|_| face(3, &SEEN).unwrap()).collect();
        let cells: Vec<Vec<Cell>> = plan.rows.iter().map(row).collect();
        Page {
            plan: &plan,
            seeds,
            cells: &cells,
            command,
        }
        .html()
    }

    /// The names of the tags that are opened and not closed again, in order.
    fn unclosed(html: &str) -> Vec<&str> {
        const VOID: [&str; 4] = ["meta", "img", "input", "!DOCTYPE"];
        const EMPTY: [&str; 2] = ["polyline", "circle"];
        let mut open = Vec::new();
        for tag in html.split('<').skip(1) {
            let name = tag.split(['>', ' ', '\n']).next().unwrap();
            if let Some(name) = name.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{tag}");
            } else if !VOID.contains(&name) && !EMPTY.contains(&name) {
                open.push(name);
            }
        }
        open
    }

    /// The page without its style and script, which are not markup.
    fn markup(html: &str) -> String {
        html.replace(STYLE, "").replace(SCRIPT, "")
    }

    #[test]
    fn there_is_a_face_for_every_row_and_seed() {
        let html = page("Male", &[5, 6, 7], "deepface gallery Male");
        assert!(html.contains("<title>Male: seeds 5 to 7 - DeepFace</title>"));
        assert_eq!(html.matches("<button").count(), 3 * 3);
        assert_eq!(html.matches("data:image/png;base64,").count(), 3 * 3);
        assert_eq!(html.matches("data:image/jpeg;base64,").count(), 3 * 3);
        assert_eq!(
            html.matches("<tbody>").count(),
            2,
            "one for the base, one for the pair"
        );
        assert!(html.contains("alt=\"Face generated for: Male, not Smiling; seed 6\""));
        assert!(html.contains("data-moments=\"10:1.0000 20:0.5000 30:0.3333\""));
        assert!(html.contains("✗ Smiling 20 %") && html.contains("1 of 2 seen as asked"));
        assert!(html.contains("0123abcd") && html.contains("deepface gallery Male</code>"));
        assert_eq!(html.matches("Also seen").count(), 3);
        assert_eq!(html.matches("Changed most").count(), 6);
    }

    #[test]
    fn every_tag_is_closed_and_no_picture_is_without_words() {
        let html = markup(&page("Male", &[0], "deepface gallery"));
        assert_eq!(unclosed(&html), [] as [&str; 0]);
        assert_eq!(html.matches("<img").count(), html.matches(" alt=").count());
        assert!(html.contains("Male: seed 0</h1>"));
    }

    #[test]
    fn what_was_typed_cannot_become_markup() {
        let hostile = "</code><script>alert(\"x\")</script><img src=x onerror='y'>";
        let html = markup(&page(hostile, &[0, 1], hostile));
        assert_eq!(unclosed(&html), [] as [&str; 0]);
        assert_eq!(html.matches("<script>").count(), 1);
        assert!(!html.contains("<img src=x") && !html.contains("onerror='"));
    }

    #[test]
    fn nothing_is_fetched() {
        let html = page("Male", &[0], "deepface gallery");
        for foreign in [
            "http://", "https://", "src=\"/", "@import", "fetch(", "import(",
        ] {
            assert!(!html.contains(foreign), "{foreign}");
        }
        assert!(html.contains("default-src 'none'"));
    }
}
