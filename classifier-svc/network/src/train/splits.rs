//! The photographs of a run: the data set that its flags name, read whole before any work.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, ensure};
use deepface_attributes::Schema;
use deepface_dataset::{Dataset, Photograph, Source, Split, Unreadable, Vocabulary};
use indicatif::{ProgressBar, ProgressStyle};

use super::TrainArgs;

/// People of whom a few are in every split, nearly always.
const ENOUGH_PEOPLE: usize = 60;

/// Reads the data set. `own` are the attributes of the model that is trained further, unless its heads are new.
///
/// # Errors
/// A file cannot be read or is malformed, or the groups differ from the model's.
pub(super) fn dataset(args: &TrainArgs, own: Option<&Schema>) -> anyhow::Result<Dataset> {
    let groups = args.groups.as_ref().map(|path| {
        let table = std::fs::read_to_string(path);
        let table = table.with_context(|| format!("--groups: {}", path.display()))?;
        Schema::parse(&table).with_context(|| format!("--groups: {}", path.display()))
    });
    let groups = groups.transpose()?;
    if let (Some(groups), Some(own)) = (&groups, own) {
        let said = |schema: &Schema| format!("{schema:?}");
        ensure!(
            groups == own,
            "--groups: expected the attributes of --init ({}), got others ({}); --new-heads replaces them",
            said(own),
            said(groups)
        );
    }
    let mut dataset = Dataset::read(&Source {
        dir: args.data.clone(),
        labels: args.labels.clone(),
        vocabulary: own
            .cloned()
            .or(groups)
            .map_or(Vocabulary::OfFile, Vocabulary::Of),
        crop: args.crop,
    })?;
    for remark in &dataset.remarks {
        deepface_files::note!("{remark}");
    }
    if args.identities {
        // What is not there cannot be learned from.
        for photograph in &mut dataset.photographs {
            photograph.labels.clear();
            photograph.scores.clear();
        }
    }
    Ok(dataset)
}

/// The photographs of each split.
pub(super) struct Splits<'a> {
    pub(super) train: Vec<&'a Photograph>,
    pub(super) validation: Vec<&'a Photograph>,
    pub(super) test: Vec<&'a Photograph>,
}

impl<'a> Splits<'a> {
    /// The readable photographs of a data set.
    ///
    /// # Errors
    /// A photograph cannot be read and may not be left out, or a split has too few.
    pub(super) fn of(dataset: &'a Dataset, args: &TrainArgs) -> anyhow::Result<Self> {
        let part = |split| -> Vec<&Photograph> { dataset.split(split).collect() };
        let mut splits = Self {
            train: part(Split::Train),
            validation: part(Split::Validation),
            test: part(Split::Test),
        };
        splits.train.truncate(args.limit.unwrap_or(usize::MAX));
        splits.check(dataset, args.batch)?;
        let all = [&splits.train[..], &splits.validation, &splits.test].concat();
        let bad = read_all(&all)?.refuse_unless(args.skip_unreadable)?;
        if let Some(left_out) = bad.left_out() {
            for part in [&mut splits.train, &mut splits.validation, &mut splits.test] {
                part.retain(|p| !bad.has(p));
            }
            deepface_files::note!("{left_out}");
            splits.check(dataset, args.batch)?;
        }
        if args.identities {
            splits.keep_people(args)?;
        }
        deepface_files::note!(
            "{} photographs for training, {} for calibration, {} for the report; {} rows without a photograph",
            splits.train.len(),
            splits.validation.len(),
            splits.test.len(),
            dataset.missing
        );
        Ok(splits)
    }

    /// Keeps, for training, the people with enough photographs to learn who they are.
    ///
    /// # Errors
    /// Too few are left, or those of other splits have too few photographs to measure with.
    fn keep_people(&mut self, args: &TrainArgs) -> anyhow::Result<()> {
        let least = args.min_photographs;
        let counts = of_each(&self.train);
        let people = counts.values().filter(|&&n| n >= least).count();
        self.train.retain(|p| counts[&p.person[..]] >= least);
        let (left, batch) = (self.train.len(), args.batch);
        ensure!(
            people >= 2 && left >= batch,
            "--min-photographs: expected a number that two training people and --batch ({batch}) photographs reach, got \
             {least}, which leaves {people} people and {left} photographs"
        );
        for (split, photographs) in [("validation", &self.validation), ("test", &self.test)] {
            let counts = of_each(photographs);
            ensure!(
                counts.len() >= 2 && counts.values().any(|&n| n >= 2),
                "expected two people or more in the {split} split, and several photographs of one, to measure whether \
                 they are told apart"
            );
        }
        Ok(())
    }

    /// Checks that every split has photographs.
    fn check(&self, dataset: &Dataset, batch: usize) -> anyhow::Result<()> {
        let sizes = [&self.train, &self.validation, &self.test].map(Vec::len);
        let people: HashSet<&str> = dataset.photographs.iter().map(|p| &p.person[..]).collect();
        ensure!(
            !sizes[1..].contains(&0),
            "expected photographs in the validation and test splits, got {} and {}: the name of a person decides the split \
             (8 in 100 people for validation, 12 for test) unless a list of splits does; {} people are too few, expected \
             about {ENOUGH_PEOPLE} or more",
            sizes[1],
            sizes[2],
            people.len()
        );
        ensure!(
            sizes[0] >= batch,
            "--batch: expected at most {}, the number of training photographs; got {batch}",
            sizes[0]
        );
        Ok(())
    }
}

/// Number of photographs of each person.
fn of_each<'a>(photographs: &[&'a Photograph]) -> HashMap<&'a str, usize> {
    let mut counts = HashMap::new();
    for photograph in photographs {
        *counts.entry(&photograph.person[..]).or_default() += 1;
    }
    counts
}

/// Reads and decodes every photograph once.
fn read_all(photographs: &[&Photograph]) -> anyhow::Result<Unreadable> {
    let style = ProgressStyle::with_template("reading photographs [{bar:40}] {pos}/{len}")?;
    let bar = ProgressBar::new(photographs.len() as u64).with_style(style.progress_chars("=> "));
    let bad = Unreadable::among(photographs, || bar.inc(1));
    bar.finish_and_clear();
    Ok(bad)
}
