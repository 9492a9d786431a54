//! Changed photographs as tables of text.

use std::fmt;

use crate::figure::Figure;
use crate::report::Edits;
use crate::table::{Column, Table, column, lines, meanings, number, plain};

use super::{EDIT, MATCHED};

/// What the networks say of changed photographs.
pub(crate) fn edit_tables() -> [Table; 2] {
    let judge = [
        Figure::Wished,
        Figure::Changed,
        Figure::Flipped,
        Figure::Drift,
    ];
    let first = judge.map(|figure| column(figure, |row| &row.judge.figures));
    let realism = column(Figure::Kid, |row| &row.judge.figures);
    let second = judge.map(|figure| column(figure, |row| &row.second_judge.figures));
    let person = [Figure::Similarity, Figure::Verified];
    let person = person.map(|figure| column(figure, |row| &row.identity.figures));
    let compared = column(Figure::Compared, |row| &row.classifier.figures);
    let seconds = plain(
        "s",
        "seconds per face, with two in progress at once",
        |row| number(row.seconds, 1),
    );
    let all = |columns: &mut dyn Iterator<Item = Column>| columns.collect();
    [
        Table {
            title: "By the judge, the identity network and the classifier",
            about: "Whether the attribute changed, what else did, and whether it is the same person.",
            columns: all(&mut first
                .into_iter()
                .chain([realism])
                .chain(person)
                .chain([compared, seconds])),
        },
        Table {
            title: "By the second judge",
            about: "Nothing was tuned with it.",
            columns: all(&mut second.into_iter()),
        },
    ]
}

impl Edits {
    /// Each kind of change, a line each: the photograph, the generator's change, and that of Deep Feature Interpolation.
    pub(crate) fn kinds(&self) -> String {
        let mut text = String::new();
        for wished in &self.wishes {
            let faces = wished.rows.iter().map(|row| row.faces).max();
            text += &format!("{:<12} {:>3}", wished.name, faces.unwrap_or_default());
            let rows = wished.rows.iter();
            for row in rows.filter(|row| [EDIT, MATCHED].contains(&&*row.name)) {
                text += &format!(
                    "  {}: asked {:.2}, changed {}, flipped {:.1}, same {:.2}",
                    row.name,
                    row.asked,
                    number(row.changed, 2),
                    row.flipped,
                    row.same
                );
            }
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for Edits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faces = self.rows.iter().map(|row| row.faces).max();
        writeln!(
            f,
            "Changed photographs: {} changes, of {} people; * marks a sure difference from the row {EDIT}.",
            faces.unwrap_or_default(),
            self.people
        )?;
        let tables = edit_tables();
        for table in &tables {
            writeln!(f, "\n{}. {}\n", table.title, table.about)?;
            f.write_str(&lines(&self.rows, &table.columns))?;
        }
        writeln!(f)?;
        for (heading, meaning) in meanings(&tables) {
            writeln!(f, "{heading:<8} {meaning}")?;
        }
        write!(f, "\n{}", self.kinds())
    }
}
