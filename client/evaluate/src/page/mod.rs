//! The report as one page that needs nothing else.

mod curve;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::report::{Probes, Report, Row, Verdict};
use crate::table::{BY_NETWORK, BY_PIXELS, Column};

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
tr.control{color:#777}
th{border-bottom:2px solid #999}
.wide{overflow-x:auto}
.wide img{image-rendering:pixelated}
.curves{display:flex;flex-wrap:wrap;gap:1rem}
figure{margin:0}
figcaption{font-size:13px}
dt{float:left;clear:left;width:5rem;font-weight:600}
dd{margin-left:5rem}
details{margin:1rem 0}
code{font-size:12px;overflow-wrap:anywhere}";

/// The page, with its pictures inside; `sheet` and `variety` are PNG files.
pub(crate) fn page(report: &Report, sheet: &[u8], variety: &[u8]) -> String {
    let by_judge: Vec<_> = BY_NETWORK.iter().chain(&BY_PIXELS).collect();
    let by_classifier: Vec<_> = BY_NETWORK.iter().collect();
    [
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>deepface evaluate</title>\n".to_owned(),
        format!("<style>\n{STYLE}\n</style>\n<h1>How good the faces are</h1>\n"),
        about(report),
        "<h2>By the judge</h2>\n<p>A network that nobody inverts. Controls are grey.</p>\n".to_owned(),
        table(&report.rows, &by_judge, |row| &row.judge),
        "<h2>By the classifier</h2>\n<p>The methods invert it, so it judges itself.</p>\n".to_owned(),
        table(&report.rows, &by_classifier, |row| &row.classifier),
        meanings(&by_judge),
        "<h2>Faces</h2>\n<p>A column per attribute set.</p>\n".to_owned(),
        picture(sheet, "faces by method and attribute set"),
        "<h2>Variety</h2>\n<p>The first attribute set, a column per seed.</p>\n".to_owned(),
        picture(variety, "faces of the first attribute set by method and seed"),
        probes(report.probes.as_ref()),
        curves(&report.rows),
        methods(&report.rows),
        attributes(&report.rows),
        sets(report),
        "</html>\n".to_owned(),
    ]
    .concat()
}

fn about(report: &Report) -> String {
    format!(
        "<p>{} attribute sets of photographs of people that nothing was fitted to; faces of each by every method: {}. \
         Realism is measured from {} other photographs. The mean face and the faces made without a network come from \
         {} training photographs. Classifier <code>{}</code>, statistics <code>{}</code>, judge <code>{}</code>.</p>\n",
        report.sets.len(),
        report.seeds,
        report.references,
        report.fitted,
        short(&report.run.classifier),
        short(&report.run.generator),
        short(&report.run.judge),
    )
}

/// The beginning of a digest.
fn short(digest: &str) -> String {
    escape(&digest.chars().take(12).collect::<String>())
}

fn table(rows: &[Row], columns: &[&Column], by: fn(&Row) -> &Verdict) -> String {
    let headings = columns.iter().map(|column| {
        let (meaning, heading) = (escape(column.meaning), escape(column.heading));
        format!("<th title=\"{meaning}\">{heading}</th>")
    });
    let lines = rows.iter().map(|row| {
        let class = if row.control {
            " class=\"control\""
        } else {
            ""
        };
        let cells = columns.iter().map(|column| {
            let value = (column.value)(row, by(row));
            format!("<td>{}</td>", escape(&value))
        });
        let (note, name) = (escape(row.note), escape(&row.name));
        let cells: String = cells.collect();
        format!("<tr{class}><td title=\"{note}\">{name}</td>{cells}</tr>\n")
    });
    format!(
        "<div class=\"wide\"><table>\n<tr><th></th>{}</tr>\n{}</table></div>\n",
        headings.collect::<String>(),
        lines.collect::<String>()
    )
}

fn meanings(columns: &[&Column]) -> String {
    let entry = |column: &&Column| {
        let (heading, meaning) = (escape(column.heading), escape(column.meaning));
        format!("<dt>{heading}</dt><dd>{meaning}</dd>\n")
    };
    let entries: String = columns.iter().map(entry).collect();
    format!(
        "<details open><summary>What the columns say</summary>\n<dl>\n{entries}</dl>\n</details>\n"
    )
}

fn picture(png: &[u8], alternative: &str) -> String {
    let data = STANDARD.encode(png);
    format!(
        "<div class=\"wide\"><img alt=\"{alternative}\" src=\"data:image/png;base64,{data}\"></div>\n"
    )
}

fn probes(probes: Option<&Probes>) -> String {
    let Some(probes) = probes else {
        return String::new();
    };
    let figures = escape(&probes.to_string());
    format!(
        "<h2>Requests of a few words</h2>\n<p>The generator's defaults, by the judge.</p>\n<pre>{figures}</pre>\n"
    )
}

fn curves(rows: &[Row]) -> String {
    let descended = rows.iter().filter(|row| row.losses.len() > 1);
    let figures = descended.map(|row| {
        let (curve, name) = (curve::curve(&row.losses), escape(&row.name));
        format!("<figure>{curve}<figcaption>{name}</figcaption></figure>\n")
    });
    let figures: String = figures.collect();
    format!(
        "<h2>Loss</h2>\n<p>Before each step, mean over all faces; each has a scale of its own.</p>\n\
         <div class=\"curves\">\n{figures}</div>\n"
    )
}

fn methods(rows: &[Row]) -> String {
    let entry = |row: &Row| {
        let settings = row.settings.as_deref().map(escape);
        let settings = settings.map_or(String::new(), |s| format!("<br><code>{s}</code>"));
        let (name, note) = (escape(&row.name), escape(row.note));
        format!("<p><b>{name}</b>: {note}{settings}</p>\n")
    };
    let entries: String = rows.iter().map(entry).collect();
    format!("<h2>Methods</h2>\n{entries}")
}

/// AUC of each attribute by the judge. All rows asked for the same, so each has the same attributes.
fn attributes(rows: &[Row]) -> String {
    let headings = rows
        .iter()
        .map(|row| format!("<th>{}</th>", escape(&row.name)));
    let headings: String = headings.collect();
    let first = rows.first().map_or(&[][..], |row| &row.judge.attributes);
    let lines = first.iter().enumerate().map(|(number, attribute)| {
        let cells = rows
            .iter()
            .map(|row| match row.judge.attributes.get(number) {
                Some(a) => format!("<td>{:.2}</td>", a.auc),
                None => "<td>-</td>".to_owned(),
            });
        let (name, asked) = (escape(attribute.name), 100.0 * attribute.asked);
        let cells: String = cells.collect();
        format!("<tr><td>{name}</td><td>{asked:.0} %</td>{cells}</tr>\n")
    });
    let lines: String = lines.collect();
    format!(
        "<details><summary>AUC of each attribute, by the judge</summary>\n<div class=\"wide\"><table>\n\
         <tr><th></th><th>asked</th>{headings}</tr>\n{lines}</table></div>\n</details>\n"
    )
}

fn sets(report: &Report) -> String {
    let line = |set: &crate::report::Set| {
        let (source, asked) = (escape(&set.source), escape(&set.attributes.join(", ")));
        format!("<li>{source}: {asked}</li>\n")
    };
    let lines: String = report.sets.iter().map(line).collect();
    format!("<details><summary>The attribute sets</summary>\n<ol>\n{lines}</ol>\n</details>\n")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_text_stays_text() {
        assert_eq!(
            escape("<a href=\"x\">&"),
            "&lt;a href=&quot;x&quot;&gt;&amp;"
        );
        assert_eq!(escape("5 o' Clock Shadow"), "5 o' Clock Shadow");
    }
}
