//! The figures as a table of text.

use std::fmt::{self, Write as _};

use crate::report::{Probes, Report, Row, Verdict};

/// A figure of a row.
pub(crate) struct Column {
    pub(crate) heading: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) value: fn(&Row, &Verdict) -> String,
}

/// Figures by one of the two networks.
pub(crate) const BY_NETWORK: [Column; 7] = [
    Column {
        heading: "AUC",
        meaning: "probability that a face with a requested attribute scores above one without; 0.5 is chance",
        value: |_, v| figure(v.auc, 3),
    },
    Column {
        heading: "asked",
        meaning: "mean probability of the requested attributes",
        value: |_, v| figure(Some(v.requested), 3),
    },
    Column {
        heading: "rank",
        meaning: "rank of the source photograph among all sources, by similarity; 1 is best",
        value: |_, v| figure(Some(v.rank), 2),
    },
    Column {
        heading: "alike",
        meaning: "cosine similarity to the source photograph",
        value: |_, v| figure(Some(v.similarity), 3),
    },
    Column {
        heading: "KID",
        meaning: "kernel distance from other photographs; near 0 for photographs",
        value: |_, v| figure(v.kid, 3),
    },
    Column {
        heading: "far",
        meaning: "distance from the mean face, relative to the source photographs",
        value: |_, v| figure(Some(v.mean_face_distance), 2),
    },
    Column {
        heading: "varied",
        meaning: "distance between two seeds of a request, relative to two photographs (and to two with nearly \
                  the requested attributes)",
        value: |_, v| match v.variety {
            Some(v) => format!("{:.2} ({:.2})", v.of_photographs, v.of_alike),
            None => figure(None, 0),
        },
    },
];

/// Figures that need no network.
pub(crate) const BY_PIXELS: [Column; 4] = [
    Column {
        heading: "face",
        meaning: "faces in which a face detector finds a face",
        value: |row, _| format!("{}/{}", row.detected, row.faces),
    },
    Column {
        heading: "detail",
        meaning: "share of spectral energy above 0.2 cycles per pixel",
        value: |row, _| figure(Some(row.detail), 3),
    },
    Column {
        heading: "pixels",
        meaning: "root mean square difference of two seeds of a request, relative to two photographs",
        value: |row, _| figure(row.pixel_variety.map(|v| v.of_photographs), 2),
    },
    Column {
        heading: "s",
        meaning: "seconds per face, with two in progress at once",
        value: |row, _| figure(row.seconds, 1),
    },
];

/// A number, or a dash if there is none.
fn figure(value: Option<f64>, digits: usize) -> String {
    match value.filter(|value| value.is_finite()) {
        Some(value) => format!("{value:.digits$}"),
        None => "-".to_owned(),
    }
}

/// All rows: first by the judge and from pixels, then by the classifier.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sets, seeds) = (self.sets.len(), self.seeds);
        writeln!(
            f,
            "{sets} {}, {seeds} {} per set and method; by the judge:\n",
            if sets == 1 {
                "attribute set"
            } else {
                "attribute sets"
            },
            if seeds == 1 { "face" } else { "faces" },
        )?;
        let by_judge: Vec<_> = BY_NETWORK.iter().chain(&BY_PIXELS).collect();
        f.write_str(&lines(&self.rows, &by_judge, |row| &row.judge))?;
        writeln!(
            f,
            "\nby the classifier, which the methods invert, so it judges itself:\n"
        )?;
        let by_classifier: Vec<_> = BY_NETWORK.iter().collect();
        f.write_str(&lines(&self.rows, &by_classifier, |row| &row.classifier))?;
        f.write_char('\n')?;
        for column in by_judge {
            writeln!(f, "{:<7} {}", column.heading, column.meaning)?;
        }
        for remark in &self.remarks {
            writeln!(f, "note    {remark}")?;
        }
        match &self.probes {
            Some(probes) => write!(f, "\nShort requests, by the judge:\n\n{probes}"),
            None => Ok(()),
        }
    }
}

