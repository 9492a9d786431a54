//! The figures as tables of text, each by one network.

use std::fmt::{self, Write as _};

use crate::figure::{BY_ATTRIBUTES, BY_IDENTITY, BY_PIXELS, Figure};
use crate::report::{Estimate, Figures, Probes, Report, Row, Variety, Verdict};

/// A column of a table.
pub(crate) struct Column {
    pub(crate) heading: &'static str,
    pub(crate) meaning: &'static str,
    /// What stands there in a row.
    pub(crate) cell: Of<String>,
    /// The figure, where it has an interval.
    pub(crate) estimate: Of<Option<Estimate>>,
}

/// What is taken from a row.
type Of<T> = Box<dyn Fn(&Row) -> T>;

/// A table: what the rows are to one network, or without one.
pub(crate) struct Table {
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) columns: Vec<Column>,
}

/// All tables, in order.
pub(crate) fn tables() -> [Table; 5] {
    [
        Table {
            title: "By the judge",
            about: "A network that no method inverts.",
            columns: by(&BY_ATTRIBUTES, |row| &row.judge),
        },
        Table {
            title: "By the second judge",
            about: "Another network, trained on blurred, noisy and recompressed views; nothing was tuned with it.",
            columns: by(&BY_ATTRIBUTES, |row| &row.second_judge),
        },
        Table {
            title: "By the identity network",
            about: "A network that knows people and no attributes: whether a face is somebody.",
            columns: by(&BY_IDENTITY, |row| &row.identity),
        },
        Table {
            title: "By the classifier",
            about: "The methods invert it, so it judges itself.",
            columns: by(&BY_ATTRIBUTES, |row| &row.classifier),
        },
        Table {
            title: "Without a network",
            about: "Pixels and time.",
            columns: by_pixels(),
        },
    ]
}

fn by(figures: &[Figure], verdict: fn(&Row) -> &Verdict) -> Vec<Column> {
    let columns = figures
        .iter()
        .map(|&f| column(f, move |row| &verdict(row).figures));
    let varied = plain(
        "varied",
        "distance between two seeds of a request, relative to two photographs (and to two with nearly the requested \
         attributes)",
        move |row| varied(verdict(row).variety),
    );
    columns.chain([varied]).collect()
}

fn by_pixels() -> Vec<Column> {
    let columns = BY_PIXELS.iter().map(|&f| column(f, |row| &row.pixels));
    let pixels = plain(
        "pixels",
        "root mean square difference of two seeds of a request, relative to two photographs",
        |row| number(row.pixel_variety.map(|v| v.of_photographs), 2),
    );
    let seconds = plain(
        "s",
        "seconds per face, with two in progress at once",
        |row| number(row.seconds, 1),
    );
    columns.chain([pixels, seconds]).collect()
}

pub(crate) fn column(figure: Figure, of: impl Fn(&Row) -> &Figures + Copy + 'static) -> Column {
    let style = figure.style();
    let digits = style.digits;
    Column {
        heading: style.heading,
        meaning: style.meaning,
        cell: Box::new(move |row| estimated(of(row).0.get(&figure), digits)),
        estimate: Box::new(move |row| of(row).0.get(&figure).copied()),
    }
}

pub(crate) fn plain(
    heading: &'static str,
    meaning: &'static str,
    cell: impl Fn(&Row) -> String + 'static,
) -> Column {
    Column {
        heading,
        meaning,
        cell: Box::new(cell),
        estimate: Box::new(|_| None),
    }
}

/// `0.954±0.006*`: half of the interval, and a star where the difference from the default is sure.
fn estimated(estimate: Option<&Estimate>, digits: usize) -> String {
    let Some(Estimate {
        value,
        low,
        high,
        difference,
    }) = estimate
    else {
        return number(None, 0);
    };
    let half = (high - low) / 2.0;
    let star = if difference.is_some_and(|d| d.is_sure()) {
        "*"
    } else {
        ""
    };
    format!("{value:.digits$}±{half:.digits$}{star}")
}

fn varied(variety: Option<Variety>) -> String {
    match variety {
        Some(v) => format!("{:.2} ({:.2})", v.of_photographs, v.of_alike),
        None => number(None, 0),
    }
}

/// A number, or a dash if there is none.
pub(crate) fn number(value: Option<f64>, digits: usize) -> String {
    match value.filter(|value| value.is_finite()) {
        Some(value) => format!("{value:.digits$}"),
        None => "-".to_owned(),
    }
}

/// What the signs in the tables mean.
pub(crate) const SIGNS: &str = "± is half of a 95 % interval by bootstrap over people; * marks a figure whose difference \
    from the default's, with both drawn alike, has an interval without 0.";

