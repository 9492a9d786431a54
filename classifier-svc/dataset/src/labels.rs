//! Reading a labelled dataset.

use std::{
    fs,
    path::{Path, PathBuf},
};

use deepface_attributes::{ATTRIBUTE_COUNT, AttributeId};

use crate::{Split, split_of};

/// One labelled photograph.
#[derive(Clone, Debug)]
pub struct Photograph {
    /// The JPEG file.
    pub path: PathBuf,
    /// The person, in folder spelling (`Aaron_Peirsol`).
    pub person: String,
    /// One label per attribute, in the order of [`AttributeId::all`].
    pub labels: [bool; ATTRIBUTE_COUNT],
}

impl Photograph {
    /// The split that the person belongs to.
    pub fn split(&self) -> Split {
        split_of(&self.person)
    }
}

/// A labelled dataset.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The photographs, in the order of the label file.
    pub photographs: Vec<Photograph>,
    /// Rows of the label file whose photograph is missing.
    pub missing: usize,
}

/// Why a dataset cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// There is not exactly one label file.
    #[error("expected one *_attributes.txt in {dir}, found {found}")]
    LabelFiles {
        /// The folder that was searched.
        dir: PathBuf,
        /// Number of such files.
        found: usize,
    },
    /// The label file is malformed.
    #[error("{path}, line {line}: {problem}")]
    Malformed {
        /// The label file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What was expected and what came.
        problem: String,
    },
    /// No photograph of the label file exists.
    #[error("none of the {rows} photographs named in {labels} lies under {dir}")]
    Empty {
        /// The folder that was searched.
        dir: PathBuf,
        /// The label file.
        labels: PathBuf,
        /// Rows in it.
        rows: usize,
    },
}

impl Dataset {
    /// Reads a dataset: the label file is `dir/*_attributes.txt`, the photographs lie in `dir/PERSON/` or in
    /// `dir/ANY/PERSON/` (as `lfw-deepfunneled.tar` unpacks).
    ///
    /// # Errors
    /// A file cannot be read, the label file is missing, ambiguous or malformed, or no photograph is found.
    pub fn open(dir: &Path) -> Result<Self, DatasetError> {
        Self::open_with_labels(dir, &find_labels(dir)?)
    }

    /// Reads a dataset whose label file lies elsewhere.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn open_with_labels(dir: &Path, labels: &Path) -> Result<Self, DatasetError> {
        let text = fs::read_to_string(labels).map_err(io(labels))?;
        let rows = parse(&text, labels)?;
        let roots: Vec<PathBuf> = std::iter::once(dir.to_owned())
            .chain(entries(dir)?.into_iter().filter(|p| p.is_dir()))
            .collect();
        let mut root = 0;
        let mut photographs = Vec::with_capacity(rows.len());
        for row in &rows {
            let name = format!("{}_{:04}.jpg", row.person, row.number);
            let relative = Path::new(&row.person).join(name);
            // Nearly always all lie under one root, so the last that worked is tried first.
            let candidates = std::iter::once(root).chain(0..roots.len());
            let found = candidates
                .map(|i| (i, roots[i].join(&relative)))
                .find(|(_, path)| path.is_file());
            if let Some((i, path)) = found {
                root = i;
                photographs.push(Photograph {
                    path,
                    person: row.person.clone(),
                    labels: row.labels,
                });
            }
        }
        if photographs.is_empty() {
            return Err(DatasetError::Empty {
                dir: dir.to_owned(),
                labels: labels.to_owned(),
                rows: rows.len(),
            });
        }
        let missing = rows.len() - photographs.len();
        Ok(Self {
            photographs,
            missing,
        })
    }

    /// The photographs of one split.
    pub fn split(&self, split: Split) -> impl Iterator<Item = &Photograph> {
        self.photographs.iter().filter(move |p| p.split() == split)
    }
}

struct Row {
    person: String,
    number: u32,
    labels: [bool; ATTRIBUTE_COUNT],
}

