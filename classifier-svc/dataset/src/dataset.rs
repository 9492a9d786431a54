//! Reading a labelled data set: its label file, its lists, and where its photographs are.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use deepface_attributes::Schema;

use crate::celeba::Lists;
use crate::columns::Vocabulary;
use crate::error::{DatasetError, io};
use crate::photograph::{Crop, Photograph};
use crate::places::{Places, folders};
use crate::split::{Split, split_of};
use crate::table::{Key, Row, Table};
use crate::text::Text;

/// Where a data set is, and how it is read.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The folder of the photographs, and of the label file unless that is elsewhere.
    pub dir: PathBuf,
    /// The label file.
    pub labels: Option<PathBuf>,
    /// Which attributes it is read with.
    pub vocabulary: Vocabulary,
    /// Where the faces are. By default as in LFW where the label file names people and numbers, and else as in CelebA.
    pub crop: Option<Crop>,
}

/// A labelled data set.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The photographs, in the order of the label file.
    pub photographs: Vec<Photograph>,
    /// The attributes.
    pub schema: Schema,
    /// Whether the label file has a column for each attribute.
    pub known: Vec<bool>,
    /// Rows of the label file whose photograph is missing.
    pub missing: usize,
    /// Whether the label file names people and numbers, as those of LFW and PubFig do.
    pub by_person: bool,
    /// What a user should know about the files, a sentence each.
    pub remarks: Vec<String>,
}

impl Dataset {
    /// Reads the data set in a folder with the attributes of its label file.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    pub fn open(dir: &Path) -> Result<Self, DatasetError> {
        Self::read(&Source {
            dir: dir.to_owned(),
            ..Source::default()
        })
    }

    /// Reads a data set.
    ///
    /// # Errors
    /// A file cannot be read, a table is missing, ambiguous or malformed, two rows contradict each other, or no photograph
    /// is found.
    pub fn read(source: &Source) -> Result<Self, DatasetError> {
        let path = match &source.labels {
            Some(path) => path.clone(),
            None => find_labels(&source.dir)?,
        };
        let malformed = |(line, problem)| DatasetError::Malformed {
            path: path.clone(),
            line,
            problem,
        };
        let bytes = fs::read(&path).map_err(io(&path))?;
        let text = Text::decode(&bytes).map_err(|problem| malformed((1, problem.into())))?;
        let table = Table::read(&text, &source.vocabulary).map_err(malformed)?;
        drop(bytes);
        let lists = match table.by_file {
            true => Lists::read(&source.dir)?,
            false => Lists::default(),
        };
        let usual = if table.by_file {
            Crop::Celeba
        } else {
            Crop::Lfw
        };
        let mut reading = Reading {
            places: Places::new(&source.dir),
            crop: source.crop.unwrap_or(usual),
            lists,
            seen: HashMap::new(),
            missing: Vec::new(),
            repeated: Vec::new(),
            unknown_people: 0,
            unsplit: 0,
        };
        let mut photographs = Vec::with_capacity(table.rows.len());
        for row in &table.rows {
            photographs.extend(reading.photograph(row).map_err(malformed)?);
        }
        let (rows, missing) = (table.rows.len(), reading.missing.len());
        if photographs.is_empty() {
            return Err(DatasetError::Empty {
                dir: source.dir.clone(),
                labels: path,
                rows,
            });
        }
        let mut remarks = table.remarks;
        remarks.extend(reading.remarks());
        Ok(Self {
            photographs,
            schema: table.schema,
            known: table.known,
            missing,
            by_person: !table.by_file,
            remarks,
        })
    }

    /// The photographs of one split.
    pub fn split(&self, split: Split) -> impl Iterator<Item = &Photograph> {
        self.photographs.iter().filter(move |p| p.split() == split)
    }

    /// Number of people of one split.
    pub fn people(&self, split: Split) -> usize {
        let people = self.split(split).map(|p| p.person.as_str());
        people.collect::<HashSet<_>>().len()
    }

    /// The data set without the attributes that the label file has no column for.
    pub fn without_unknown(mut self) -> Self {
        let Some(schema) = self.schema.restrict(&self.known) else {
            return self;
        };
        if schema.len() == self.schema.len() {
            return self;
        }
        for photograph in &mut self.photographs {
            let mut known = self.known.iter();
            photograph.labels.retain(|_| known.next() == Some(&true));
            let mut known = self.known.iter();
            photograph.scores.retain(|_| known.next() == Some(&true));
        }
        self.known = vec![true; schema.len()];
        self.schema = schema;
        self
    }
}