/// Every column once, by heading.
pub(crate) fn meanings(tables: &[Table]) -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    for column in tables.iter().flat_map(|table| &table.columns) {
        if !all.iter().any(|(heading, _)| *heading == column.heading) {
            all.push((column.heading, column.meaning));
        }
    }
    all
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.rows.is_empty() {
            let (sets, seeds) = (self.sets.len(), self.seeds);
            writeln!(
                f,
                "{sets} {}, {seeds} {} per set and method; {} photographs to compare with, each of another person.",
                if sets == 1 {
                    "attribute set"
                } else {
                    "attribute sets"
                },
                if seeds == 1 { "face" } else { "faces" },
                self.references,
            )?;
            let tables = tables();
            for table in &tables {
                writeln!(f, "\n{}. {}\n", table.title, table.about)?;
                f.write_str(&lines(&self.rows, &table.columns))?;
            }
            writeln!(f, "\n{SIGNS}\n")?;
            for (heading, meaning) in meanings(&tables) {
                writeln!(f, "{heading:<8} {meaning}")?;
            }
        }
        f.write_char('\n')?;
        for v in &self.verification {
            let (all, alike) = (number(v.auc, 3), number(v.auc_like_labels, 3));
            writeln!(
                f,
                "person   by the {}: AUC {all} of {} pairs of one person against other people, {alike} against the person \
                 with the nearest labels",
                v.network, v.pairs
            )?;
        }
        for remark in &self.remarks {
            writeln!(f, "note     {remark}")?;
        }
        if let Some(probes) = &self.probes {
            write!(f, "\nShort requests, by the judge:\n\n{probes}")?;
        }
        match &self.edits {
            Some(edits) => write!(f, "\n{edits}"),
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
            let of_photographs = number(hidden.of_photographs, 2);
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
        for c in &self.calibration {
            writeln!(
                f,
                "unasked {}: what was asked has {:.2} (photographs {:.2}); all else is off by {:.3} on average ({:.3} by chance), \
                 most in {}: {:.2}, photographs {:.2}",
                c.asked.join(", "),
                c.requested,
                c.requested_of_photographs,
                c.other_deviation,
                c.chance,
                c.worst,
                c.worst_probability,
                c.worst_of_photographs,
            )?;
        }
        Ok(())
    }
}

/// The rows as text, aligned.
pub(crate) fn lines(rows: &[Row], columns: &[Column]) -> String {
    let head = std::iter::once(String::new()).chain(columns.iter().map(|c| c.heading.to_owned()));
    let mut cells = vec![head.collect::<Vec<_>>()];
    for row in rows {
        let values = columns.iter().map(|column| (column.cell)(row));
        cells.push(std::iter::once(row.name.clone()).chain(values).collect());
    }
    let length = |cell: &String| cell.chars().count();
    let width = |column: usize| cells.iter().map(|line| length(&line[column])).max();
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
    use crate::report::{
        AttributeAuc, Calibration, Difference, Flip, Set, Shown, Varied, Variety, Verification,
    };
    use crate::store::Identity;

    fn estimate(value: f64, difference: Option<f64>) -> Estimate {
        Estimate {
            value,
            low: value - 0.02,
            high: value + 0.04,
            difference: difference.map(|value| Difference {
                value,
                low: value - 0.01,
                high: value + 0.01,
            }),
        }
    }

    fn verdict(kid: Option<f64>, variety: Option<Variety>) -> Verdict {
        let figures = [
            Some((Figure::Auc, estimate(0.9, Some(0.005)))),
            Some((Figure::Rank, estimate(1.5, None))),
            kid.map(|kid| (Figure::Kid, estimate(kid, Some(-0.05)))),
        ];
        Verdict {
            figures: Figures(figures.into_iter().flatten().collect()),
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
            judge: verdict(Some(-0.001), made.then_some(variety)),
            second_judge: verdict(None, None),
            identity: verdict(None, None),
            classifier: verdict(None, None),
            pixels: Figures([(Figure::Detail, estimate(0.125, None))].into()),
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
                second_judge: "s".repeat(64),
                identity: "i".repeat(64),
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
            verification: vec![Verification {
                network: "judge",
                pairs: 40,
                auc: Some(0.875),
                auc_like_labels: None,
            }],
            probes: Some(probes()),
            edits: None,
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
            calibration: vec![Calibration {
                asked: vec!["Male".into()],
                photographs: 200,
                requested: 0.98,
                requested_of_photographs: 0.73,
                other_deviation: 0.127,
                chance: 0.05,
                worst: "Mustache".into(),
                worst_probability: 0.72,
                worst_of_photographs: 0.13,
            }],
        }
    }

    #[test]
    fn rows_are_aligned_and_missing_figures_are_dashes() {
        let text = report().to_string();
        let rows = text
            .lines()
            .filter(|line| line.starts_with("photographs ") || line.starts_with("default "));
        let rows: Vec<&str> = rows.collect();
        let expected = [
            "photographs  0.900±0.030      -    -        -  1.50±0.03      -  -0.001±0.030*        -    -            -",
            "default      0.900±0.030      -    -        -  1.50±0.03      -  -0.001±0.030*        -    -  0.50 (0.75)",
        ];
        assert_eq!(&rows[..2], expected, "{text}");
        assert_eq!(rows.len(), 2 * tables().len());
        assert!(text.starts_with("1 attribute set, 1 face per set and method; 600 photographs"));
        let verified = "person   by the judge: AUC 0.875 of 40 pairs of one person against other people, - against";
        assert!(text.contains(verified), "{text}");
    }

    #[test]
    fn every_column_is_explained_once() {
        let text = report().to_string();
        for (heading, meaning) in meanings(&tables()) {
            let line = format!("\n{heading:<8} {meaning}\n");
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
unasked Male: what was asked has 0.98 (photographs 0.73); all else is off by 0.127 on average (0.050 by chance), most in Mustache: 0.72, \
photographs 0.13
";
        assert_eq!(probes().to_string(), expected);
    }
}