/// The figures, one line each, and the attributes that are missing in the faces.
impl fmt::Display for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, seen) = self.shown();
        writeln!(
            f,
            "shown   {shown} of {seen} attributes that the judge recognises in photographs"
        )?;
        let all = self.short.iter();
        for hidden in all.filter(|s| s.probability <= 0.5) {
            let of_photographs = figure(hidden.of_photographs, 2);
            let (asked, name, p) = (
                hidden.asked.join(", "),
                &hidden.attribute,
                hidden.probability,
            );
            writeln!(
                f,
                "        not {name} in ({asked}): {p:.2}, photographs {of_photographs}"
            )?;
        }
        for flip in &self.flips {
            let (name, ratio) = (&flip.attribute, flip.ratio());
            writeln!(
                f,
                "flipped {name}: its log-odds move {ratio:.1} times as far as those of other attributes"
            )?;
        }
        for varied in &self.varied {
            let asked = varied.asked.join(", ");
            writeln!(
                f,
                "varied  {asked}: two seeds differ {:.2} times as much as two photographs with these attributes",
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

#[cfg(test)]
pub(crate) mod tests {
    use deepface_client::{SettingsInForce, v1};

    use super::*;
    use crate::report::{AttributeAuc, Flip, Set, Shown, Varied, Variety};
    use crate::store::Identity;

    fn verdict(auc: Option<f64>, variety: Option<Variety>) -> Verdict {
        Verdict {
            auc,
            requested: 0.8,
            similarity: 0.25,
            rank: 1.5,
            kid: Some(-0.001),
            mean_face_distance: f64::NAN,
            variety,
            attributes: vec![AttributeAuc {
                name: "Male".into(),
                asked: 0.5,
                auc: 0.75,
            }],
        }
    }

    fn row(name: &str, note: &'static str, losses: Vec<f64>) -> Row {
        let variety = Variety {
            distance: 3.0,
            of_photographs: 0.5,
            of_alike: 0.75,
        };
        let settings = v1::GenerationSettings {
            target: Some(v1::TargetSettings {
                method: v1::Method::Regression.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let made = !losses.is_empty();
        Row {
            name: name.to_owned(),
            note,
            control: !made,
            faces: 2,
            judge: verdict(Some(0.9), made.then_some(variety)),
            classifier: verdict(None, None),
            detail: 0.125,
            detected: 1,
            pixel_variety: made.then_some(variety),
            seconds: made.then_some(2.25),
            settings: made.then(|| SettingsInForce::from(&settings)),
            losses,
        }
    }

    /// A control and a method.
    pub(crate) fn report() -> Report {
        Report {
            run: Identity {
                data: "d".repeat(64),
                sets: 2,
                seed: 0,
                with_negatives: false,
                classifier: "c".repeat(64),
                generator: "g".repeat(64),
                defaults: "s".repeat(64),
                judge: "j".repeat(64),
            },
            seeds: 1,
            variety_seeds: 16,
            sets: vec![Set {
                source: "a.jpg".to_owned(),
                attributes: vec!["Male".into(), "5 o' Clock Shadow".into()],
            }],
            references: 600,
            fitted: 9000,
            remarks: vec!["3 rows without a photograph".into()],
            rows: vec![
                row("photographs", "the <source>", Vec::new()),
                row("default", "the default", vec![1.0, 0.5]),
            ],
            probes: Some(probes()),
        }
    }

    fn probes() -> Probes {
        let shown = |attribute: &str, probability, of_photographs| Shown {
            asked: vec!["Male".into(), "Bald".into()],
            attribute: attribute.into(),
            probability,
            of_photographs,
        };
        Probes {
            short: vec![
                shown("Male", 0.9, Some(0.8)),
                shown("Bald", 0.3, Some(0.7)),
                shown("Child", 0.2, None),
            ],
            flips: vec![Flip {
                attribute: "Smiling".into(),
                moved: 4.0,
                others: 0.5,
            }],
            varied: vec![Varied {
                asked: vec!["Black".into()],
                of_alike: 0.6,
            }],
        }
    }

    #[test]
    fn rows_are_aligned_and_missing_figures_are_dashes() {
        let text = report().to_string();
        let lines: Vec<&str> = text.lines().collect();
        let expected = [
            "1 attribute set, 1 face per set and method; by the judge:",
            "",
            "               AUC  asked  rank  alike     KID  far       varied  face  detail  pixels    s",
            "photographs  0.900  0.800  1.50  0.250  -0.001    -            -   1/2   0.125       -    -",
            "default      0.900  0.800  1.50  0.250  -0.001    -  0.50 (0.75)   1/2   0.125    0.50  2.2",
        ];
        assert_eq!(&lines[..5], expected, "{text}");
        assert_eq!(
            lines[9],
            "photographs    -  0.800  1.50  0.250  -0.001    -       -"
        );
    }

    #[test]
    fn every_column_is_explained_once() {
        let text = report().to_string();
        for column in BY_NETWORK.iter().chain(&BY_PIXELS) {
            let line = format!("\n{:<7} {}\n", column.heading, column.meaning);
            assert_eq!(text.matches(&line).count(), 1, "{line}");
        }
    }

    #[test]
    fn probes_are_a_line_each_with_what_is_missing() {
        let expected = "\
shown   1 of 2 attributes that the judge recognises in photographs
        not Bald in (Male, Bald): 0.30, photographs 0.70
        not Child in (Male, Bald): 0.20, photographs -
flipped Smiling: its log-odds move 8.0 times as far as those of other attributes
varied  Black: two seeds differ 0.60 times as much as two photographs with these attributes
";
        assert_eq!(probes().to_string(), expected);
    }
}
