//! The figures as a table of text.

use std::fmt::{self, Write as _};

use crate::report::{Probes, Report, Row, Verdict};

/// A figure of a row: heading, what it is, its value.
pub(crate) struct Column {
    pub(crate) heading: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) value: fn(&Row, &Verdict) -> String,
}

/// What each of the two networks says.
pub(crate) const BY_NETWORK: [Column; 7] = [
    Column {
        heading: "AUC",
        meaning: "do faces that asked for an attribute score above those that did not; 0.5 is chance",
        value: |_, v| figure(v.auc, 3),
    },
    Column {
        heading: "asked",
        meaning: "mean probability of what was asked for",
        value: |_, v| figure(Some(v.requested), 3),
    },
    Column {
        heading: "rank",
        meaning: "place of the source photograph among all sources, by similarity; 1 is best",
        value: |_, v| figure(Some(v.rank), 2),
    },
    Column {
        heading: "alike",
        meaning: "cosine to the source photograph",
        value: |_, v| figure(Some(v.similarity), 3),
    },
    Column {
        heading: "KID",
        meaning: "kernel distance from other photographs; photographs are near 0",
        value: |_, v| figure(v.kid, 3),
    },
    Column {
        heading: "far",
        meaning: "distance from the mean face, over that of the source photographs",
        value: |_, v| figure(Some(v.mean_face_distance), 2),
    },
    Column {
        heading: "varied",
        meaning: "distance of two seeds of one request, over that of two photographs (and of two that have \
                  nearly the attributes asked for)",
        value: |_, v| match v.variety {
            Some(v) => format!("{:.2} ({:.2})", v.of_photographs, v.of_alike),
            None => figure(None, 0),
        },
    },
];

/// What needs no network.
pub(crate) const BY_PIXELS: [Column; 4] = [
    Column {
        heading: "face",
        meaning: "faces in which a detector finds one",
        value: |row, _| format!("{}/{}", row.detected, row.faces),
    },
    Column {
        heading: "detail",
        meaning: "share of spectral energy above 0.2 cycles a pixel",
        value: |row, _| figure(Some(row.detail), 3),
    },
    Column {
        heading: "pixels",
        meaning: "root mean square difference of two seeds of one request, over that of two photographs",
        value: |row, _| figure(row.pixel_variety.map(|v| v.of_photographs), 2),
    },
    Column {
        heading: "s",
        meaning: "seconds for a face, beside another",
        value: |row, _| figure(row.seconds, 1),
    },
];

/// A number, or a dash where there is none.
fn figure(value: Option<f64>, digits: usize) -> String {
    match value.filter(|value| value.is_finite()) {
        Some(value) => format!("{value:.digits$}"),
        None => "-".to_owned(),
    }
}

/// All rows: first what the judge says and the pixels, then what the classifier says of itself.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sets, seeds) = (self.sets.len(), self.seeds);
        writeln!(
            f,
            "{sets} attribute sets, faces of each: {seeds}; by the judge:\n"
        )?;
        let by_judge: Vec<_> = BY_NETWORK.iter().chain(&BY_PIXELS).collect();
        f.write_str(&lines(&self.rows, &by_judge, |row| &row.judge))?;
        writeln!(
            f,
            "\nby the classifier, which was inverted and so judges itself:\n"
        )?;
        let by_classifier: Vec<_> = BY_NETWORK.iter().collect();
        f.write_str(&lines(&self.rows, &by_classifier, |row| &row.classifier))?;
        f.write_char('\n')?;
        for column in by_judge {
            writeln!(f, "{:<7} {}", column.heading, column.meaning)?;
        }
        match &self.probes {
            Some(probes) => write!(f, "\nRequests of a few words, by the judge:\n\n{probes}"),
            None => Ok(()),
        }
    }
}

/// The figures, one line each, and what could not be seen.
impl fmt::Display for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, seen) = self.shown();
        writeln!(
            f,
            "shown   {shown} of {seen} attributes that the judge sees in most photographs that have them"
        )?;
        let all = self.short.iter();
        for hidden in all.filter(|s| s.probability <= 0.5) {
            let of_photographs = figure(hidden.of_photographs, 2);
            let (asked, name, p) = (
                hidden.asked.join(", "),
                hidden.attribute,
                hidden.probability,
            );
            writeln!(
                f,
                "        not {name} of ({asked}): {p:.2}, photographs {of_photographs}"
            )?;
        }
        for flip in &self.flips {
            let (name, ratio) = (flip.attribute, flip.ratio());
            writeln!(
                f,
                "flipped {name}: its log-odds move {ratio:.1} times as far as others do"
            )?;
        }
        for varied in &self.varied {
            let asked = varied.asked.join(", ");
            writeln!(
                f,
                "varied  {asked}: two seeds differ {:.2} times as much as two photographs that have these",
                varied.of_alike
            )?;
        }
        Ok(())
    }
}

fn lines(rows: &[Row], columns: &[&Column], by: fn(&Row) -> &Verdict) -> String {
    let head = std::iter::once(String::new()).chain(columns.iter().map(|c| c.heading.to_owned()));
    let mut cells = vec![head.collect::<Vec<_>>()];
    for row in rows {
        let values = columns.iter().map(|column| (column.value)(row, by(row)));
        cells.push(std::iter::once(row.name.clone()).chain(values).collect());
    }
    let width = |column: usize| cells.iter().map(|line| line[column].len()).max();
    let widths: Vec<usize> = (0..=columns.len()).filter_map(width).collect();
    let mut text = String::new();
    for line in &cells {
        let mut padded = format!("{:<1$}", line[0], widths[0]);
        for (cell, width) in line.iter().zip(&widths).skip(1) {
            padded += &format!("  {cell:>width$}");
        }
        text += padded.trim_end();
        text.push('\n');
    }
    text
}