fn parse(text: &str, path: &Path) -> Result<Vec<Row>, DatasetError> {
    let malformed = |line: usize, problem: String| DatasetError::Malformed {
        path: path.to_owned(),
        line: line + 1,
        problem,
    };
    let mut columns: Option<Vec<usize>> = None;
    let mut rows = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let fields: Vec<&str> = line.trim_end_matches('\r').split('\t').collect();
        if fields[0].starts_with('#') {
            if fields.len() > 3 && fields[1] == "person" {
                columns = Some(header(&fields[3..]).map_err(|p| malformed(i, p))?);
            }
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        let columns = columns.as_ref().ok_or_else(|| {
            malformed(
                i,
                "expected the header `# person imagenum ...` first".into(),
            )
        })?;
        rows.push(row(&fields, columns).map_err(|p| malformed(i, p))?);
    }
    Ok(rows)
}

/// The column of each of our attributes, by name: files may hold them in another order, or hold further ones.
fn header(names: &[&str]) -> Result<Vec<usize>, String> {
    AttributeId::names()
        .map(|a| {
            names
                .iter()
                .position(|n| n.eq_ignore_ascii_case(a))
                .ok_or_else(|| format!("the header has no attribute {a:?}"))
        })
        .collect()
}

fn row(fields: &[&str], columns: &[usize]) -> Result<Row, String> {
    let last = columns.iter().max().map_or(0, |&c| c + 2);
    if fields.len() <= last {
        let got = fields.len();
        return Err(format!("expected at least {} fields, got {got}", last + 1));
    }
    let number = fields[1]
        .parse()
        .map_err(|_| format!("expected an image number, got {:?}", fields[1]))?;
    let mut labels = [false; ATTRIBUTE_COUNT];
    for (label, &column) in labels.iter_mut().zip(columns) {
        let field = fields[column + 2];
        let score: f64 = field
            .parse()
            .map_err(|_| format!("expected a score, got {field:?}"))?;
        *label = score > 0.0;
    }
    let person = fields[0].replace(' ', "_");
    Ok(Row {
        person,
        number,
        labels,
    })
}

fn find_labels(dir: &Path) -> Result<PathBuf, DatasetError> {
    let is_labels = |p: &PathBuf| {
        let name = p.file_name().and_then(|n| n.to_str());
        name.is_some_and(|n| n.ends_with("_attributes.txt"))
    };
    let mut files: Vec<PathBuf> = entries(dir)?.into_iter().filter(is_labels).collect();
    match (files.pop(), files.len()) {
        (Some(file), 0) => Ok(file),
        (popped, rest) => Err(DatasetError::LabelFiles {
            dir: dir.to_owned(),
            found: rest + usize::from(popped.is_some()),
        }),
    }
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut paths = fs::read_dir(dir)
        .and_then(|entries| {
            entries
                .map(|e| e.map(|e| e.path()))
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(io(dir))?;
    paths.sort();
    Ok(paths)
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> DatasetError {
    let path = path.to_owned();
    |source| DatasetError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, rows: &str) {
        let names: Vec<_> = AttributeId::names().collect();
        let header = format!("# a comment\n#\tperson\timagenum\t{}\n", names.join("\t"));
        fs::write(dir.join("x_attributes.txt"), header + rows).unwrap();
    }

    fn scores(first: &str) -> String {
        format!("{first}\t{}", vec!["-1"; ATTRIBUTE_COUNT - 1].join("\t"))
    }

    #[test]
    fn a_dataset_in_the_public_layout_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("photos/Ann_Bo");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("Ann_Bo_0002.jpg"), b"").unwrap();
        write(
            dir.path(),
            &format!(
                "Ann Bo\t2\t{}\nAnn Bo\t3\t{}\n",
                scores("0.7"),
                scores("-1")
            ),
        );
        let data = Dataset::open(dir.path()).unwrap();
        assert_eq!((data.photographs.len(), data.missing), (1, 1));
        let photo = &data.photographs[0];
        assert_eq!(photo.person, "Ann_Bo");
        assert!(photo.labels[0] && !photo.labels[1]);
        assert_eq!(data.split(photo.split()).count(), 1);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let problem = |dir: &Path| Dataset::open(dir).unwrap_err().to_string();
        assert!(problem(dir.path()).contains("found 0"));
        write(dir.path(), &format!("Ann Bo\tx\t{}\n", scores("1")));
        assert!(problem(dir.path()).contains("line 3: expected an image number, got \"x\""));
        write(dir.path(), "Ann Bo\t1\t1\t1\n");
        assert!(problem(dir.path()).contains("fields, got 4"));
        write(dir.path(), &format!("Ann Bo\t1\t{}\n", scores("1")));
        assert!(problem(dir.path()).contains("none of the 1 photographs"));
    }
}