/// The state of reading the rows of a table.
struct Reading {
    places: Places,
    crop: Crop,
    lists: Lists,
    /// Line and scores of each photograph that was found.
    seen: HashMap<PathBuf, (usize, Vec<f32>)>,
    /// Rows without a photograph: their lines.
    missing: Vec<usize>,
    /// Rows that say again what another says: their lines.
    repeated: Vec<usize>,
    /// Files that nobody says are of whom.
    unknown_people: usize,
    /// Files that the list of splits lacks.
    unsplit: usize,
}

impl Reading {
    /// The photograph of a row, unless it is missing or was there before.
    fn photograph(&mut self, row: &Row) -> Result<Option<Photograph>, (usize, String)> {
        let Some(path) = self.places.find(&row.key) else {
            self.missing.push(row.line);
            return Ok(None);
        };
        if let Some((line, scores)) = self.seen.get(&path) {
            if *scores == row.scores {
                self.repeated.push(row.line);
                return Ok(None);
            }
            let problem = format!("other labels than line {line} for the same photograph");
            return Err((row.line, problem));
        }
        self.seen
            .insert(path.clone(), (row.line, row.scores.clone()));
        let (person, split) = self.person_and_split(row);
        let Some(split) = split else {
            self.unsplit += 1;
            return Ok(None);
        };
        Ok(Some(Photograph {
            path,
            person,
            labels: row.labels.clone(),
            scores: row.scores.clone(),
            crop: self.crop,
            split,
        }))
    }

    /// Who it is, and the split: the stated one, else the person's.
    fn person_and_split(&mut self, row: &Row) -> (String, Option<Split>) {
        let file = match &row.key {
            Key::File(file) => file.as_str(),
            Key::Person(..) => "",
        };
        let listed = self.lists.people.as_ref().and_then(|all| all.get(file));
        let person = row.person.clone().or_else(|| listed.cloned());
        let person = person.unwrap_or_else(|| {
            self.unknown_people += 1;
            file.to_owned()
        });
        let split = match (row.split, &self.lists.splits) {
            (Some(split), _) => Some(split),
            (None, Some(splits)) => splits.get(file).copied(),
            (None, None) => Some(split_of(&person)),
        };
        (person, split)
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let mut lines = |lines: &[usize], what: &str| {
            if let Some(first) = lines.first() {
                remarks.push(format!("{} {what}, the first in line {first}", lines.len()));
            }
        };
        lines(&self.missing, "rows without a photograph");
        lines(&self.repeated, "repeated rows, each counted once");
        if self.unsplit > 0 {
            remarks.push(format!(
                "{} photographs left out: the list of splits lacks them",
                self.unsplit
            ));
        }
        if self.unknown_people > 0 {
            remarks.push(format!(
                "{} photographs of unknown people: the same person may be in several splits; identity_CelebA.txt or a column \
                 `identity` says who they are",
                self.unknown_people
            ));
        }
        remarks
    }
}

/// The label file of a folder: in it, or in one of a few folders in it.
fn find_labels(dir: &Path) -> Result<PathBuf, DatasetError> {
    let mut found = tables(dir)?;
    if found.is_empty() {
        for folder in folders(dir).into_iter().take(16) {
            found.extend(tables(&folder)?);
        }
    }
    match &found[..] {
        [one] => Ok(one.clone()),
        several => Err(DatasetError::LabelFiles {
            dir: dir.to_owned(),
            found: several.iter().map(|path| name(path)).collect(),
        }),
    }
}

/// The label files in a folder, in order.
fn tables(dir: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(io(dir))? {
        let path = entry.map_err(io(dir))?.path();
        let file = name(&path).to_ascii_lowercase();
        let stem = [".txt", ".csv", ".tsv"]
            .iter()
            .find_map(|e| file.strip_suffix(e));
        let is_table = |stem: &str| stem.ends_with("attributes") || stem.starts_with("list_attr");
        // macOS's archives have a `._` companion of every file.
        if stem.is_some_and(is_table) && !file.starts_with('.') {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
