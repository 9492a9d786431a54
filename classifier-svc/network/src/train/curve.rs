//! The report of training: the curve of every epoch.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use deepface_files::write_atomically;
use deepface_report::svg::{Panel, panels};

use crate::measure::Figure;

/// Loss and figures of the validation people per epoch: a growing table and its picture.
pub(super) struct Curve {
    table: PathBuf,
    picture: PathBuf,
}

impl Curve {
    /// Opens the curve of a run, beside its output.
    pub(super) fn open(output: &Path) -> Self {
        Self {
            table: output.with_extension("curve.tsv"),
            picture: output.with_extension("curve.svg"),
        }
    }

    /// Adds an epoch; every epoch has the same figures. Rows of this and later epochs are from before a run was resumed,
    /// and are dropped.
    pub(super) fn add(
        &mut self,
        epoch: usize,
        loss: f64,
        figures: &[Figure],
    ) -> anyhow::Result<()> {
        let mut text = String::from("epoch\tloss");
        for figure in figures {
            text += "\tvalidation_";
            text += &figure.name.to_lowercase().replace(' ', "_");
        }
        text.push('\n');
        for row in self.rows_before(epoch)? {
            text += &row;
            text.push('\n');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{epoch}\t{loss:.5}");
        for figure in figures {
            let _ = write!(text, "\t{:.5}", figure.value);
        }
        text.push('\n');
        let picture = draw(&text, figures);
        for (path, content) in [(&self.table, &text), (&self.picture, &picture)] {
            write_atomically(path, content.as_bytes())?;
        }
        Ok(())
    }

    fn rows_before(&self, epoch: usize) -> anyhow::Result<Vec<String>> {
        let table = match fs::read_to_string(&self.table) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.with_context(|| format!("cannot read {}", self.table.display()))?,
        };
        let before = |row: &&str| {
            let number = row.split('\t').next().and_then(|n| n.parse().ok());
            number.is_some_and(|n: usize| n < epoch)
        };
        Ok(table.lines().filter(before).map(str::to_owned).collect())
    }
}

/// A small panel per column of the table: the loss, and the figures after it.
fn draw(table: &str, figures: &[Figure]) -> String {
    let names = figures.iter().map(|f| format!("validation {}", f.name));
    let titles: Vec<String> = ["loss".to_owned()].into_iter().chain(names).collect();
    let rows: Vec<Vec<f64>> = table
        .lines()
        .skip(1)
        .map(|l| l.split('\t').filter_map(|f| f.parse().ok()).collect())
        .filter(|r: &Vec<f64>| r.len() == titles.len() + 1)
        .collect();
    let column = |i: usize| rows.iter().map(|row| row[i]).collect::<Vec<f64>>();
    let columns: Vec<Vec<f64>> = (1..=titles.len()).map(column).collect();
    let both = titles.iter().zip(&columns);
    let all: Vec<Panel<'_>> = both
        .map(|(title, values)| Panel { title, values })
        .collect();
    panels(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_that_is_done_again_has_one_row() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("a.safetensors");
        let epochs = |curve: &Curve| -> Vec<String> {
            let table = fs::read_to_string(&curve.table).unwrap();
            assert!(table.starts_with("epoch\tloss\tvalidation_accuracy\tvalidation_auc\n1\t"));
            let numbers = table.lines().skip(1).map(|r| r.split('\t').next().unwrap());
            numbers.map(str::to_owned).collect()
        };
        let figures = || ["accuracy", "AUC"].map(|name| Figure { name, value: 0.5 });
        let mut curve = Curve::open(&output);
        for epoch in 1..=3 {
            curve.add(epoch, 1.0, &figures()).unwrap();
        }
        assert_eq!(epochs(&curve), ["1", "2", "3"]);
        // Killed before the checkpoint of the second epoch was written.
        let mut curve = Curve::open(&output);
        curve.add(2, 0.9, &figures()).unwrap();
        assert_eq!(epochs(&curve), ["1", "2"]);
        assert!(
            fs::read_to_string(&curve.table)
                .unwrap()
                .contains("0.90000")
        );
        let picture = fs::read_to_string(&curve.picture).unwrap();
        assert!(picture.contains("<svg") && picture.contains("validation AUC: 0.5000"));
        curve.add(1, 1.0, &figures()).unwrap();
        assert_eq!(epochs(&curve), ["1"]);
    }
}
