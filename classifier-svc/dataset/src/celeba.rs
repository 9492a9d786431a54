//! The lists that come with CelebA beside its labels: who is on each photograph, and which split it belongs to.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{DatasetError, io};
use crate::fields::Separator;
use crate::places::folders;
use crate::split::Split;
use crate::text::Text;

/// Names of the list of people and of the list of splits, without their endings.
const IDENTITIES: &str = "identity_celeba";
const PARTITION: &str = "list_eval_partition";

/// Who is on each file, and which split it belongs to.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    pub(crate) people: Option<HashMap<String, String>>,
    pub(crate) splits: Option<HashMap<String, Split>>,
}

impl Lists {
    /// Reads the lists that are in a folder or in the folders in it, as CelebA's archives have them.
    ///
    /// # Errors
    /// A list cannot be read or is malformed.
    pub(crate) fn read(dir: &Path) -> Result<Self, DatasetError> {
        let mut lists = Self::default();
        if let Some(path) = find(dir, IDENTITIES) {
            lists.people = Some(read(&path, |word| Ok(word.to_owned()))?);
        }
        if let Some(path) = find(dir, PARTITION) {
            lists.splits = Some(read(&path, Split::parse)?);
        }
        Ok(lists)
    }
}

/// The file of this name with the ending of a table.
fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    let places = std::iter::once(dir.to_owned()).chain(folders(dir));
    let files = places.take(64).flat_map(|place| {
        let entries = fs::read_dir(place).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    });
    let is_list = |path: &PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let file = file.to_ascii_lowercase();
        ["txt", "csv"].iter().any(|e| file == format!("{name}.{e}")) && path.is_file()
    };
    let mut found: Vec<PathBuf> = files.filter(is_list).collect();
    found.sort();
    found.into_iter().next()
}

/// Reads a list: a file and a value a line. The first line may be a header.
fn read<T>(
    path: &Path,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<HashMap<String, T>, DatasetError> {
    let malformed = |line: usize, problem: String| DatasetError::Malformed {
        path: path.to_owned(),
        line,
        problem,
    };
    let bytes = fs::read(path).map_err(io(path))?;
    let text = Text::decode(&bytes).map_err(|problem| malformed(1, problem.into()))?;
    let mut list = HashMap::new();
    for (i, (line, row)) in text.lines().enumerate() {
        let fields = Separator::of(row).split(row);
        let [file, value] = &fields[..] else {
            let got = fields.len();
            return Err(malformed(
                line,
                format!("expected a file and a value, got {got} fields"),
            ));
        };
        if i == 0 && !file.contains('.') {
            continue;
        }
        let value = parse(value).map_err(|problem| malformed(line, problem))?;
        list.insert(file.clone(), value);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_found_and_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |file: &str| dir.path().join(file);
        for folder in ["Anno", "Eval"] {
            fs::create_dir(at(folder)).unwrap();
        }
        assert!(Lists::read(dir.path()).unwrap().people.is_none());
        fs::write(
            at("Anno/identity_CelebA.txt"),
            "000001.jpg 2880\n000002.jpg 7\n",
        )
        .unwrap();
        let csv = "image_id,partition\n000001.jpg,0\n000002.jpg,2\n";
        fs::write(at("Eval/list_eval_partition.csv"), csv).unwrap();
        let lists = Lists::read(dir.path()).unwrap();
        assert_eq!(lists.people.unwrap()["000002.jpg"], "7");
        assert_eq!(lists.splits.unwrap()["000002.jpg"], Split::Test);
        fs::write(
            at("Eval/list_eval_partition.csv"),
            "000001.jpg 0\n000002.jpg 3\n",
        )
        .unwrap();
        let problem = Lists::read(dir.path()).unwrap_err().to_string();
        assert!(problem.ends_with(
            "line 2: expected a split, 0 (training), 1 (validation) or 2 (test); got \"3\""
        ));
    }
}
